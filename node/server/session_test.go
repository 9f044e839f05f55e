package server

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/transport"
	"sotto/wire"
)

// The story of a message between two people who are both here: it is stored,
// pushed, acknowledged, and its sender learns of that.
func TestMessageBetweenSessions(t *testing.T) {
	w := newWorld(t, Limits{}, "Charlie")
	alice := w.enter("Alice", 0)
	bob := w.enter("bob", 0) // names are compared without case
	if p := alice.next(wire.PushTypePresence); p.Presence.Name != "Bob" || p.Presence.Online != wire.OnlineOnline {
		t.Errorf("Alice was told %v, want that Bob is online", p)
	}
	if got, want := alice.online(), "Alice+ Bob+ Charlie-"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
	bob.mustSend("ALICE", 1, "hello there", wire.SendStateSent)
	seq := alice.delivered("hello there")
	bob.mustSend("Alice", 1, "hello there", wire.SendStateSent) // a repeat changes nothing
	alice.ack(seq)
	p := bob.next(wire.PushTypeReceipt)
	if r := p.Receipt; r.Id != (wire.MessageId{1}) || r.By != "Alice" || r.State != wire.ReceiptStateDelivered {
		t.Errorf("Bob's receipt is %v, want one of Alice for message 1", p)
	}
	bob.mustSend("Alice", 1, "hello there", wire.SendStateDelivered)
	bob.mustSend("Alice", 2, "and again", wire.SendStateSent)
	alice.delivered("and again") // the repeats were not pushed before it

	if _, err := bob.ask(&wire.Request{Type: wire.RequestTypeLogout}); err != nil {
		t.Fatal(err)
	}
	if code := bob.ended(); code != wire.CloseCodeLogout {
		t.Errorf("Bob's conn was closed with %v, want logout", code)
	}
	if p := alice.next(wire.PushTypePresence); p.Presence.Name != "Bob" || p.Presence.Online != wire.OnlineOffline {
		t.Errorf("Alice was told %v, want that Bob is offline", p)
	}
}

// Attack 39: "send to an offline user, then he returns → message delivered
// later or honest 'not delivered'; next send works (README bug)".
func TestAttack39OfflineRecipientReturns(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	bob := w.enter("Bob", 0)
	bob.leave()
	for p := alice.next(wire.PushTypePresence); p.Presence.Online == wire.OnlineOnline; {
		p = alice.next(wire.PushTypePresence)
	}
	for i, text := range []string{"one", "two", "three"} {
		alice.mustSend("Bob", byte(i), text, wire.SendStateQueued)
	}
	bob = w.enter("Bob", 0)
	first := bob.delivered("one")
	bob.delivered("two")
	bob.delivered("three")
	bob.next(wire.PushTypeCaughtUp)
	alice.mustSend("Bob", 9, "four", wire.SendStateSent)
	bob.delivered("four")

	// What was not acknowledged comes again, what was does not.
	bob.ack(first)
	alice.next(wire.PushTypeReceipt)
	bob.leave()
	bob = w.enter("Bob", 0)
	bob.delivered("two")
	bob.delivered("three")
	bob.ack(bob.delivered("four"))
	for range 3 {
		alice.next(wire.PushTypeReceipt)
	}
}

// A client's numbers may come from a state that a backup has replaced: nothing
// that it was not pushed in this session is forgotten, and its sender is not
// told that it was delivered.
func TestAcksOfAnotherStateForgetNothing(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	alice.mustSend("Bob", 1, "one", wire.SendStateQueued)
	bob := w.enter("Bob", 1_000_000) // far above all positions
	first := bob.delivered("one")
	bob.ack(1_000_000)
	if r := alice.next(wire.PushTypeReceipt).Receipt; r.Id != (wire.MessageId{1}) {
		t.Errorf("receipt %v, want one of message 1", &r)
	}
	alice.mustSend("Bob", 2, "two", wire.SendStateSent)
	if seq := bob.delivered("two"); seq <= first {
		t.Errorf("position %d after %d", seq, first)
	}
	bob.leave()
	w.enter("Bob", 1_000_000).delivered("two")
}

