package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"sotto/node/store"
	"sotto/wire"
)

// An ackLine carries a client's acks to the store. Acks are cumulative, so
// only the highest matters: however many come while the store writes one, one
// more write follows. Its goroutine exists only while an ack waits.
type ackLine struct {
	write func(upTo uint64) // returns when it is durable or given up
	start func(func())      // runs a function on a goroutine of the session

	mu         sync.Mutex
	want, done uint64
	running    bool
}

// ack notes that the client has everything up to upTo.
func (a *ackLine) ack(upTo uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.want = max(a.want, upTo)
	if !a.running && a.want > a.done {
		a.running = true
		a.start(a.run)
	}
}

func (a *ackLine) run() {
	for {
		a.mu.Lock()
		upTo := a.want
		if a.running = upTo > a.done; !a.running {
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		a.write(upTo)
		a.mu.Lock()
		a.done = upTo
		a.mu.Unlock()
	}
}

// ackRetry is how long a session waits before it repeats an ack that the store
// could not write. What is not acked would only be pushed once more.
const ackRetry = time.Second

// storeAck forgets what the client has.
func (s *session) storeAck(ctx context.Context, upTo uint64) {
	if but := s.left.upTo(upTo); len(but) > 0 {
		s.settle(ctx, store.Op{AckBut: &store.AckBut{Mailbox: s.account.mailbox, UpTo: upTo, But: but}})
		return
	}
	s.settle(ctx, store.Op{Ack: &store.Ack{
		Mailbox: s.account.mailbox,
		UpTo:    upTo,
	}})
}

// A leftover are positions of a mailbox that a client has left for another device of
// its user. No ack means them.
type leftover struct {
	mu sync.Mutex
	at []uint64 // in order
}

// add takes note of a position, and reports false if there are too many.
func (l *leftover) add(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, known := slices.BinarySearch(l.at, seq)
	if !known && len(l.at) < wire.MailboxLeaveMax {
		l.at, known = slices.Insert(l.at, i, seq), true
	}
	return known
}

// upTo gives the positions up to one.
func (l *leftover) upTo(seq uint64) []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearch(l.at, seq)
	if found {
		i++
	}
	return slices.Clone(l.at[:i])
}

// storeRefusal forgets one envelope that the client won't take, and tells its
// sender.
func (s *session) storeRefusal(ctx context.Context, seq uint64) {
	s.settle(ctx, store.Op{Refuse: &store.Refuse{Mailbox: s.account.mailbox, Seq: seq}})
}

// settle proposes op until it is done or ctx ends, and at least once.
func (s *session) settle(ctx context.Context, op store.Op) {
	for {
		if _, err := s.srv.do(op); err == nil {
			return
		}
		s.srv.count(AckFailed)
		select {
		case <-time.After(ackRetry):
		case <-ctx.Done():
			return
		}
	}
}
