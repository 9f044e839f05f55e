package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// refused wants a refusal with a code.
func refused(t *testing.T, what string, err error, want wire.RefusedCode) *chat.Refusal {
	t.Helper()
	var r *chat.Refusal
	if !errors.As(err, &r) || r.Code != want {
		t.Errorf("%s: error %v, want a refusal %v", what, err, want)
		return &chat.Refusal{}
	}
	return r
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	_, err := alice.send("Nobody", 1, "text")
	refused(t, "send to an unknown user", err, wire.RefusedCodeUnknownUser)
	_, err = alice.ask(&wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: "../etc"}})
	refused(t, "locate of no name", err, wire.RefusedCodeUnknownUser)
	_, err = alice.ask(&wire.Request{Type: 200, Unknown: []byte("from the future")})
	refused(t, "a request of a later version", err, wire.RefusedCodeUnknownRequest)
	if got, want := alice.online(), "Alice+ Bob-"; got != want {
		t.Errorf("after all that list shows %q, want %q", got, want)
	}
}

// A faulty store answers what it is told to.
type faulty struct {
	store.Engine
	err atomic.Value // of error
}

func (f *faulty) Do(ctx context.Context, op store.Op) (store.Result, error) {
	if err, _ := f.err.Load().(error); op.Append != nil && err != nil {
		return store.Result{}, err
	}
	return f.Engine.Do(ctx, op)
}

// Nothing is said to be sent that the store did not take, and quotas are the
// store's.
func TestStoreRefuses(t *testing.T) {
	w := newWorld(t, Limits{})
	w.halt()
	f := &faulty{}
	w.wrap = func(e store.Engine) store.Engine { f.Engine = e; return f }
	w.start()
	alice := w.enter("Alice", 0)
	for err, want := range map[error]wire.RefusedCode{
		store.ErrFull:        wire.RefusedCodeMailboxFull,
		store.ErrTooBig:      wire.RefusedCodeTooBig,
		store.ErrUnavailable: wire.RefusedCodeUnavailable,
		store.ErrOverload:    wire.RefusedCodeUnavailable,
	} {
		f.err.Store(fmt.Errorf("while storing: %w", err))
		_, got := alice.send("Bob", 1, "text")
		r := refused(t, err.Error(), got, want)
		if again := want == wire.RefusedCodeUnavailable; (r.Retry > 0) != again {
			t.Errorf("%v: retry after %v, want a time: %v", err, r.Retry, again)
		}
	}
}

// A mailbox holds 64 MB, and of one sender a quarter: what does not fit is
// refused, others still find room, and room that the recipient makes is used
// again.
func TestQuota(t *testing.T) {
	w := newWorld(t, Limits{}, "Charlie")
	alice, charlie := w.enter("Alice", 0), w.enter("Charlie", 0)
	big := strings.Repeat("q", wire.EnvelopeMax)
	sent := 0
	for ; sent < 100; sent++ {
		if _, err := alice.send("Bob", byte(sent), big); err != nil {
			refused(t, "a full mailbox", err, wire.RefusedCodeMailboxFull)
			break
		}
	}
	if want := store.MaxBytes / store.MaxShare / wire.EnvelopeMax; sent != want {
		t.Errorf("the mailbox took %d envelopes of Alice, want %d", sent, want)
	}
	charlie.mustSend("Bob", 1, "is there room", wire.SendStateQueued)
	bob := w.enter("Bob", 0)
	bob.ack(bob.delivered(big))
	alice.next(wire.PushTypeReceipt)
	alice.mustSend("Bob", 200, big, wire.SendStateSent)
}

