package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/login/classic"
)

func TestLoginListAndChat(t *testing.T) { inBothTiers(t, testLoginListAndChat) }

func testLoginListAndChat(t *testing.T, w *world) {
	alice := w.enter("Alice")
	// Names are compared without case, shown as registered.
	bob := w.enter("bob", func(cfg *client.Config) { cfg.Password = []byte("Bob") })
	if got := bob.User(); got != "Bob" {
		t.Errorf("bob is logged in as %q, want Bob", got)
	}
	users, err := bob.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, u := range users {
		got += fmt.Sprintf("%s %v ", u.Name, u.Online)
	}
	if want := "Alice true Bob true Charlie false Eve false "; got != want {
		t.Errorf("list: %q, want %q", got, want)
	}
	id := bob.says("alice", "hello there")
	alice.gets("Bob", "hello there")
	if e := bob.told(id, client.Delivered); e.To != "Alice" || !e.Direct {
		t.Errorf("delivery is %+v, want to Alice, directly", e)
	}
	id = alice.says("Bob", "hi   Bob")
	bob.gets("Alice", "hi   Bob")
	alice.told(id, client.Delivered)
}

// The known bug of the original: after a send to somebody who had gone
// offline, that person was wedged until a restart. Here the message is kept,
// said to be queued, and arrives when the person comes online; the next one
// works.
func TestSendToOfflineUserIsKeptAndArrives(t *testing.T) {
	inBothTiers(t, testSendToOfflineUserIsKeptAndArrives)
}

