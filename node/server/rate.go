package server

import (
	"sync"
	"time"
)

// A bucket holds tokens that come back at a steady rate. The zero bucket is
// full.
type bucket struct {
	used float64 // tokens that are missing
	at   time.Time
}

// take takes n tokens, or none and says how long until they are there. A
// request for more than the bucket holds is granted to a full bucket, which
// then owes the rest: else it could never be granted.
func (b *bucket) take(now time.Time, r Rate, n float64) (wait time.Duration) {
	switch past := now.Sub(b.at); {
	case past > 0:
		b.used = max(0, b.used-past.Seconds()*r.PerSecond)
		b.at = now
	case past < -time.Second: // it was ahead then; of two calls at once the later reading may come first
		b.at = now
	}
	if over := b.used + min(n, r.Burst) - r.Burst; over > 0 {
		return time.Duration(over / r.PerSecond * float64(time.Second))
	}
	b.used += n
	return 0
}

// An allowance is what one user may still ask for. It belongs to the user, or to
// the invitation of who is none yet, and not to the session, so that logging in again
// brings nothing.
type allowance struct {
	mu                           sync.Mutex
	sends, sendBytes, dailySends bucket
	locates, lists               bucket
	leaves, publishes, invites   bucket
}

// send takes one message of size bytes.
func (a *allowance) send(now time.Time, l *Limits, size int) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sends, dailySends := a.sends, a.dailySends
	if wait = a.sends.take(now, l.Sends, 1); wait > 0 {
		return wait
	}
	if wait = a.dailySends.take(now, l.DailySends, 1); wait == 0 {
		wait = a.sendBytes.take(now, l.SendBytes, float64(size))
	}
	if wait > 0 {
		a.sends, a.dailySends = sends, dailySends // refused: the message is not counted
	}
	return wait
}

func (a *allowance) locate(now time.Time, l *Limits) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.locates.take(now, l.Locates, 1)
}

func (a *allowance) list(now time.Time, l *Limits) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists.take(now, l.Lists, 1)
}

func (a *allowance) leaf(now time.Time, l *Limits) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaves.take(now, l.Leaves, 1)
}

func (a *allowance) publish(now time.Time, l *Limits) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.publishes.take(now, l.Publishes, 1)
}

func (a *allowance) invite(now time.Time, l *Limits) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.invites.take(now, l.Invites, 1)
}
