package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/wire"
)

// A loop owns what changes in a Client. Its methods run in one goroutine; they
// never wait for the network, the disk or a reader of events.
type loop struct {
	*Client

	link     *link     // the session with the server; nil while there is no contact
	loginAt  time.Time // by our clock
	serverAt time.Time // the same by the server's
	met      bool      // there was a session
	retry    backoff
	retryAt  time.Time // when to log in again; zero while there is contact or a login runs

	contacts  map[string]*contact   // by folded name
	busy      map[*contact]struct{} // those that are not idle
	pending   []Event               // not taken by the reader yet
	unsaved   records               // not on disk yet
	recording bool                  // some are being written
	drains    []chan struct{}       // closed when everything is settled
	over      error                 // why the client gave up; nil while it goes on
}

// A contact is another user, and everything between him and us.
type contact struct {
	name     string // as registered
	key      pin
	changed  pin // what the server shows instead of key; nil if the same
	verified bool
	online   bool

	out     conversation
	in      map[wire.KeyId]*holdback // by the key that counts; each of his devices has one
	direct  *direct                  // takes our messages; nil if there is none
	directs []*direct                // all conns with him, direct among them
	retryAt time.Time                // when the server takes messages to him again
}

// idle reports whether nothing about the contact is under way.
func (ct *contact) idle() bool {
	return len(ct.out.queue) == 0 && !ct.holding() && len(ct.directs) == 0
}

// holding reports whether messages of his wait for earlier ones.
func (ct *contact) holding() bool {
	for _, in := range ct.in {
		if len(in.held) > 0 {
			return true
		}
	}
	return false
}

// from gives the order of what comes from one of his keys.
func (ct *contact) from(key wire.KeyId) *holdback {
	in := ct.in[key]
	if in == nil {
		if ct.in == nil {
			ct.in = make(map[wire.KeyId]*holdback)
		}
		in = new(holdback)
		ct.in[key] = in
	}
	return in
}

// newLoop makes the loop with what the profile holds.
func newLoop(ctx context.Context, c *Client) (*loop, error) {
	l := &loop{Client: c, contacts: make(map[string]*contact), busy: make(map[*contact]struct{})}
	peers, err := c.tier.known(ctx)
	if err != nil {
		return nil, err
	}
	l.setPeers(peers)
	box, err := c.cfg.Profile.Outbox(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: read the outbox: %w", err)
	}
	for _, o := range box {
		l.restore(o)
	}
	return l, nil
}

// restore takes up a message of an earlier run. One that the server has is not
// sent again; what became of it will be in our mailbox.
func (l *loop) restore(o profile.Outgoing) {
	ct := l.contacts[keys.Fold(o.To)]
	out := &outgoing{id: o.ID, to: o.To, seq: o.Seq, place: placeHere, state: Queued, written: time.UnixMilli(o.Time)}
	switch {
	case o.State == profile.Delivered:
		l.news(out, StateChanged{State: Delivered})
	case o.State == profile.Failed:
		l.news(out, StateChanged{State: Failed, Why: o.Why})
	case ct == nil:
		l.fail(nil, out, "no such user on this server any more")
	case o.State == profile.Sent:
		out.place, out.state, out.held = placeHeld, Sent, true
		l.add(ct, out)
	default:
		l.add(ct, out)
	}
}

// run is the loop: take what happened, do what is due, wait.
func (l *loop) run() {
	defer close(l.ended)
	defer close(l.events)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := l.cfg.Now()
		l.timeouts(now)
		l.checkDrains()
		if l.over != nil && len(l.pending) == 0 {
			l.cancel()
			return
		}
		var events chan Event
		var first Event
		if len(l.pending) > 0 {
			events, first = l.events, l.pending[0]
		}
		var disk chan records
		if !l.unsaved.empty() && !l.recording {
			disk = l.records
		}
		timer.Reset(l.untilNext(now))
		select {
		case f := <-l.calls:
			f(l)
		case events <- first:
			l.pending = l.pending[1:]
			l.taken(first)
		case disk <- l.unsaved:
			l.unsaved, l.recording = records{}, true
		case <-timer.C:
		case <-l.ctx.Done():
			return
		}
	}
}

// timeouts does what is due at now.
func (l *loop) timeouts(now time.Time) {
	if !l.retryAt.IsZero() && !now.Before(l.retryAt) {
		l.relink()
	}
	for ct := range l.busy {
		if ct.idle() {
			delete(l.busy, ct)
			continue
		}
		for _, in := range ct.in {
			l.show(ct, in.timeout(now))
		}
		if d := ct.direct; d != nil && !d.due.IsZero() && !now.Before(d.due) {
			l.directLost(d, errors.New("no receipt in time"))
		}
		l.pump(ct)
	}
}

// untilNext is how long the loop may sleep if nothing happens.
func (l *loop) untilNext(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(l.retryAt)
	for ct := range l.busy {
		for _, in := range ct.in {
			sooner(in.due)
		}
		if ct.out.next() != nil {
			sooner(ct.out.route.deadline())
			sooner(ct.retryAt)
		}
		if ct.direct != nil {
			sooner(ct.direct.due)
		}
	}
	return max(next.Sub(now), 0)
}

// emit appends to the stream of events.
func (l *loop) emit(e Event) {
	if l.over == nil {
		l.pending = append(l.pending, e)
	}
}

// taken does what follows from an event having been read.
func (l *loop) taken(e Event) {
	switch e := e.(type) {
	case Message, Unreadable:
		<-l.room
	case StateChanged:
		if e.State == Delivered || e.State == Failed {
			l.unsaved.forget = append(l.unsaved.forget, e.ID)
		}
	}
}

// giveUp ends the client for good.
func (l *loop) giveUp(why error) {
	l.emit(Ended{why})
	l.over = why
}
