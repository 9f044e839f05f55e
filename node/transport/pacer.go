package transport

import "time"

const (
	// paceDebt is how far sending may run ahead of the rate. The timers tick in
	// milliseconds, so a burst of as much has to leave at once.
	paceDebt = time.Millisecond
	// paceBurstPackets may always leave at once after a pause.
	paceBurstPackets = 2
	// paceLate is how much lateness is made up for, up to paceLateBytes.
	paceLate      = 10 * time.Millisecond
	paceLateBytes = 64 << 10
	// noPaceRate and noPaceRTT are where pacing ends, in bytes per second: beyond
	// them the acknowledgements come at a finer beat than any timer.
	noPaceRate = 250e6
	noPaceRTT  = 500 * time.Microsecond
)

// A pacer spreads packets over time (transport.md 5.11). It lets a burst of
// paceDebt out, then waits until that would have left at the rate.
type pacer struct {
	due     instant // when everything sent would have left at the rate
	waiting bool    // too far ahead; nothing leaves before due
	owing   bool    // there is more to send, so that time which is lost is made up for
	late    time.Duration
}

// ready reports whether a packet may leave.
func (p *pacer) ready(now instant) bool {
	if p.waiting && now >= p.due {
		p.waiting = false
		if p.owing {
			p.late = min(now.sub(p.due), paceLate)
		}
	}
	return !p.waiting
}

// idle says that there is nothing to send, or that the window forbids it: what isn't sent
// meanwhile isn't owed.
func (p *pacer) idle() { p.owing, p.late = false, 0 }

// deadline is when a packet may leave again; never if one may now.
func (p *pacer) deadline() instant {
	if !p.waiting {
		return 0
	}
	return p.due
}

// sent takes note of a packet. packet is the usual size of one. A rate of 0 means
// that there is no pacing.
func (p *pacer) sent(now instant, size int, rate float64, packet int) {
	if rate <= 0 {
		*p = pacer{}
		return
	}
	// What a late timer or a pause left unused may follow, up to as much again; and what a
	// busy machine left unused that woke us later than that. Else the rate that is measured
	// would be that of the timers, and the next one lower still.
	burst := max(rate*paceDebt.Seconds(), paceBurstPackets*float64(packet))
	behind := max(duration(burst, rate), min(instant(p.late), duration(paceLateBytes, rate)))
	p.due = max(p.due, now-behind) + duration(float64(size), rate)
	if p.waiting = p.due.sub(now) >= paceDebt; p.waiting {
		p.owing, p.late = true, 0
	}
}

// duration is how long a number of bytes takes at a rate, at most an hour.
func duration(bytes, rate float64) instant {
	return instant(min(bytes/rate, 3600) * float64(time.Second))
}
