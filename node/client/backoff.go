package client

import "time"

const (
	backoffFirst = 250 * time.Millisecond
	backoffMax   = 15 * time.Second
)

// A backoff says when to try again after contact was lost: soon at first,
// then ever less often. The zero value is ready.
type backoff struct {
	last time.Duration
}

// next gives the wait before the next try. spread is a random number in
// [0, 1): it takes up to a quarter off the wait, so that the clients of a
// server that restarts do not all come back at once.
func (b *backoff) next(spread float64) time.Duration {
	b.last = min(max(2*b.last, backoffFirst), backoffMax)
	return b.last - time.Duration(spread*float64(b.last)/4)
}

// reset says that contact was made.
func (b *backoff) reset() { b.last = 0 }
