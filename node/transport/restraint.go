package transport

import "time"

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
	// queueFloor and queueEighths are by how much the round trips of a whole round
	// must exceed the shortest known to show a queue.
	queueFloor   = time.Millisecond
	queueEighths = 1
)

// A verdict is what a round of packets says about the path.
type verdict uint8

const (
	roundFine verdict = iota
	roundCongested
	roundHopeless
)

// A restraint watches the losses of each round and puts a cap on the window of a
// controller that would ignore them (transport.md 5.7). Loss counts by rounds and
// by bytes, never by packets: a burst is one event.
type restraint struct {
	cap  int // bytes in flight; 0: none
	step int // by how much the cap grows after the next good round that needed it

	prior     int // the cap before it last shrank
	shrunk    bool
	hopeless  int // rounds of hopelessLoss in a row
	delivered int64
	lost      int
	shortest  time.Duration // round trip of this round; 0: none measured
	peak      int           // the most that was in flight in this round
}

func (r *restraint) onSent(inFlight int) { r.peak = max(r.peak, inFlight) }

func (r *restraint) onLost(bytes int) { r.lost += bytes }

func (r *restraint) onRTT(rtt time.Duration) {
	if r.shortest == 0 || rtt < r.shortest {
		r.shortest = rtt
	}
}

// queued reports whether all packets of this round waited in a queue.
func (r *restraint) queued(shortest time.Duration) bool {
	return r.shortest > shortest+max(queueFloor, shortest*queueEighths/8)
}

// endRound judges the round. delivered counts all bytes acknowledged so far;
// shortest is the shortest round trip known of the path.
func (r *restraint) endRound(delivered int64, shortest time.Duration) verdict {
	v := roundFine
	share := float64(r.lost) / float64(int64(r.lost)+delivered-r.delivered+1)
	if share > hopelessLoss {
		r.hopeless++
	} else {
		r.hopeless = 0
	}
	switch {
	case r.hopeless >= hopelessRounds:
		v, r.hopeless = roundHopeless, 0
	case share > lossTolerance && r.queued(shortest):
		v = roundCongested
	}
	return v
}

// nextRound begins to count anew.
func (r *restraint) nextRound(delivered int64, inFlight int) {
	r.delivered, r.lost, r.shortest, r.peak = delivered, 0, 0, inFlight
}

// shrink puts the cap below what was in flight, but not below floor.
func (r *restraint) shrink(floor, packet int) {
	r.prior, r.shrunk = r.cap, true
	from := r.peak
	if r.cap > 0 {
		from = min(from, r.cap)
	}
	r.cap = max(int(restraintFactor*float64(from)), floor)
	r.step = packet
}

// grow raises a cap that was in the way, slowly at first, until it isn't any more.
func (r *restraint) grow(packet, target int) {
	if r.cap == 0 || r.peak+2*packet < r.cap {
		return
	}
	r.cap += r.step
	r.step = min(2*r.step, max(packet, target/8))
	if r.cap >= target {
		r.cap = 0
	}
}

// undo takes back what losses did that were none.
func (r *restraint) undo() {
	if r.shrunk {
		r.cap, r.shrunk = r.prior, false
	}
}