func testSendToOfflineUserIsKeptAndArrives(t *testing.T, w *world) {
	bob := w.enter("Bob")
	alice := w.enter("Alice")
	bob.told(bob.says("Alice", "first"), client.Delivered)
	alice.leave()

	second, third := bob.says("Alice", "second"), bob.says("Alice", "third")
	for _, id := range []client.MessageID{second, third} {
		if e := bob.told(id, client.Queued); !e.Held {
			t.Errorf("%+v, want it held by the server", e)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if open, err := bob.Drain(ctx); err != nil || len(open) > 0 {
		t.Errorf("a message that the server holds counts as open: %v, %v", open, err)
	}

	alice = w.enter("Alice")
	alice.gets("Bob", "second")
	alice.gets("Bob", "third")
	bob.told(second, client.Delivered)
	bob.told(third, client.Delivered)

	fourth := bob.says("Alice", "fourth")
	alice.gets("Bob", "fourth")
	bob.told(fourth, client.Delivered)
	for _, text := range []string{"first", "second", "third", "fourth"} {
		if n := alice.count(text); n > 1 {
			t.Errorf("%q was shown %d times", text, n)
		}
	}
}

func TestLongMessage(t *testing.T) { inBothTiers(t, testLongMessage) }

func testLongMessage(t *testing.T, w *world) {
	alice, bob := w.enter("Alice"), w.enter("Bob")
	text := strings.Repeat("a long message ", client.MaxText/15+1)[:client.MaxText]
	id := alice.says("Bob", text)
	bob.gets("Alice", text)
	alice.told(id, client.Delivered)
	if _, err := alice.Send(t.Context(), "Bob", text+"x"); !errors.Is(err, client.ErrTooLong) {
		t.Errorf("one byte more: %v, want ErrTooLong", err)
	}
	bob.leave()
	id = alice.says("Bob", text[1:])
	alice.told(id, client.Queued)
	w.enter("Bob").gets("Alice", text[1:])
	alice.told(id, client.Delivered)
}

// Three send at once, on both ways; each gets everything in order.
func TestThreeSendAtOnce(t *testing.T) {
	for _, way := range []struct {
		name string
		how  func(*client.Config)
	}{{"direct", func(*client.Config) {}}, {"by the server", byServer}} {
		t.Run(way.name, func(t *testing.T) {
			inBothTiers(t, func(t *testing.T, w *world) {
				const n = 10
				three := []*person{w.enter("Alice", way.how), w.enter("Bob", way.how), w.enter("Charlie", way.how)}
				for _, from := range three {
					go func() {
						for i := range n {
							for _, to := range three {
								if to != from {
									from.Send(t.Context(), to.User(), fmt.Sprintf("%s to %s: %d", from.User(), to.User(), i))
								}
							}
						}
					}()
				}
				for _, to := range three {
					got := await(to, "messages", 2*n, func(client.Message) bool { return true })
					next := map[string]int{}
					for _, m := range got {
						if want := fmt.Sprintf("%s to %s: %d", m.From, to.User(), next[m.From]); m.Text != want {
							t.Errorf("got %q, want %q", m.Text, want)
						}
						next[m.From]++
					}
					await(to, "deliveries", 2*n, func(e client.StateChanged) bool { return e.State == client.Delivered })
				}
			})
		})
	}
}

// "The client reconnects by itself": what is sent meanwhile is queued, and
// goes out when the server is back.
func TestServerRestarts(t *testing.T) { inBothTiers(t, testServerRestarts) }

func testServerRestarts(t *testing.T, w *world) {
	alice, bob := w.enter("Alice", byServer), w.enter("Bob", byServer)
	bob.told(bob.says("Alice", "before"), client.Delivered)
	w.halt()
	await(bob, "the loss of contact", 1, func(client.Lost) bool { return true })
	id := bob.says("Alice", "meanwhile")
	if e := bob.told(id, client.Queued); e.Held {
		t.Errorf("%+v: said to be held by a server that is down", e)
	}
	if _, err := bob.List(t.Context()); !errors.Is(err, client.ErrNoContact) {
		t.Errorf("list: %v, want ErrNoContact", err)
	}
	w.start()
	await(bob, "contact", 2, func(client.Connected) bool { return true })
	alice.gets("Bob", "meanwhile")
	bob.told(id, client.Delivered)
	alice.told(alice.says("Bob", "after"), client.Delivered)
}

// The outbox is on disk: a message of a run without contact leaves in the next
// one.
func TestOutboxOutlivesTheProgram(t *testing.T) { inBothTiers(t, testOutboxOutlivesTheProgram) }

func testOutboxOutlivesTheProgram(t *testing.T, w *world) {
	bob := w.enter("Bob", byServer)
	w.halt()
	await(bob, "the loss of contact", 1, func(client.Lost) bool { return true })
	id := bob.says("Alice", "from the outbox")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	open, err := bob.Drain(ctx)
	if err != nil || len(open) != 1 || open[0].ID != id || open[0].Held {
		t.Errorf("open messages: %+v, %v; want this one, in our outbox", open, err)
	}
	cancel()
	if again, err := bob.Drain(ctx); err != nil || len(again) != 1 {
		t.Errorf("open messages without a wait: %+v, %v; want the same", again, err)
	}
	bob.leave()
	w.start()
	alice := w.enter("Alice")
	bob = w.enter("Bob")
	alice.gets("Bob", "from the outbox")
	bob.told(id, client.Delivered)
}

// "It may show a message a second time if it was killed between showing it
// and Shown", and never not at all.
func TestUnshownMessagesComeAgain(t *testing.T) { inBothTiers(t, testUnshownMessagesComeAgain) }

func testUnshownMessagesComeAgain(t *testing.T, w *world) {
	alice, err := w.openDeaf("Alice")
	if err != nil {
		t.Fatal(err)
	}
	bob := w.enter("Bob")
	for i := range 3 {
		bob.told(bob.says("Alice", fmt.Sprint("number ", i)), client.Delivered)
	}
	alice.Close()
	alice.profile.Close()
	again := w.enter("Alice")
	got := await(again, "what was not shown", 3, func(client.Message) bool { return true })
	for i, m := range got {
		if want := fmt.Sprint("number ", i); m.Text != want || m.From != "Bob" {
			t.Errorf("message %d is %q from %s, want %q", i, m.Text, m.From, want)
		}
	}
	again.leave()
	third := w.enter("Alice")
	third.told(third.says("Bob", "done"), client.Delivered)
	if n := third.count("number 0"); n != 0 {
		t.Errorf("a message that was shown came again")
	}
}

// The newest login wins; the older session is told and does not come back.
func TestSecondLoginReplacesTheFirst(t *testing.T) { inBothTiers(t, testSecondLoginReplacesTheFirst) }

func testSecondLoginReplacesTheFirst(t *testing.T, w *world) {
	first := w.enter("Bob")
	other := newWorldFolder(t, w)
	second, err := other.open("Bob", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.leave)
	e := await(first, "the end", 1, func(client.Ended) bool { return true })[0]
	if !errors.Is(e.Why, client.ErrReplaced) {
		t.Errorf("ended with %v, want ErrReplaced", e.Why)
	}
	if _, err := second.List(t.Context()); err != nil {
		t.Errorf("the second session: %v", err)
	}
	// Another profile of the same user begins far above the numbers of the
	// first, so what it sends is not taken for a repetition.
	alice := w.enter("Alice")
	second.told(second.says("Alice", "from the other machine"), client.Delivered)
	alice.gets("Bob", "from the other machine")
}

// "A direct conn that cannot be made": after 1.5 s messages go by the server.
func TestDirectIsBlocked(t *testing.T) { inBothTiers(t, testDirectIsBlocked) }

func testDirectIsBlocked(t *testing.T, w *world) {
	var wall wall
	alice := w.enter("Alice", wall.around)
	bob := w.enter("Bob")
	wall.up.Store(true)
	id := bob.says("Alice", "around the wall")
	alice.gets("Bob", "around the wall")
	if e := bob.told(id, client.Delivered); e.Direct {
		t.Error("a message went through the wall")
	}
}

// A direct conn that dies without a word: what has no receipt goes by the
// server, in order and once.
func TestDirectConnDies(t *testing.T) { inBothTiers(t, testDirectConnDies) }

func testDirectConnDies(t *testing.T, w *world) {
	var wall wall
	alice := w.enter("Alice", wall.around)
	bob := w.enter("Bob")
	if e := bob.told(bob.says("Alice", "direct"), client.Delivered); !e.Direct {
		t.Fatal("the first message did not go directly")
	}
	wall.up.Store(true)
	one, two := bob.says("Alice", "one"), bob.says("Alice", "two")
	alice.gets("Bob", "one")
	alice.gets("Bob", "two")
	bob.told(one, client.Delivered)
	if e := bob.told(two, client.Delivered); e.Direct {
		t.Error("a message went through the wall")
	}
	if a, b := alice.count("one"), alice.count("two"); a != 1 || b != 1 {
		t.Errorf("shown %d and %d times, want once each", a, b)
	}
}

// A wall around a client lets only the server's datagrams pass when it is up.
type wall struct {
	up     atomic.Bool
	server netip.AddrPort
}

func (w *wall) around(cfg *client.Config) {
	cfg.Listen = func(server netip.AddrPort) (net.PacketConn, error) {
		w.server = server
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		return &walled{c, w}, err
	}
}

type walled struct {
	net.PacketConn
	wall *wall
}

func (c *walled) passes(a net.Addr) bool {
	return !c.wall.up.Load() || a.(*net.UDPAddr).AddrPort() == c.wall.server
}

func (c *walled) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || c.passes(from) {
			return n, from, err
		}
	}
}

