package transport

import (
	"math"
	"time"
)

const (
	// A round that lost more than lossTolerance of its bytes and had a queue is
	// taken for congestion; loss without a queue is the path's own.
	lossTolerance = 0.02
	// hopelessLoss for hopelessRounds rounds is taken for congestion without any
	// sign of a queue: somebody polices us, or the path got much narrower.
	hopelessLoss   = 0.15
	hopelessRounds = 3
	// restraintFactor is what remains of the window.
	restraintFactor = 0.85
	// Loss is unusual beyond so many standard deviations of what chance gives, judged
	// by so many rounds.
	chanceDeviations = 2
	chanceRounds     = 32
	// A cap is back where it was after so many rounds without congestion, and on long
	// paths after so much time.
	recoveryRounds = 64
	recoveryTime   = 3 * time.Second
	// leastQueue is the least by which round trips show a queue, whatever they are.
	leastQueue = time.Millisecond
)

// A verdict is what a round of packets says about the path.
type verdict uint8

const (
	roundFine verdict = iota
	roundCongested
	roundHopeless
)

// A restraint watches the losses of each round and puts a cap on the window of a
// controller that would ignore them (transport.md 5.7). Loss counts by bytes in a
// round, never by packets, so that a burst is one event.
//
// The cap makes a connection bearable for neighbours that do go by losses: it
// shrinks when theirs do and, like theirs, grows slowly until it is where it was.
type restraint struct {
	cap        int // bytes in flight; 0: none
	step       int // by how much the cap grows after the next good round that needed it
	shrunkFrom int
	prior      int // the cap before it last shrank
	undoable   bool

	// What the path usually loses, in bytes of the last chanceRounds rounds or so, and
	// the squares of the lengths of what it lost in a row.
	usualLost, usualSquares, usualTotal float64

	// This round.
	delivered int64 // when it began
	lost      int
	squares   float64
	marked    int           // arrived, with a mark of congestion
	shortest  time.Duration // round trip; 0: none measured
	peak      int           // the most that was in flight
	hopeless  int           // rounds of hopelessLoss until now
}

func (r *restraint) onSent(inFlight int) { r.peak = max(r.peak, inFlight) }

func (r *restraint) onLost(bytes int, squares float64) {
	r.lost += bytes
	r.squares += squares
}

func (r *restraint) onMarked(bytes int) { r.marked += bytes }

func (r *restraint) onRTT(rtt time.Duration) {
	if r.shortest == 0 || rtt < r.shortest {
		r.shortest = rtt
	}
}

// endRound judges the round. delivered counts all bytes
// acknowledged so far; shortest is the shortest round trip known of the path.
func (r *restraint) endRound(delivered int64, shortest time.Duration) verdict {
	total := float64(int64(r.lost) + delivered - r.delivered)
	share := float64(r.lost) / max(total, 1)
	unusual := r.unusual(total)
	r.usualLost += float64(r.lost) - r.usualLost/chanceRounds
	r.usualSquares += r.squares - r.usualSquares/chanceRounds
	r.usualTotal += total - r.usualTotal/chanceRounds
	if share > hopelessLoss {
		r.hopeless++
	} else {
		r.hopeless = 0
	}
	if r.hopeless >= hopelessRounds {
		r.hopeless = 0
		return roundHopeless
	}
	if r.marked > 0 {
		return roundCongested // a router says so, and spared us the loss
	}
	// The deeper the queue, the less chance has to do with it.
	if unusual && (share > lossTolerance && r.queued(shortest, shortest/8) || r.queued(shortest, shortest/2)) {
		return roundCongested
	}
	return roundFine
}

// unusual reports whether this round lost more than chance explains on a path that
// loses as much as it did lately. Without that, a path with loss and jitter would be
// taken for congested all the time.
//
// The losses of a round are the sum of rows that begin by chance; such a sum varies by the
// square root of the rows' expected squares. So a path that loses packets by tens varies by more
// than one that loses as many one by one.
func (r *restraint) unusual(total float64) bool {
	share := total / max(r.usualTotal, 1)
	return float64(r.lost) > r.usualLost*share+chanceDeviations*math.Sqrt(r.usualSquares*share)
}

// queued reports whether all packets of this round waited in a queue for so long.
func (r *restraint) queued(shortest, wait time.Duration) bool {
	return r.shortest > shortest+max(leastQueue, wait)
}

// nextRound begins to count anew.
func (r *restraint) nextRound(delivered int64, inFlight int) {
	r.delivered, r.lost, r.squares, r.marked, r.shortest, r.peak = delivered, 0, 0, 0, 0, inFlight
}

// shrink puts the cap below what was in flight, but not below floor.
func (r *restraint) shrink(floor, packet int, rtt time.Duration) {
	r.prior, r.undoable = r.cap, true
	r.shrunkFrom = r.peak
	if r.cap > 0 {
		r.shrunkFrom = min(r.peak, r.cap)
	}
	r.cap = max(int(restraintFactor*float64(r.shrunkFrom)), floor)
	rounds := min(recoveryRounds, max(1, int(recoveryTime/max(rtt, 1))))
	r.step = max(packet, (r.shrunkFrom-r.cap)/rounds)
}

// grow raises a cap that was in the way: slowly until it is where it was, then
// ever faster until it isn't in the way any more.
func (r *restraint) grow(packet, target int) {
	if r.cap == 0 || r.peak+2*packet < r.cap {
		return
	}
	r.cap += r.step
	if r.cap > r.shrunkFrom {
		r.step = min(2*r.step, max(packet, target/8))
	}
	if r.cap >= target {
		r.cap = 0
	}
}

// holds reports whether the cap keeps more from being in flight.
func (r *restraint) holds(inFlight, packet int) bool {
	return r.cap > 0 && inFlight+packet >= r.cap
}

// undo takes back what losses did that were none.
func (r *restraint) undo() {
	if r.undoable {
		r.cap, r.undoable = r.prior, false
	}
}