// "failed: why": what the recipient's client won't take is not delivered, its
// sender learns of it, also when he asks again, and what came before and after
// it is not touched.
func TestRefusedIsNotDelivered(t *testing.T) {
	w := newWorld(t, Limits{})
	alice, bob := w.enter("Alice", 0), w.enter("Bob", 0)
	var at []uint64
	for i, text := range []string{"good", "forged", "good too"} {
		alice.mustSend("Bob", byte(i), text, wire.SendStateSent)
		at = append(at, bob.delivered(text))
	}
	for _, seq := range []uint64{at[1], at[1], 1 << 40} { // the second and the third change nothing
		bob.signals.Item(&wire.Signal{Type: wire.SignalTypeRefuse, Refuse: wire.MailboxRefuse{Seq: seq}})
	}
	bob.ack(at[2])
	got := make(map[byte]wire.ReceiptState)
	for range 3 {
		r := alice.next(wire.PushTypeReceipt).Receipt
		got[r.Id[0]] = r.State
	}
	want := map[byte]wire.ReceiptState{
		0: wire.ReceiptStateDelivered, 1: wire.ReceiptStateRefused, 2: wire.ReceiptStateDelivered,
	}
	if !maps.Equal(got, want) {
		t.Errorf("receipts %v, want %v", got, want)
	}
	alice.mustSend("Bob", 0, "good", wire.SendStateDelivered)
	alice.mustSend("Bob", 1, "forged", wire.SendStateRefused)
}

// A sender who is away learns of the receipt when he returns.
func TestReceiptWaitsForItsSender(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	alice.mustSend("Bob", 7, "bye", wire.SendStateQueued)
	alice.leave()
	bob := w.enter("Bob", 0)
	bob.ack(bob.delivered("bye"))
	r := w.enter("Alice", 0).next(wire.PushTypeReceipt).Receipt
	if r.Id != (wire.MessageId{7}) || r.By != "Bob" {
		t.Errorf("receipt %v, want Bob's for message 7", &r)
	}
}

// The state is copied under the running server, as a killed process and a cut
// power line would leave it: everything that was answered is in the copy.
func TestKilledServerKeepsWhatItPromised(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	for i := range byte(20) {
		alice.mustSend("Bob", i, strings.Repeat("x", int(i)+1), wire.SendStateQueued)
	}
	w.killed()
	if code := alice.ended(); code != wire.CloseCodeShuttingDown {
		t.Errorf("Alice's conn was closed with %v, want shutting_down", code)
	}
	bob := w.enter("Bob", 0)
	for i := range 20 {
		bob.delivered(strings.Repeat("x", i+1))
	}
}

// "A client of a killed and restarted server" learns of it with its next packet:
// the key of RESETs outlives the process, so nobody waits for a timeout.
func TestRestartResetsOldConns(t *testing.T) {
	w := newWorld(t, Limits{})
	w.halt()
	sock := new(muteSock)
	w.dress = func(s net.PacketConn) net.PacketConn {
		sock.UDPConn = s.(*net.UDPConn)
		return sock
	}
	w.start()
	alice := w.enter("Alice", 0)
	sock.mute.Store(true) // a killed process says no goodbye
	w.halt()
	w.dress = nil
	w.start()
	if _, err := alice.ask(&wire.Request{Type: wire.RequestTypeList}); !errors.Is(err, transport.ErrReset) {
		t.Errorf("a request on the old conn: %v, want %v", err, transport.ErrReset)
	}
	w.enter("Alice", 0)
}

// A muteSock sends until it is mute.
type muteSock struct {
	*net.UDPConn
	mute atomic.Bool
}

func (m *muteSock) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.UDPConn.WriteToUDPAddrPort(b, to)
}

func TestSecondLoginReplacesTheFirst(t *testing.T) {
	w := newWorld(t, Limits{})
	bob := w.enter("Bob", 0)
	alice := w.enter("Alice", 0)
	again := w.enter("Alice", 0)
	p := alice.next(wire.PushTypeReplaced)
	if by, want := p.Replaced.By.Port, again.endpoint.LocalAddr().Port(); by != want {
		t.Errorf("replaced by port %d, want %d", by, want)
	}
	if code := alice.ended(); code != wire.CloseCodeReplaced {
		t.Errorf("the first conn was closed with %v, want replaced", code)
	}
	bob.mustSend("Alice", 1, "which of you", wire.SendStateSent)
	again.delivered("which of you")
	if got, want := bob.online(), "Alice+ Bob+"; got != want {
		t.Errorf("list shows %q, want %q", got, want)
	}
	bob.next(wire.PushTypePresence) // Alice came, once
	select {
	case p := <-bob.pushes:
		t.Errorf("Bob was told %v of a user who was online all the time", p)
	default:
	}
}