func (c *walled) WriteTo(b []byte, to net.Addr) (int, error) {
	if !c.passes(to) {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}

func TestUnknownUser(t *testing.T) { inBothTiers(t, testUnknownUser) }

func testUnknownUser(t *testing.T, w *world) {
	bob := w.enter("Bob")
	_, err := bob.Send(t.Context(), "Alcie", "hello")
	var unknown *client.UnknownUserError
	if !errors.As(err, &unknown) || unknown.Nearest != "Alice" {
		t.Errorf("%v, want an unknown user with Alice as the nearest", err)
	}
	if _, err := bob.Send(t.Context(), "Alice", "a\xff"); !errors.Is(err, client.ErrNotText) {
		t.Errorf("bytes that are not UTF-8: %v, want ErrNotText", err)
	}
	// A note to oneself goes by the server.
	bob.told(bob.says("Bob", "remember"), client.Delivered)
	bob.gets("Bob", "remember")
}

// "wrong password ×1 → uniform fail": a wrong password and a user who does not
// exist give the same error.
func TestAttack21WrongPassword(t *testing.T) { inBothTiers(t, testAttack21WrongPassword) }

func testAttack21WrongPassword(t *testing.T, w *world) {
	var texts []string
	for _, user := range []string{"Bob", "Mallory"} {
		_, err := w.open(user, func(cfg *client.Config) { cfg.Password = []byte("wrong") })
		var refused *client.LoginError
		if !errors.As(err, &refused) || !errors.Is(err, classic.ErrPassword) && !errors.Is(err, channel.ErrPassword) {
			t.Fatalf("%s: %v, want a LoginError for the password", user, err)
		}
		texts = append(texts, strings.ReplaceAll(err.Error(), user, "NAME"))
	}
	if texts[0] != texts[1] {
		t.Errorf("%q for a wrong password, %q for nobody", texts[0], texts[1])
	}
	if _, err := w.open("Bob", func(cfg *client.Config) { cfg.Password = nil }); !errors.Is(err, keys.ErrBadPassword) {
		t.Errorf("no password: %v, want ErrBadPassword", err)
	}
}

func TestNoServer(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 8 s for an answer")
	}
	w := newWorld(t)
	w.halt()
	defer w.start()
	begun := time.Now()
	_, err := w.open("Bob", nil)
	var silent *client.NoAnswerError
	if !errors.As(err, &silent) || silent.Tries < 2 {
		t.Errorf("%v (%+v), want no answer after several tries", err, silent)
	}
	if d := time.Since(begun); d > 12*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestAskServerKey(t *testing.T) { inBothTiers(t, testAskServerKey) }

func testAskServerKey(t *testing.T, w *world) {
	key, from, err := client.AskServerKey(t.Context(), client.Config{Servers: []netip.AddrPort{w.addr}}, w.host == nil)
	if err != nil || !key.Equal(w.serverKey()) || from != w.addr {
		t.Errorf("key %v from %v, %v; want the server's", key, from, err)
	}
}

// "clock set −1 day / +1 day on client → no permanent lock-out, no acceptance
// of expired": only the server's clock counts, and ours may be set while we
// run.
func TestAttack68WrongClocks(t *testing.T) { inBothTiers(t, testAttack68WrongClocks) }

func testAttack68WrongClocks(t *testing.T, w *world) {
	alice := w.enter("Alice", func(cfg *client.Config) {
		cfg.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	})
	bob := w.enter("Bob", func(cfg *client.Config) {
		cfg.Now = func() time.Time { return time.Now().Add(-25 * time.Hour) }
	})
	bob.told(bob.says("Alice", "yesterday"), client.Delivered)
	alice.told(alice.says("Bob", "tomorrow"), client.Delivered)
	if m := alice.gets("Bob", "yesterday"); time.Since(m.Sent).Abs() > time.Minute {
		t.Errorf("sent at %v, want the server's time", m.Sent)
	}
	bob.gets("Alice", "tomorrow")
}

// Two people who read the same 60 digits have nobody between them.
func TestCompareAndVerify(t *testing.T) { inBothTiers(t, testCompareAndVerify) }

func testCompareAndVerify(t *testing.T, w *world) {
	alice, bob := w.enter("Alice"), w.enter("Bob")
	hers, err := alice.Compare(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	his, err := bob.Compare(t.Context(), "Alice")
	if err != nil || hers.Number != his.Number || hers.Verified {
		t.Fatalf("%+v and %+v, %v; want the same number, not verified", hers, his, err)
	}
	if err := alice.Verified(t.Context(), "Bob", strings.Replace(hers.Number, hers.Number[:5], "00000", 1)); !errors.Is(err, client.ErrDigits) {
		t.Errorf("another number: %v, want ErrDigits", err)
	}
	if err := alice.Verified(t.Context(), "Bob", his.Number); err != nil {
		t.Fatal(err)
	}
	bob.says("Alice", "verified")
	if !alice.gets("Bob", "verified").Verified {
		t.Error("the message of a verified user is not marked")
	}
	alice.leave()
	alice = w.enter("Alice")
	users, err := alice.List(t.Context())
	if err != nil || !users[1].Verified || users[2].Verified {
		t.Errorf("%+v, %v; want Bob verified and Charlie not", users, err)
	}
}

func TestIPv6(t *testing.T) { inBothTiers(t, testIPv6) }

func testIPv6(t *testing.T, w *world) {
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here:", err)
	} else {
		c.Close()
	}
	w.halt()
	w.addr = netip.MustParseAddrPort("[::1]:0")
	w.start()
	alice, bob := w.enter("Alice"), w.enter("Bob")
	if e := bob.told(bob.says("Alice", "over IPv6"), client.Delivered); !e.Direct {
		t.Error("not directly")
	}
	alice.gets("Bob", "over IPv6")
}
