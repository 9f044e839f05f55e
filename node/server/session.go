package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sotto/node/chat"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// A session is one user's conn after his login. Its goroutines are: run, which
// accepts requests; one that reads signals; one for each request, up to a
// limit; and, only while there is something to do, one that drains the queue,
// one that writes acks to the store, and the store's own that pushes the
// mailbox. All of them end with the conn.
type session struct {
	srv     *Server
	guest   guest
	account *account // nil: somebody who has none yet
	conn    *transport.Conn
	log     *slog.Logger
	end     context.CancelCauseFunc // ends run; the cause is an *ending

	queue pushQueue
	acks  ackLine
	slots chan struct{} // one for each request that is being read or answered
	wg    sync.WaitGroup

	begun   atomic.Bool   // others may see it, and it may make all requests
	gone    bool          // has left the table for good; guarded by the table
	hidden  atomic.Bool   // the client wants no conns with other clients
	visit   bool          // the client wants no session; set before anything begins
	pushed  atomic.Uint64 // the highest position that was pushed
	left    leftover      // what the client leaves for another device
	writing sync.Mutex    // held while one push is written
	control *chat.Writer
}

// errAged ends a session that has had its keys for long enough. Its client logs in
// again by itself.
var errAged = &ending{code: wire.CloseCodeRenew, reason: "old enough"}

// lifetime is how long a session may last: up to a tenth less than the limit, so
// that those who came back together after a restart don't do so again.
func (srv *Server) lifetime() time.Duration {
	return srv.limits.Age - rand.N(srv.limits.Age/10+1)
}

// allowance is what the session's user may still ask for.
func (s *session) allowance() *allowance {
	if s.account == nil {
		return s.guest.visitor()
	}
	return &s.account.allowance
}

// An ending is why the server ends a session.
type ending struct {
	code   wire.CloseCode
	reason string
	last   *wire.Push // said before the end, may be nil
}

func (e *ending) Error() string { return e.reason }

// errRemoved ends the session of a device that may log in no more.
var errRemoved = &ending{code: wire.CloseCodeRemoved, reason: "the device was removed"}

// serve runs the session of a conn that has logged in.
func (srv *Server) serve(ctx context.Context, conn *transport.Conn) {
	who := srv.tier.admit(conn.Peer())
	if who == nil {
		conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "no login")
		return
	}
	log := srv.log.With("from", conn.PeerAddr())
	if who.name() != "" {
		log = srv.log.With("user", who.name(), "from", conn.PeerAddr())
	}
	account := srv.accounts.find(who.name())
	if account == nil && who.name() != "" {
		srv.count(SessionRefused)
		conn.CloseWithCode(uint64(wire.CloseCodeRemoved), "no such account")
		return
	}
	defer srv.conns.Add(-1)
	if int(srv.conns.Add(1)) > srv.limits.Sessions {
		srv.count(SessionRefused)
		log.Warn("login refused: too many sessions", "limit", srv.limits.Sessions)
		conn.CloseWithCode(uint64(wire.CloseCodeOverloaded), "too many sessions")
		return
	}

	conn.SetKeepAlive(srv.limits.Idle / 3) // who does not answer that is gone
	since := srv.clock()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &session{
		srv: srv, guest: who, account: account, conn: conn, log: log, end: end,
		slots: make(chan struct{}, srv.limits.RequestsPerSession),
	}
	s.queue = pushQueue{limit: srv.limits.Queue, start: func() { s.wg.Go(s.drain) }}
	s.acks = ackLine{
		write: func(upTo uint64) { s.storeAck(ctx, upTo) },
		start: func(run func()) { s.wg.Go(run) },
	}
	signals, err := s.open(ctx)
	if err != nil {
		srv.count(SessionRefused)
		log.Info("login without a session", "why", err)
		s.close(wire.CloseCodeProtocolError, "no control stream")
		return
	}
	s.wg.Go(func() { s.readSignals(ctx, signals) })
	stay := time.AfterFunc(srv.limits.Visit, s.overstay)
	defer stay.Stop()
	age := time.AfterFunc(srv.lifetime(), func() { s.end(errAged) })
	defer age.Stop()
	s.begin(ctx)
	if !s.begun.Load() {
		srv.online.visit(s, srv.limits.Visits)
	}

	err = s.run(ctx)

	srv.online.leave(s)
	if e := (*ending)(nil); errors.As(err, &e) {
		s.goodbye(e)
	}
	end(nil)
	s.close(wire.CloseCodeDone, "")
	s.queue.close()
	s.wg.Wait()
	log.Info("session ended", "why", err, "after", srv.clock().Sub(since).Round(time.Second))
}

