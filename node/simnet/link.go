package simnet

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// A Link is what happens to datagrams in one direction between two hosts.
// Shares are between 0 and 1. The zero Link delivers everything at once.
type Link struct {
	Delay   time.Duration // for every datagram
	Jitter  time.Duration // up to this much more
	Ordered bool          // jitter never lets a datagram overtake another

	Loss      float64 // share lost, each by itself
	Burst     float64 // share of datagrams that begin a burst of losses
	BurstSize int     // how many datagrams a burst takes
	Duplicate float64 // share delivered twice
	Reorder   float64 // share held back by up to ReorderBy
	ReorderBy time.Duration
	Corrupt   float64 // share in which one bit flips

	Rate  int // bytes per second; 0: no limit
	Queue int // bytes that wait for the rate before more are dropped; 0: 64 KiB
	MTU   int // larger datagrams are dropped; 0: no limit
	Down  bool

	Mark   int  // marks congestion (ECN) when so many bytes wait, if the sender allows it; 0: never
	Bleach bool // clears the marks
}

// Marks of congestion in an IP header, RFC 3168.
const (
	markable  = 2
	congested = 3
)

const defaultQueue = 64 << 10

// A direction is a link at work.
type direction struct {
	link   Link
	random *rand.Rand
	free   time.Time // when the rate lets the next datagram leave
	last   time.Time // the latest delivery so far
	burst  int       // losses that a burst still causes
}

// A fate is what the link decided on one datagram. Every datagram costs the same
// draws, so that a changed share changes nothing else.
type fate struct {
	why    string // "" if it is delivered
	at     time.Time
	again  time.Time // of the duplicate; zero if there is none
	bitPos int       // the bit to flip; -1 if none
	mark   byte
}

func newDirection(seed uint64, from, to netip.Addr, l Link) *direction {
	h := seed
	for _, a := range [2]netip.Addr{from, to} {
		for _, b := range a.As16() {
			h = (h ^ uint64(b)) * 0x100000001b3 // FNV
		}
	}
	return &direction{link: l, random: rand.New(rand.NewPCG(seed, h))}
}

func (d *direction) fate(now time.Time, size int, mark byte) fate {
	l, r := &d.link, d.random
	lost, burst, twice, late, broken := r.Float64(), r.Float64(), r.Float64(), r.Float64(), r.Float64()
	jitter := time.Duration(r.Float64() * float64(l.Jitter))
	behind := time.Duration(r.Float64() * float64(l.ReorderBy))
	hair := time.Duration(r.Int64N(1000)) // so that no two arrive at once
	bit := r.IntN(max(size*8, 1))

	f := fate{bitPos: -1, mark: mark}
	if l.Bleach {
		f.mark = 0
	}
	leave := now
	if l.Rate > 0 {
		queue := l.Queue
		if queue == 0 {
			queue = defaultQueue
		}
		if d.free.Before(now) {
			d.free = now
		}
		if waiting := d.free.Sub(now).Seconds() * float64(l.Rate); int(waiting) > queue {
			f.why = "queue"
			return f
		} else if l.Mark > 0 && int(waiting) > l.Mark && f.mark == markable {
			f.mark = congested
		}
		d.free = d.free.Add(time.Duration(float64(size) / float64(l.Rate) * float64(time.Second)))
		leave = d.free
	}
	if d.burst == 0 && burst < l.Burst {
		d.burst = max(l.BurstSize, 1)
	}
	switch {
	case l.Down:
		f.why = "down"
	case l.MTU > 0 && size > l.MTU:
		f.why = "mtu"
	case d.burst > 0:
		d.burst--
		f.why = "burst"
	case lost < l.Loss:
		f.why = "loss"
	}
	f.at = leave.Add(l.Delay + jitter + hair)
	if l.Ordered && !f.at.After(d.last) {
		f.at = d.last.Add(1)
	}
	if late < l.Reorder {
		f.at = f.at.Add(behind)
	} else if f.at.After(d.last) {
		d.last = f.at
	}
	if twice < l.Duplicate {
		f.again = f.at.Add(l.Delay/2 + hair + 1)
	}
	if broken < l.Corrupt && size > 0 {
		f.bitPos = bit
	}
	return f
}
