package client

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A client that ends waits for messages until their fate is said; one to
// somebody offline is settled when the server holds it.
func TestSettled(t *testing.T) {
	tests := []struct {
		name   string
		out    outgoing
		online bool
		want   bool
	}{
		{"in our outbox", outgoing{place: placeHere}, false, false},
		{"on a direct conn", outgoing{place: placeDirect}, true, false},
		{"asked", outgoing{place: placeAsking}, true, false},
		{"queued at the server", outgoing{place: placeHeld, state: Queued, held: true}, false, true},
		{"sent, recipient online", outgoing{place: placeHeld, state: Sent}, true, false},
		{"sent, recipient gone", outgoing{place: placeHeld, state: Sent}, false, true},
		{"done", outgoing{place: placeDone}, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.out.settled(test.online); got != test.want {
				t.Errorf("settled is %v, want %v", got, test.want)
			}
		})
	}
}

// Messages leave in the order of their numbers, also when two were sealed at
// once and when a conn died with some of them on it.
func TestConversationOrder(t *testing.T) {
	var c conversation
	for _, seq := range []uint64{1, 3, 2, 4} {
		c.add(&outgoing{id: MessageID{byte(seq)}, seq: seq})
	}
	for range 3 {
		c.next().place = placeDirect
	}
	c.done(c.find(MessageID{1}))
	if got := c.broke(); got != 2 {
		t.Errorf("%d messages taken back, want 2", got)
	}
	var got []uint64
	for o := c.next(); o != nil; o = c.next() {
		got = append(got, o.seq)
		o.place = placeHeld
	}
	if diff := cmp.Diff(got, []uint64{2, 3, 4}); diff != "" {
		t.Errorf("order after the conn died (-got +want):\n%s", diff)
	}
}

// A direct conn that gives no receipt in time is given up. Long messages have
// longer.
func TestDirectWaitsForReceipts(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	d := &direct{out: make(chan letter, directWindow)}
	small, large := &outgoing{size: 1000}, &outgoing{size: 1 << 20}
	d.take(now, small, nil)
	if got := d.due.Sub(now); got < receiptWait || got > receiptWait+time.Second {
		t.Errorf("a small message has %v, want about %v", got, receiptWait)
	}
	d.take(now, large, nil)
	if got, want := d.due.Sub(now), 30*time.Second; got < want {
		t.Errorf("1 MiB has %v, want at least %v", got, want)
	}
	d.answered(now, small)
	d.answered(now, large)
	if !d.due.IsZero() {
		t.Errorf("with nothing on the conn a receipt is due at %v", d.due)
	}
	for range directWindow - 2 {
		d.take(now, &outgoing{}, nil)
	}
	if d.take(now, &outgoing{}, nil) {
		t.Errorf("more than %d messages fit on the conn", directWindow)
	}
}

func TestCheckText(t *testing.T) {
	for _, text := range []string{"", "hello", strings.Repeat("x", MaxText)} {
		if err := checkText(text); err != nil {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if err := checkText(strings.Repeat("x", MaxText+1)); err == nil {
		t.Errorf("%d bytes are accepted", MaxText+1)
	}
	if err := checkText("a\xff"); err == nil {
		t.Error("bytes that are not UTF-8 are accepted")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"Alice", "bob", "Charlie", "Eve"}
	tests := map[string]string{"bbo": "bob", "Alcie": "Alice", "charly": "Charlie", "x": "", "mallory": "", "EVA": "Eve", "": ""}
	for name, want := range tests {
		if got := nearest(name, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDigitsOf(t *testing.T) {
	const fingerprint = "48213 90417 22875 61120 09934 71158"
	for typed, want := range map[string]bool{
		"48213": true, "48213 90417": true, "4821390417": true, fingerprint: true,
		"4821": false, "48214": false, "": false, "90417": false, fingerprint + "1": false,
	} {
		if got := digitsOf(fingerprint, typed); got != want {
			t.Errorf("digitsOf(%q) = %v, want %v", typed, got, want)
		}
	}
}
