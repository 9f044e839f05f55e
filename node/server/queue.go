package server

import (
	"slices"
	"sync"

	"sotto/wire"
)

// A pushQueue holds what a session is told apart from its mailbox. That comes
// from other sessions, which must never wait for this one, so the queue is
// bounded and what does not fit is dropped: a lost introduction costs the
// caller a direct conn, a lost presence the display of one change.
type pushQueue struct {
	limit int
	start func() // starts the drain; called with mu held, only while there is none

	mu       sync.Mutex
	items    []*wire.Push
	draining bool
	closed   bool
}

// add appends p and reports whether it fitted.
func (q *pushQueue) add(p *wire.Push) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch p.Type {
	case wire.PushTypePresence, wire.PushTypeTree: // only the latest counts, of a user or of the log
		q.items = slices.DeleteFunc(q.items, func(old *wire.Push) bool {
			return old.Type == p.Type && old.Presence.Name == p.Presence.Name
		})
	}
	if q.closed || len(q.items) >= q.limit {
		return false
	}
	q.items = append(q.items, p)
	if !q.draining {
		q.draining = true
		q.start()
	}
	return true
}

// next takes the oldest push. Without one the drain has ended, and the next
// add starts another: so there is a goroutine only while there is something
// to say.
func (q *pushQueue) next() (*wire.Push, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.draining = false
		return nil, false
	}
	p := q.items[0]
	q.items = slices.Delete(q.items, 0, 1)
	return p, true
}

// close drops what waits and all that will come.
func (q *pushQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.closed = nil, true
}
