package transport

import (
	"time"

	"sotto/wire"
)

const (
	// maxAckRanges is how many ranges of packet numbers we remember to acknowledge.
	// Older ones are forgotten: the sender will find their packets lost.
	maxAckRanges = wire.AckRanges + 1
	// ackEvery is how many packets may wait for an acknowledgement.
	ackEvery = 32
	// ackEveryLossy is how many may on a path that loses packets: it loses
	// acknowledgements, too, and a burst that takes four of them should not take as much
	// time as the sender's window lasts. Two gaps within lossySpan packets show
	// such a path; one gap may be a number that the sender left out.
	ackEveryLossy = 4
	lossySpan     = 1024
	// delayUnit is the unit of the delay in an ACK.
	delayUnit = 8 * time.Microsecond
)

// ackState records which packets arrived and decides when to say so
// (transport.md 5.9).
type ackState struct {
	seen      ranges
	largestAt instant // when the highest number arrived
	deadline  instant // an ACK is owed by then; never if none is
	waiting   int     // packets received since the last ACK that ask for one
	gapAt     int64   // the number that followed the last gap
	lossyTill int64   // up to this number the path counts as one that loses packets
	again     bool    // and another ACK after the next one
}

// ackDelay is how long an acknowledgement may wait that nobody asked for: long
// enough for an answer to take it along. Both ends know it from their round trip
// time, and so does the sender's probe timeout.
func ackDelay(rtt time.Duration) time.Duration {
	return min(max(rtt/8, granularity), maxAckDelay)
}

// receive takes note of a packet. ackNow is the head's flag.
func (a *ackState) receive(now instant, number int64, eliciting, ackNow bool, delay time.Duration) {
	gap := false
	if n := len(a.seen); n > 0 {
		last := a.seen[n-1].end
		// A gap that opens or closes is news that a sender wants at once.
		gap = number != last
	}
	if gap {
		if number-a.gapAt < lossySpan {
			a.lossyTill = number + lossySpan
		}
		a.gapAt = number
	}
	if n := len(a.seen); n == 0 || number >= a.seen[n-1].end {
		a.largestAt = now
	}
	a.seen.add(number, number+1)
	if n := len(a.seen); n > maxAckRanges {
		a.seen = append(a.seen[:0], a.seen[n-maxAckRanges:]...)
	}
	if !eliciting {
		return
	}
	a.waiting++
	every := ackEvery
	if number < a.lossyTill {
		every = ackEveryLossy
	}
	switch {
	case ackNow || gap || a.waiting >= every:
		a.deadline = now
	default:
		a.deadline = earliest(a.deadline, now.add(delay))
	}
}

// missed says that the peer asks again for what it was told: our last ACK got lost. The
// next one goes out twice, for another loss would cost the peer a longer wait.
func (a *ackState) missed() { a.again = true }

// owed reports whether an ACK must go out now.
func (a *ackState) owed(now instant) bool { return a.deadline.reached(now) }

// wanted reports whether an ACK is worth adding to a packet that goes anyway.
func (a *ackState) wanted() bool { return a.waiting > 0 }

// segment fills in an ACK of at most the given number of ranges. It reports
// false if nothing was received.
func (a *ackState) segment(now instant, m *wire.AckSegment, limit int) bool {
	n := len(a.seen)
	if n == 0 {
		return false
	}
	newest := a.seen[n-1]
	m.Largest = uint64(newest.end - 1)
	m.Run = uint64(newest.size() - 1)
	m.Delay = uint64(max(0, now.sub(a.largestAt)) / delayUnit)
	m.Ranges = m.Ranges[:0]
	above := newest
	for i := n - 2; i >= 0 && len(m.Ranges) < limit; i-- {
		s := a.seen[i]
		m.Ranges = append(m.Ranges, wire.AckRange{
			Gap: uint64(above.start - s.end - 1),
			Run: uint64(s.size() - 1),
		})
		above = s
	}
	return true
}

// sent says that an ACK has gone out.
func (a *ackState) sent(now instant) {
	a.deadline, a.waiting = 0, 0
	if a.again {
		a.deadline, a.again = now, false
	}
}

// confirmed says that the peer knows our ACK of largest: what is below need not
// be said again.
func (a *ackState) confirmed(largest int64) {
	a.seen.remove(0, largest+1)
	if len(a.seen) == 0 {
		// The highest number stays, so that a later one can be judged.
		a.seen.add(largest, largest+1)
	}
}