// A rate belongs to the user: a new session brings no new allowance, and time
// alone does.
func TestRates(t *testing.T) {
	w := newWorld(t, Limits{
		Sends: Rate{1, 3}, SendBytes: Rate{1000, 1000}, Locates: Rate{1, 1}, Lists: Rate{1, 1},
	})
	alice := w.enter("Alice", 0)
	for i := range byte(3) {
		alice.mustSend("Bob", i, "text", wire.SendStateQueued)
	}
	check := func() {
		t.Helper()
		_, err := alice.send("Bob", 9, "text")
		if r := refused(t, "one message too many", err, wire.RefusedCodeRateLimited); r.Retry <= 0 || r.Retry > time.Second {
			t.Errorf("retry after %v, want within a second", r.Retry)
		}
	}
	check()
	alice = w.enter("Alice", 0)
	check()
	w.ahead.Store(int64(time.Hour))
	_, err := alice.send("Bob", 10, strings.Repeat("x", 990))
	if err != nil {
		t.Errorf("after an hour: %v", err)
	}
	_, err = alice.send("Bob", 11, strings.Repeat("x", 990))
	refused(t, "too many bytes", err, wire.RefusedCodeRateLimited)

	alice.online()
	_, err = alice.ask(&wire.Request{Type: wire.RequestTypeList})
	refused(t, "one list too many", err, wire.RefusedCodeRateLimited)
	locate := &wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: "Bob"}}
	alice.ask(locate)
	_, err = alice.ask(locate)
	refused(t, "one locate too many", err, wire.RefusedCodeRateLimited)
}

// raw writes bytes on a new stream and returns what the server does with it:
// the refusal's code, or 0 if it resets the stream or answers well.
func (v *visitor) raw(b []byte) (code wire.RefusedCode, err error) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	st, err := v.conn.OpenStream(ctx)
	if err != nil {
		return 0, err
	}
	st.SetDeadline(time.Now().Add(patience))
	if _, err := st.Write(b); err != nil {
		return 0, err
	}
	st.Close()
	var reply wire.Reply
	if err := chat.NewReader(st, chat.MaxReply).Item(&reply); err != nil {
		return 0, err
	}
	return reply.Refused.Code, nil
}

// "9 of 11 wrong but well-encrypted requests end the server": every request cut
// at every byte, with bytes behind it, with random bytes, is refused; the
// session that sent it and all others go on.
func TestGarbageOfAnAuthenticatedClient(t *testing.T) {
	w := newWorld(t, Limits{}, "Eve")
	alice, eve := w.enter("Alice", 0), w.enter("Eve", 0)
	entry := *w.tier.(*defaultWorld).person("Eve").last.Signed()
	entry.Body.Devices = nil // shorter, and none that follows
	requests := []*wire.Request{
		{Type: wire.RequestTypeLeaves},
		{Type: wire.RequestTypePublish, Publish: wire.PublishRequest{Entry: entry}},
		{Type: wire.RequestTypeInvite},
		{Type: wire.RequestTypeRegisterStart, RegisterStart: wire.RegisterStart{User: "Carol"}},
		{Type: wire.RequestTypeList},
		{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: "Bob"}},
		{Type: wire.RequestTypeSend, Send: wire.SendRequest{To: "Bob", Id: wire.MessageId{1}, Envelope: []byte("text")}},
	}
	frame := func(body []byte) []byte { return append([]byte{0, byte(len(body) >> 8), byte(len(body))}, body...) }
	for _, req := range requests {
		whole, err := req.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			code, err := eve.raw(frame(whole[:n]))
			if err != nil || code != wire.RefusedCodeMalformed {
				t.Errorf("%v cut to %d bytes: code %v, error %v, want malformed", req.Type, n, code, err)
			}
			if _, err := eve.raw(frame(whole)[:n+2]); err == nil {
				t.Errorf("%v: a stream that ends after %d bytes was answered", req.Type, n+2)
			}
		}
		code, err := eve.raw(frame(append(whole, 0)))
		if err != nil || code != wire.RefusedCodeMalformed {
			t.Errorf("%v with a byte behind: code %v, error %v, want malformed", req.Type, code, err)
		}
		if code, err := eve.raw(append(frame(whole), frame(whole)...)); err != nil || code != wire.RefusedCodeMalformed {
			t.Errorf("%v twice on a stream: code %v, error %v, want malformed", req.Type, code, err)
		}
	}
	if code, err := eve.raw([]byte{0xff, 0xff, 0xff}); err != nil || code != wire.RefusedCodeTooBig {
		t.Errorf("the longest frame: code %v, error %v, want too_big", code, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := make([]byte, random.IntN(200))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		eve.raw(b)
	}
	if got, want := alice.online(), "Alice+ Bob- Eve+"; got != want {
		t.Errorf("Alice's list shows %q, want %q", got, want)
	}
	if got, want := eve.online(), "Alice+ Bob- Eve+"; got != want {
		t.Errorf("Eve's list shows %q, want %q", got, want)
	}
}

