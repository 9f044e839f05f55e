package store

import (
	"context"
	"sync"
)

const (
	pushItems = 64 // read from the disk at once; Read itself keeps their bodies small
)

// attachments knows who wants to hear of which mailbox.
type attachments struct {
	read func(ctx context.Context, mb Mailbox, after Seq, max int) ([]Stored, bool, error)

	mu      sync.Mutex
	of      map[Mailbox][]*attachment
	closed  bool
	running sync.WaitGroup
}

// An attachment follows one mailbox. Its goroutine runs only while there may
// be something to push: wake starts it, or tells it to look again.
type attachment struct {
	mailbox Mailbox
	push    func(Stored)
	after   Seq // only the goroutine uses it

	// under attachments.mu
	detached bool
	running  bool
	again    bool // something came while it was running
}

func (as *attachments) attach(mb Mailbox, after Seq, push func(Stored)) (detach func()) {
	a := &attachment{mailbox: mb, after: after, push: push}
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.closed {
		return func() {}
	}
	if as.of == nil {
		as.of = map[Mailbox][]*attachment{}
	}
	as.of[mb] = append(as.of[mb], a)
	as.start(a)
	return func() { as.detach(a) }
}

func (as *attachments) detach(a *attachment) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a.detached {
		return
	}
	a.detached = true
	var rest []*attachment // a new slice: wake may be walking over the old one
	for _, other := range as.of[a.mailbox] {
		if other != a {
			rest = append(rest, other)
		}
	}
	if rest == nil {
		delete(as.of, a.mailbox)
	} else {
		as.of[a.mailbox] = rest
	}
}

func (as *attachments) present(mb Mailbox) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	return len(as.of[mb]) > 0
}

// wake has the attachments of these mailboxes look for what is new. It never
// waits for a push.
func (as *attachments) wake(mailboxes map[Mailbox]bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for mb := range mailboxes {
		for _, a := range as.of[mb] {
			as.start(a)
		}
	}
}

// start is called with the lock held.
func (as *attachments) start(a *attachment) {
	switch {
	case as.closed:
	case a.running:
		a.again = true
	default:
		a.running = true
		as.running.Go(func() { as.run(a) })
	}
}

// run pushes until nothing is left.
func (as *attachments) run(a *attachment) {
	for as.goOn(a, false) {
		items, more, err := as.read(context.Background(), a.mailbox, a.after, pushItems)
		for _, it := range items {
			if !as.goOn(a, false) {
				return
			}
			a.push(it)
			a.after = it.Seq
		}
		// What can't be read now is read when something else wakes us.
		if (!more || err != nil) && !as.goOn(a, true) {
			return
		}
	}
}

// goOn reports whether the goroutine of a has more to do. One that has pushed
// everything has only if something came in the meantime.
func (as *attachments) goOn(a *attachment, finished bool) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.closed || a.detached || finished && !a.again {
		a.running = false
		return false
	}
	if finished {
		a.again = false
	}
	return true
}

// close ends all attachments and waits for the pushes that run.
func (as *attachments) close() {
	as.mu.Lock()
	as.closed = true
	as.mu.Unlock()
	as.running.Wait()
}