// open waits for the control stream and its first signal, and answers with
// the first frame.
func (s *session) open(ctx context.Context) (signals *chat.Reader, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.srv.limits.Attach)
	defer cancel()
	control, err := s.conn.AcceptStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for the control stream: %w", err)
	}
	control.SetReadDeadline(time.Now().Add(s.srv.limits.Attach))
	signals = chat.NewReader(control, chat.MaxSignal)
	var first wire.Signal
	if err := signals.Item(&first); err != nil {
		return nil, fmt.Errorf("read the first signal: %w", err)
	}
	control.SetReadDeadline(time.Time{})
	switch first.Type {
	case wire.SignalTypeRelayOnly: // before anybody can see the session
		s.hidden.Store(true)
	case wire.SignalTypeVisit:
		s.visit = true
	}
	welcome, err := s.guest.welcome(s.srv.clock())
	if err != nil {
		return nil, fmt.Errorf("make the first frame: %w", err)
	}
	s.control = chat.NewWriter(&steadyWriter{control, s.srv.limits.Stall})
	if err := s.control.Frame(welcome); err != nil {
		return nil, fmt.Errorf("write the first frame: %w", err)
	}
	return signals, nil
}

// begin makes s its user's session, once it may be and unless it is a visit: others see
// it, and what waits for the user is pushed.
func (s *session) begin(ctx context.Context) {
	if s.visit || s.begun.Load() || !s.guest.full() || s.begun.Swap(true) || !s.srv.online.enter(s) {
		return
	}
	if !s.guest.full() { // not any more, and nobody found it in the table then
		s.end(errRemoved)
	}
	s.srv.count(SessionBegun)
	s.log.Info("session begun")
	s.wg.Go(func() { s.pushMailbox(ctx) })
}

// overstay ends a visit, and a session that was to make a device or an account known
// and hasn't.
func (s *session) overstay() {
	if !s.begun.Load() {
		s.end(&ending{code: wire.CloseCodeDone, reason: "no session began in time"})
	}
}

// run accepts requests until the conn or ctx ends, and says why.
func (s *session) run(ctx context.Context) error {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.conn.Done():
			return s.conn.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		st, err := s.conn.AcceptStream(ctx)
		if err != nil {
			<-s.slots
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err
		}
		s.wg.Go(func() {
			defer func() { <-s.slots }()
			s.request(ctx, st)
		})
	}
}

// goodbye closes the conn for our own reason. The requests that are being
// answered get a moment to end, and where the client has something to read,
// the last push or the reply to its logout, it gets the moment to leave first.
func (s *session) goodbye(e *ending) {
	moment := time.NewTimer(s.srv.limits.Linger)
	defer moment.Stop()
	defer s.close(e.code, e.reason)
	for range cap(s.slots) {
		select {
		case s.slots <- struct{}{}:
		case <-moment.C:
			return
		}
	}
	if e.last != nil {
		s.tell(e.last)
	}
	if e.code == wire.CloseCodeShuttingDown || e.code == wire.CloseCodeRenew {
		return
	}
	select {
	case <-s.conn.Done():
	case <-moment.C:
	}
}

// readSignals takes the client's acks and refusals until the control stream
// ends. A refusal is stored before the next signal is read, so that no ack of
// the same envelope can overtake it. What this session has not pushed is not
// forgotten, whatever the client says: its numbers may come from a state that a
// backup has replaced since, and somebody without an account has no mailbox.
// Positions begin with 1, so of a session that has pushed nothing nothing is forgotten.
func (s *session) readSignals(ctx context.Context, r *chat.Reader) {
	for {
		var sig wire.Signal
		if err := r.Item(&sig); err != nil {
			if s.conn.Err() == nil { // the stream ended, or a frame is broken: no session without it
				s.srv.count(BadSignal)
				s.close(wire.CloseCodeProtocolError, "control stream broken")
			}
			return
		}
		switch sig.Type {
		case wire.SignalTypeAck:
			s.acks.ack(min(sig.Ack.UpTo, s.pushed.Load()))
		case wire.SignalTypeRelayOnly:
			s.hidden.Store(true)
		case wire.SignalTypeRefuse:
			if sig.Refuse.Seq > 0 && sig.Refuse.Seq <= s.pushed.Load() {
				s.storeRefusal(ctx, sig.Refuse.Seq)
			}
		case wire.SignalTypeLeave:
			if sig.Leave.Seq > 0 && sig.Leave.Seq <= s.pushed.Load() && !s.left.add(sig.Leave.Seq) {
				s.close(wire.CloseCodeProtocolError, "too much is left in the mailbox")
				return
			}
		}
	}
}

