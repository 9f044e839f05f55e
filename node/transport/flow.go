package transport

import "time"

// windowRounds is how many round trips a quarter of a window must last, after which credit
// is renewed. A window has to bridge one for the credit to come back, and three for a packet
// that gets lost again and again: until it is there nothing behind it is read, and at 5% loss
// a window for four round trips stood still twice a second.
const windowRounds = 2

// windowGrowth is how many times larger a window becomes at most. A sender that begins
// sends twice as much in each round trip, and has sent twice what was read when the credit
// arrives: with windows that only double it stood still on a long path.
const windowGrowth = 4

// A receiveWindow is credit that we grant: for one stream, or for the sum of all.
// It grows, up to a maximum, while a quarter of it doesn't last, so that memory is
// granted where there is speed to gain.
type receiveWindow struct {
	limit   int64 // what the peer was or will be told
	size    int64 // how far limit is kept ahead of what was read
	max     int64
	granted instant // when limit last grew
	pending bool    // the peer has to be told
}

func newReceiveWindow(size, max int64) receiveWindow {
	return receiveWindow{limit: size, size: size, max: max}
}

// consumed says that everything below read was taken by the application. It
// renews the credit when a quarter of it is used.
func (w *receiveWindow) consumed(now instant, read int64, rtt time.Duration) {
	if w.limit-read > w.size/4*3 {
		return
	}
	lasted := now.sub(w.granted)
	if w.granted == 0 {
		lasted = windowRounds * rtt / 2 // not known: it began somewhat too small
	}
	if lasted < windowRounds*rtt {
		growth := windowRounds * rtt / max(lasted, 1)
		w.size = min(max(2, min(int64(growth), windowGrowth))*w.size, w.max)
	}
	w.granted = now
	w.limit = read + w.size
	w.pending = true
}

// shrink makes the window as small as it began. What was granted stays granted.
func (w *receiveWindow) shrink(size int64) { w.size = min(w.size, size) }

// A sendLimit is credit that we hold.
type sendLimit struct {
	limit int64
	used  int64
}

func (l *sendLimit) left() int64 { return l.limit - l.used }

// raise takes a new limit from the peer; limits only grow. It reports whether
// this one did.
func (l *sendLimit) raise(limit uint64) bool {
	if limit > maxOffset || int64(limit) <= l.limit {
		return false
	}
	l.limit = int64(limit)
	return true
}
