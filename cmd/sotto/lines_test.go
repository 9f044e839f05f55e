package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/login/puzzle"
	"sotto/node/store/disk"
)

// Every event is one line.
func TestRender(t *testing.T) {
	at := time.Date(2026, 11, 22, 22, 43, 7, 0, time.Local)
	id := client.MessageID{0x7f, 0x3a}
	tests := []struct {
		event client.Event
		want  string
		wrong bool
	}{
		{client.Connected{User: "Bob", Server: netip.MustParseAddrPort("127.0.0.1:5000")}, "connected to 127.0.0.1:5000 as Bob, server key matches", false},
		{client.Connected{User: "Bob", Server: netip.MustParseAddrPort("127.0.0.1:5000"), Again: true}, "contact with 127.0.0.1:5000 again", false},
		{client.StateChanged{ID: id, To: "Alice", State: client.Sent, At: at}, "sent to Alice 22:43, message 7f3a", false},
		{client.StateChanged{ID: id, To: "Alice", State: client.Delivered, At: at}, "message 7f3a delivered", false},
		{client.StateChanged{ID: id, To: "Alice", State: client.Queued, Held: true, At: at}, "queued for Alice 22:43, message 7f3a: Alice is offline; the server holds it, sealed, for up to 30 days", false},
		{client.StateChanged{ID: id, To: "Alice", State: client.Queued, At: at}, "queued for Alice 22:43, message 7f3a: no contact; it is kept and goes out by itself", false},
		{client.StateChanged{ID: id, To: "Alice", State: client.Failed, Why: "the recipient's mailbox is full", At: at}, "message 7f3a to Alice failed: the recipient's mailbox is full", true},
		{client.Message{From: "Alice", Text: "hi Bob\nbye", Sent: at}, `22:43 Alice: hi Bob\nbye`, false},
		{client.Message{From: "Alice", Text: "hi", Sent: at, Late: true}, "22:43 Alice: (late) hi", false},
		{client.Gap{From: "Alice", Missing: 1}, "missing: 1 message from Alice did not arrive", true},
		{client.Gap{From: "Alice", Missing: 2}, "missing: 2 messages from Alice did not arrive", true},
		{client.Unreadable{From: "Eve", Why: errors.New("it does not open")}, "not accepted: a message that says it is from Eve: it does not open", true},
		{client.Lost{Waiting: 2, Retry: 4 * time.Second}, "no contact with HOST:5000, 2 waiting, retry in 4 s", true},
		{client.RateLimited{To: "Alice", Retry: 3 * time.Second}, "Slow down: the server takes no more for now. Yours to Alice is queued and goes out in 3 s.", true},
		{client.PresenceChanged{User: "Alice", Online: true}, "", false},
	}
	for _, test := range tests {
		line, wrong := render(test.event, "Bob", "HOST:5000", "server key matches")
		if line != test.want || wrong != test.wrong {
			t.Errorf("%T: %q, %v; want %q, %v", test.event, line, wrong, test.want, test.wrong)
		}
	}
}

// A message of 1 MiB is one line, whole.
func TestRenderLongMessage(t *testing.T) {
	line, _ := render(client.Message{From: "Alice", Text: strings.Repeat("x\n", client.MaxText/2)}, "", "", "")
	if want := len("00:00 Alice: ") + client.MaxText/2*3; len(line) != want || strings.Contains(line, "\n") {
		t.Errorf("%d bytes, want %d on one line", len(line), want)
	}
}

func TestRenderList(t *testing.T) {
	got := renderList([]client.User{
		{Name: "Alice", Online: true, Verified: true}, {Name: "Bob", Online: true},
		{Name: "Charlie", Online: true, KeyChanged: true}, {Name: "Eve"},
	}, "Bob")
	if want := "online: Alice (verified), Charlie (key changed)\noffline: Eve"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := renderList([]client.User{{Name: "Bob", Online: true}}, "Bob"), "online: nobody else"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Each failure is a line for the person and the exit code of the manual.
func TestExplain(t *testing.T) {
	server := netip.MustParseAddrPort("203.0.113.7:5000")
	tests := []struct {
		err  error
		code int
		want string
	}{
		{&client.NoAnswerError{Server: server, After: 8 * time.Second, Tries: 5}, exitNoContact,
			"No answer from chat.example.org:5000 (203.0.113.7:5000, UDP) after 8 s, 5 tries. Server off, wrong port, or UDP blocked here. Nothing was sent."},
		{&client.LoginError{User: "bob", Server: server, Why: classic.ErrPassword}, exitLogin,
			"Login refused for bob on chat.example.org:5000: wrong name or password. Check both and try again."},
		{&client.LoginError{User: "bob", Server: server, Why: keys.ErrBadPassword}, exitLogin, "Login refused for bob"},
		{&client.LoginError{User: "bob", Server: server, Why: &puzzle.TooHardError{D: 3, K: 9}}, exitRateLimited, "given up"},
		{&client.ServerKeyError{Pinned: "1", Shown: "2"}, exitKeyChanged, "STOP. This server shows a new key that the old key did not sign"},
		{&client.DirectoryError{Why: errors.New("a fork")}, exitKeyChanged, "STOP."},
		{&client.UnknownUserError{Name: "bbo", Nearest: "bob"}, exitNoUser, `No user "bbo" on this server. Nearest contact: bob. Nothing was sent.`},
		{&client.UnknownUserError{Name: "\x1b[2J"}, exitNoUser, `No user "\x1b[2J" on this server. Nothing was sent.`},
		{&client.KeyChangedError{User: "carol", Fingerprint: "48213 90417"}, exitKeyChanged, "carol's key is new and not signed by the old one"},
		{&disk.LockedError{Path: "p", PID: 4242}, exitLocked, "Profile of bob on chat.example.org:5000 is locked by process 4242"},
		{&disk.DamagedError{Path: "p", Why: "cut"}, exitLocked, "P is damaged (cut): put a backup in its place"},
		{fmt.Errorf("%w: %w", profile.ErrUnavailable, syscall.ENOSPC), exitLocked, "The disk of the profile of bob on chat.example.org:5000 is full. Nothing was sent. Make room"},
		{fmt.Errorf("%w: %w", profile.ErrUnavailable, syscall.EIO), exitLocked, "The profile of bob on chat.example.org:5000 fails: profile unavailable: "},
		{fmt.Errorf("%w: Alice", client.ErrSameKey), exitUsage, "The key has not changed: Alice. There is nothing to accept."},
		{fmt.Errorf("send: %w", client.ErrTooLong), exitUsage, "Send: too long. Nothing was sent."},
		{client.ErrReplaced, exitLogin, "bob logged in from elsewhere"},
		{client.ErrNoContact, exitNoContact, "No contact with chat.example.org:5000 now"},
		{errors.New("odd"), exitInternal, "Odd"},
	}
	for _, test := range tests {
		f := explain(test.err, "bob", "chat.example.org:5000")
		if f.code != test.code || !strings.Contains(f.line, test.want) || strings.Contains(f.line, "\n") {
			t.Errorf("%v: exit %d, %q; want exit %d, one line with %q", test.err, f.code, f.line, test.code, test.want)
		}
	}
}