// backlogStep is how many entries of a mailbox are read at a time.
const backlogStep = 64

// pushMailbox pushes what waits in the mailbox, says that this was all, and has
// the store push what comes from then on.
func (s *session) pushMailbox(ctx context.Context) {
	var after store.Seq
	for more := true; more; {
		var items []store.Stored
		var err error
		items, more, err = s.srv.engine.Read(ctx, s.account.mailbox, after, backlogStep)
		if err != nil {
			s.end(&ending{code: wire.CloseCodeOverloaded, reason: "the mailbox cannot be read"})
			return
		}
		for _, e := range items {
			if ctx.Err() != nil {
				return
			}
			s.pushStored(e)
			after = e.Seq
		}
	}
	s.push(&wire.Push{Type: wire.PushTypeCaughtUp})
	context.AfterFunc(ctx, s.srv.engine.Attach(s.account.mailbox, after, s.pushStored))
}

// receiptState says what a note in a mailbox means.
var receiptState = map[store.Kind]wire.ReceiptState{
	store.KindDelivered: wire.ReceiptStateDelivered,
	store.KindExpired:   wire.ReceiptStateExpired,
	store.KindRefused:   wire.ReceiptStateRefused,
}

// pushStored pushes an entry of the mailbox. It waits as long as the client
// reads, and meanwhile the rest of the mailbox stays on disk.
func (s *session) pushStored(e store.Stored) {
	p := &wire.Push{}
	count := ReceiptPushed
	switch e.Kind {
	case store.KindEnvelope:
		p.Type = wire.PushTypeDeliver
		p.Deliver = wire.Deliver{Seq: uint64(e.Seq), Envelope: e.Body}
		count = EnvelopePushed
	default:
		p.Type = wire.PushTypeReceipt
		p.Receipt = wire.Receipt{
			Seq: uint64(e.Seq), State: receiptState[e.Kind], By: e.From, Id: wire.MessageId(e.ID), TimeMs: uint64(e.At),
		}
	}
	s.pushed.Store(uint64(e.Seq)) // before the client can know of it
	if s.push(p) == nil {
		s.srv.count(count)
	}
}

// tell queues a push for the client. It never waits.
func (s *session) tell(p *wire.Push) bool {
	ok := s.queue.add(p)
	if !ok {
		s.srv.count(PushDropped)
	}
	return ok
}

// drain writes what is queued.
func (s *session) drain() {
	for p, ok := s.queue.next(); ok; p, ok = s.queue.next() {
		s.push(p)
	}
}

// push writes p on the control stream and waits for room there. A client that
// makes it wait without reading a byte loses its session; nothing is lost with
// it, since what is not acked stays in the mailbox.
func (s *session) push(p *wire.Push) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.control.Item(p)
	if errors.Is(err, transport.ErrDeadline) {
		s.srv.count(SessionTooSlow)
		s.close(wire.CloseCodeTooSlow, "pushes are not read")
	}
	return err
}

func (s *session) close(code wire.CloseCode, reason string) {
	s.conn.CloseWithCode(uint64(code), reason)
}

// A steadyWriter writes to a stream and gives up only when not one byte was
// taken for as long as stall: a slow reader is not a dead one.
type steadyWriter struct {
	stream *transport.Stream
	stall  time.Duration
}

func (w *steadyWriter) Write(b []byte) (int, error) {
	done := 0
	for {
		w.stream.SetWriteDeadline(time.Now().Add(w.stall))
		n, err := w.stream.Write(b[done:])
		if done += n; done == len(b) || n == 0 || !errors.Is(err, transport.ErrDeadline) {
			return done, err
		}
	}
}
