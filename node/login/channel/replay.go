package channel

import (
	"sync"
	"time"
)

// replayRoom is how many solutions each of two generations holds: more than a core can
// answer within a challenge's life. Whoever fills it has solved as many puzzles.
const replayRoom = 1 << 16

// A replaySet remembers what the puzzles were bound to that were solved. It forgets the older
// of two generations when the younger one is full or as old as a challenge may get. The zero
// value has seen nothing; it is safe for concurrent use.
//
// What it forgets too early, by a restart, say, can't be used: a solution is bound to the
// connection as well.
type replaySet struct {
	life time.Duration // how long what is remembered could be replayed

	mu         sync.Mutex
	now, older map[[16]byte]struct{}
	since      time.Time // when the younger generation began
}

// fresh reports whether a bind is new, and remembers it.
func (r *replaySet) fresh(now time.Time, bind [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.now[bind]; known {
		return false
	}
	if _, known := r.older[bind]; known {
		return false
	}
	if old := now.Sub(r.since); r.now == nil || old < 0 || old > r.life || len(r.now) >= replayRoom {
		r.now, r.older, r.since = make(map[[16]byte]struct{}), r.now, now
	}
	r.now[bind] = struct{}{}
	return true
}
