package channel

import (
	"sync"
	"time"
)

// replayRoom is how many solutions each of two generations holds: more than a core can
// answer within a challenge's life. Whoever fills it has solved as many puzzles.
const replayRoom = 1 << 16

const (
	// maxBoxes is how many boxes are tried with one solution. Who sees a B3 on its way can
	// send another box under it, which may come first; to spoil the login he has to do so
	// each time that it is repeated. For one puzzle he gets no more than so many boxes opened.
	maxBoxes = 4
	usedUp   = maxBoxes + 1
)

// A replaySet remembers what the puzzles were bound to that were solved: how many boxes were
// tried with each, and of which one was good. It forgets the older of two generations when the
// younger one is full or as old as a challenge may get. The zero value has seen nothing; it is
// safe for concurrent use.
//
// What it forgets too early, by a restart, say, can't be used: a solution is bound to the
// connection as well.
type replaySet struct {
	life time.Duration // how long what is remembered could be replayed

	mu         sync.Mutex
	now, older map[[16]byte]uint8
	since      time.Time // when the younger generation began
}

// try reports whether a box may be tried with a bind, and counts it.
func (r *replaySet) try(now time.Time, bind [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	generation := r.generation(now, bind)
	if generation[bind] >= maxBoxes {
		return false
	}
	generation[bind]++
	return true
}

// use uses a bind up. It reports false if it was used up before.
func (r *replaySet) use(now time.Time, bind [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	generation := r.generation(now, bind)
	if generation[bind] == usedUp {
		return false
	}
	generation[bind] = usedUp
	return true
}

// generation is the one that a bind stands in, or belongs into.
func (r *replaySet) generation(now time.Time, bind [16]byte) map[[16]byte]uint8 {
	for _, g := range [...]map[[16]byte]uint8{r.now, r.older} {
		if _, known := g[bind]; known {
			return g
		}
	}
	if old := now.Sub(r.since); r.now == nil || old < 0 || old > r.life || len(r.now) >= replayRoom {
		r.now, r.older, r.since = make(map[[16]byte]uint8), r.now, now
	}
	return r.now
}