// "A new handshake before 24 hours": a session doesn't get old, and nothing is lost
// when it ends.
func TestSessionsEndWithAge(t *testing.T) {
	w := newWorld(t, Limits{Age: 100 * time.Millisecond})
	v := w.enter("Alice", 0)
	if code := v.ended(); code != wire.CloseCodeRenew {
		t.Errorf("closed with %v, want renew", code)
	}
	if got := defaults.Age; got >= 24*time.Hour {
		t.Errorf("sessions get %v old, want less than a day", got)
	}
}

// A client that logs in and then says nothing holds no place for long.
func TestNoControlStream(t *testing.T) {
	w := newWorld(t, Limits{Attach: 50 * time.Millisecond})
	v := w.mustDial("Alice")
	if code := v.ended(); code != wire.CloseCodeProtocolError {
		t.Errorf("closed with %v, want protocol_error", code)
	}
	w.eventually("session refused", 1)
}

func TestTooManySessions(t *testing.T) {
	w := newWorld(t, Limits{Sessions: 1})
	w.enter("Alice", 0)
	v := w.mustDial("Bob")
	if code := v.ended(); code != wire.CloseCodeOverloaded {
		t.Errorf("closed with %v, want overloaded", code)
	}
}

// "A slow reader costs its own window only": who does not read loses his
// session after a while and no message; others notice nothing.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, Limits{Stall: time.Second}, "Eve")
	eve := w.mustDial("Eve")
	defer eve.login.Clear()
	var err error
	if eve.control, err = eve.conn.OpenStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := eve.control.Write([]byte{0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil { // an ack of 0, then silence
		t.Fatal(err)
	}
	alice, bob := w.enter("Alice", 0), w.enter("Bob", 0)
	big := strings.Repeat("b", 1<<20)
	for i := range byte(6) {
		alice.send("Eve", i, big)
		alice.mustSend("Bob", i, "quick", wire.SendStateSent)
		bob.delivered("quick")
	}
	w.eventually("session too slow", 1)
	if code := eve.ended(); code != wire.CloseCodeTooSlow {
		t.Errorf("closed with %v, want too_slow", code)
	}
	eve = w.enter("Eve", 0)
	for range 6 {
		eve.delivered(big)
	}
}

// The server's clock alone decides; what nobody fetched in time is dropped, and
// the sender is told.
func TestExpiredMessage(t *testing.T) {
	w := newWorld(t, Limits{Keep: time.Hour})
	alice := w.enter("Alice", 0)
	alice.mustSend("Bob", 1, "too late", wire.SendStateQueued)
	w.ahead.Store(int64(2 * time.Hour))
	w.srv.expire(t.Context())
	if r := alice.next(wire.PushTypeReceipt).Receipt; r.State != wire.ReceiptStateExpired || r.By != "Bob" {
		t.Errorf("Alice was told %v, want that the message to Bob expired", &r)
	}
}

// Marks of used challenges "must survive a restart".
func TestAttack13MarksSurviveARestart(t *testing.T) {
	w := newWorld(t, Limits{})
	now := time.Now()
	for i, want := range []bool{true, false, false} {
		if fresh, err := (marks{w.store}).Mark(now, [32]byte{1}, now.Add(time.Minute)); err != nil || fresh != want {
			t.Errorf("mark %d: fresh %v, error %v, want %v", i, fresh, err, want)
		}
		if i == 1 {
			w.halt()
			w.store.Close()
			w.open()
			w.start()
		}
	}
}

// Attack 21: "wrong password ×1 → uniform fail; the right password still works".
func TestAttack21WrongPasswordThenRight(t *testing.T) {
	eachTier(t, Limits{}, func(t *testing.T, w *world) {
		for _, name := range []string{"Alice", "Nobody"} {
			_, err := w.dial(name, w.tier.byPassword(w, name, "wrong"))
			if err == nil || !strings.Contains(err.Error(), "wrong name or password") {
				t.Errorf("login of %s with a wrong password: %v", name, err)
			}
		}
		v, err := w.dial("Alice", w.tier.byPassword(w, "Alice", "Alice"))
		if err != nil {
			t.Fatal(err)
		}
		v.login.Clear()
	})
}