// A broken control stream ends the session, and only that.
func TestGarbageOnTheControlStream(t *testing.T) {
	garbage := map[string]func(v *visitor){
		"a frame too long":      func(v *visitor) { v.control.Write([]byte{0xff, 0xff, 0xff}) },
		"an ack cut in half":    func(v *visitor) { v.control.Write([]byte{0, 0, 4, 1, 0, 0, 0}) },
		"the end of the stream": func(v *visitor) { v.control.Close() },
		"a reset":               func(v *visitor) { v.control.Reset(7) },
	}
	w := newWorld(t, Limits{})
	for name, send := range garbage {
		alice := w.enter("Alice", 0)
		send(alice)
		if code := alice.ended(); code != wire.CloseCodeProtocolError {
			t.Errorf("%s: closed with %v, want protocol_error", name, code)
		}
	}
	alice := w.enter("Alice", 0)
	if _, err := alice.control.Write([]byte{0, 0, 3, 99, 1, 2}); err != nil { // a signal of a later version
		t.Fatal(err)
	}
	alice.mustSend("Alice", 1, "note to self", wire.SendStateSent)
	alice.delivered("note to self")
	alice.ack(1<<64 - 1) // more than there ever was
	if p := alice.next(wire.PushTypeReceipt); p.Receipt.By != "Alice" {
		t.Errorf("receipt %v, want her own", p)
	}
}

// More requests at once than a session may have wait for their turn; none is
// lost, and another user's are answered meanwhile.
func TestRequestsAtOnce(t *testing.T) {
	w := newWorld(t, Limits{RequestsPerSession: 2}, "Eve")
	eve, alice := w.enter("Eve", 0), w.enter("Alice", 0)
	var hung []*transport.Stream // requests that never end take both places
	for range 2 {
		st, err := eve.conn.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.Write([]byte{0})
		hung = append(hung, st)
	}
	got := make(chan error, 5)
	for i := range byte(5) {
		go func() {
			_, err := eve.send("Bob", i, "text")
			got <- err
		}()
	}
	alice.online()
	for _, st := range hung {
		st.Close()
	}
	for range 5 {
		if err := <-got; err != nil {
			t.Errorf("a request that waited: %v", err)
		}
	}
}

// Attacks 6 and 9: strangers flood the socket with half-open logins and noise;
// an honest login succeeds all the same.
func TestAttack06And09FloodOfStrangers(t *testing.T) {
	w := newWorld(t, Limits{})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c, err := net.Dial("udp4", w.addr.String())
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		random := rand.New(rand.NewPCG(3, 4))
		b := make([]byte, 1400)
		hello := wire.Packet{Type: wire.PacketTypeHello, Payload: make([]byte, 1300)}
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			if n%2 == 0 {
				if h, err := hello.MarshalBinary(); err == nil {
					copy(b, h[:20])
				}
			}
			if _, err := c.Write(b[:random.IntN(len(b))]); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for range 3 {
		w.enter("Alice", 0)
	}
	close(stop)
	<-stopped
	if c := w.srv.Packets(); c["Begun"] > 3 || c["Malformed"]+c["Short"]+c["Corrupt"]+c["Unwanted"] == 0 {
		t.Errorf("the flood began runs of the login, or was not counted: %+v", c)
	}
}
