package transport

import (
	"errors"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

const (
	minReorder = 3  // packets, RFC 9002 section 6.1.1
	maxReorder = 64 // after adapting to a path that reorders

	// The time threshold in eighths of a round trip, RFC 9002 section 6.1.2, and
	// how far it adapts.
	minLateEighths = 9
	maxLateEighths = 16

	// probeCap bounds the backoff of probes while the silence is young, so that a
	// blackout ends soon after the path is back; probeCapLate does later.
	probeCap     = 500 * time.Millisecond
	probeCapLate = 2 * time.Second
	youngSilence = 30 * time.Second

	// persistentProbes is after how many probe timeouts without any
	// acknowledgement the window collapses.
	persistentProbes = 4

	// keptSkips is how many of the packet numbers left out are remembered. They
	// are at least skipEvery apart.
	keptSkips = 8
	skipEvery = 256
)

var (
	errAckUnsent  = errors.New("acknowledgement of a packet that was never sent")
	errAckInvalid = errors.New("acknowledgement ranges below zero")
)

// An itemOwner is told what became of the items that packets carried.
type itemOwner interface {
	itemAcked(*item)
	itemLost(*item)
}

// recovery finds out which packets arrived and which are lost, and when to ask
// (transport.md 5.8). It owns the records, the RTT and the congestion controller.
type recovery struct {
	sent  sentPackets
	rtt   rttState
	cc    congestion
	thin  thin
	marks markState
	trace *connTrace
	owner itemOwner
	mtu   *pmtud // nil while nothing is to be found out

	reorder int64 // packets that may overtake one before it counts as lost
	eighths int   // the same as time, in eighths of a round trip

	lateAt        instant // when the next packet will have waited for too long
	newestSent    instant // when the newest packet that asks for an ACK left
	newestAckNow  bool    // and whether it asked for one at once
	probeCount    int     // timeouts since the last acknowledgement
	probedAt      instant // the last of them
	progressAt    instant // the last acknowledgement, or the first packet in flight
	probes        int     // packets that may be sent whatever the window says
	copying       bool    // the next packet is a copy
	skips         [keptSkips]int64
	skipAt        int64 // the next number to leave out
	skipGap       int64
	limited       bool // the window was full since the last ACK
	delivered     int64
	deliveredAt   instant
	firstAt       instant // when the packet newest acknowledged left
	appLimitUntil int64   // delivered count up to which samples are application-limited
	lostPackets   int64
	spurious      int64
}

func newRecovery(owner itemOwner, cc congestion) recovery {
	r := recovery{owner: owner, cc: cc, rtt: newRTT(), reorder: minReorder, eighths: minLateEighths}
	r.sent.init()
	for i := range r.skips {
		r.skips[i] = -1
	}
	return r
}

// onSent takes note of a packet that is on its way. p is its record.
func (r *recovery) onSent(now instant, p *sentPacket, ackNow bool) {
	if r.sent.inFlight == 0 {
		r.firstAt, r.deliveredAt = now, now
		r.progressAt = now
	}
	p.at = now
	p.mark = r.marks.next() != internet.Unmarked
	p.delivered, p.deliveredAt, p.firstAt = r.delivered, r.deliveredAt, r.firstAt
	p.appLimited = r.appLimitUntil > r.delivered
	r.sent.launch(p)
	r.newestSent, r.newestAckNow = now, ackNow
	if r.probes > 0 {
		r.probes--
	}
	p.thin, r.copying = r.copying, false
	r.thin.onSent(now, p.thin, r.sent.eliciting, r.sent.inFlight, r.rtt.smoothed)
	r.cc.onSent(now, int(p.size), r.sent.inFlight)
	r.trace.sent(now, r.sent.next-1, p, ackNow)
}

// onAck takes an acknowledgement.
func (r *recovery) onAck(now instant, m *wire.AckSegment) error {
	if m.Largest >= uint64(r.sent.next) {
		return errAckUnsent
	}
	largest := int64(m.Largest)
	newest := r.sent.at(largest)
	fresh := newest != nil && newest.state == packetSent

	before := r.sent.inFlight
	ack := ackSample{now: now, limited: r.limited}
	var best *sentPacket
	end := m.Largest + 1
	run := m.Run
	for i := 0; ; i++ {
		if run >= end {
			return errAckInvalid
		}
		start := end - run - 1
		if err := r.arrived(now, int64(start), int64(end), &best, &ack); err != nil {
			return err
		}
		if i == len(m.Ranges) {
			break
		}
		if m.Ranges[i].Gap+1 >= start {
			return errAckInvalid
		}
		end = start - m.Ranges[i].Gap - 1
		run = m.Ranges[i].Run
	}
	r.sent.largest = max(r.sent.largest, largest)
	if best == nil {
		return nil
	}
	if fresh {
		delay := time.Duration(min(m.Delay, 1<<20)) * delayUnit
		r.rtt.sample(now, now.sub(newest.at), delay)
	}
	r.probeCount, r.probes, r.progressAt = 0, 0, now
	if r.sent.eliciting == 0 {
		r.thin.at = 0
	}
	r.delivered += int64(ack.acked)
	r.deliveredAt = now
	r.firstAt = best.at
	r.measure(best, &ack)
	r.detect(now)
	ack.inFlight = r.sent.inFlight
	ack.limited = ack.limited || before >= r.cc.window()
	r.limited = false
	r.cc.onAcked(ack)
	r.trace.metrics(now, r)
	r.sent.settle(now - instant(2*r.rtt.smoothed))
	return nil
}

// onMarks takes the peer's counts of packets that met congestion.
func (r *recovery) onMarks(now instant, m *wire.MarksSegment) {
	if n := r.marks.told(m.Ect, m.Ce, r.sent.next); n > 0 {
		r.cc.onMarked(lossSample{now: now, bytes: int(n) * basePacket, sentAt: r.firstAt, inFlight: r.sent.inFlight})
	}
}

// arrived marks packets as acknowledged.
func (r *recovery) arrived(now instant, start, end int64, best **sentPacket, ack *ackSample) error {
	for _, n := range r.skips {
		if n >= start && n < end {
			return errAckUnsent
		}
	}
	for n := max(start, r.sent.low); n < end; n++ {
		p := r.sent.at(n)
		switch p.state {
		case packetLost:
			// It had only been late: adapt to a path like this.
			r.onLate(now, n, p)
			ack.acked += int(p.size)
		case packetSent:
			r.sent.land(p, packetAcked)
			ack.acked += int(p.size)
			r.thin.onResult(false)
		default:
			continue
		}
		if p.mark {
			r.marks.acked++
		}
		if *best == nil || p.at > (*best).at {
			*best = p
		}
		ack.sentAt = max(ack.sentAt, p.at)
		for i := range p.items {
			r.owner.itemAcked(&p.items[i])
		}
		p.state = packetAcked
		r.trace.acked(now, n, p)
		if r.mtu != nil && r.mtu.onAcked(now, n, int(p.size), p.mtu) {
			r.cc.setPacketSize(r.mtu.size)
		}
	}
	return nil
}

// onLate adapts the thresholds after a loss proved to be none.
func (r *recovery) onLate(now instant, number int64, p *sentPacket) {
	r.spurious++
	r.reorder = min(max(r.reorder, r.sent.largest-number+1), maxReorder)
	r.eighths = min(r.eighths+1, maxLateEighths)
	if !p.probe && !p.mtu {
		r.cc.onSpurious(now)
	}
}

// measure computes the rate at which data arrived since the newest acknowledged
// packet was sent (the draft on delivery rate estimation).
func (r *recovery) measure(p *sentPacket, ack *ackSample) {
	ack.rtt, ack.delivered, ack.prior, ack.appRate = &r.rtt, r.delivered, p.delivered, p.appLimited
	interval := max(p.at.sub(p.firstAt), r.deliveredAt.sub(p.deliveredAt))
	if interval > 0 && interval >= r.rtt.min/2 {
		ack.rate = float64(r.delivered-p.delivered) / interval.Seconds()
	}
}

// detect declares packets lost that later ones have overtaken by enough.
func (r *recovery) detect(now instant) {
	wait := max(r.rtt.latest, r.rtt.smoothed) * time.Duration(r.eighths) / 8
	wait = max(wait, granularity)
	r.lateAt = 0
	loss := lossSample{now: now}
	row := 0 // bytes lost in a row
	for n := max(r.sent.unresolved, r.sent.low); n < r.sent.largest; n++ {
		p := r.sent.at(n)
		if p.state == packetAcked {
			loss.squares += float64(row) * float64(row)
			row = 0
		}
		if p.state != packetSent {
			continue
		}
		if n > r.sent.largest-r.reorder && now.sub(p.at) < wait {
			r.lateAt = p.at.add(wait)
			break // those after it were sent later
		}
		r.sent.land(p, packetLost)
		r.lostPackets++
		r.trace.lost(now, n, p)
		r.thin.onResult(true)
		if r.mtu != nil {
			r.mtu.onLost(now, n, int(p.size), p.mtu)
		}
		if !p.mtu {
			loss.bytes += int(p.size)
			row += int(p.size)
			loss.sentAt = max(loss.sentAt, p.at)
		}
		for i := range p.items {
			r.owner.itemLost(&p.items[i])
		}
	}
	if r.mtu != nil && r.mtu.endLosses(now) {
		r.cc.setPacketSize(r.mtu.size)
	}
	if loss.bytes > 0 {
		loss.squares += float64(row) * float64(row)
		loss.inFlight = r.sent.inFlight
		r.cc.onLost(loss)
	}
}

// deadline is when timeout wants to be called.
func (r *recovery) deadline() instant {
	at := r.lateAt
	if at == 0 {
		at = r.probeAt()
	}
	return earliest(at, r.thin.at)
}

// probeAt is when silence becomes suspicious.
func (r *recovery) probeAt() instant {
	if r.sent.eliciting == 0 {
		return 0
	}
	wait := r.rtt.probeAfter()
	if !r.newestAckNow {
		wait += ackDelay(r.rtt.smoothed) + granularity
	}
	limit := probeCap
	if r.newestSent.sub(r.progressAt) > youngSilence {
		limit = probeCapLate
	}
	// The wait doubles with every second probe: what loses packets in bursts loses as many
	// of few as of many, and two small packets are no burden.
	return max(r.newestSent, r.probedAt).add(min(wait<<min(r.probeCount/2, 10), max(wait, limit)))
}

// timeout does what is due.
func (r *recovery) timeout(now instant) {
	if r.thin.due(now, r.sent.inFlight) {
		r.copyAll()
	}
	if r.lateAt != 0 {
		if r.lateAt <= now {
			r.detect(now)
			r.sent.settle(now - instant(2*r.rtt.smoothed))
		}
		return
	}
	if !r.probeAt().reached(now) {
		return
	}
	r.probeCount++
	r.probedAt = now
	r.trace.probeTimeout(now, r.probeCount)
	if r.probeCount == persistentProbes {
		r.cc.onPersistent(now)
		r.marks.onSilence()
	}
	// Two packets, with what has waited longest: a bare PING would only learn
	// that it has to be sent again.
	r.probes = 2
	found, smallest := 0, maxPacketSize
	for n := r.sent.unresolved; n < r.sent.next && found < 2; n++ {
		p := r.sent.at(n)
		if p.state != packetSent {
			continue
		}
		found++
		smallest = min(smallest, int(p.size))
		for i := range p.items {
			r.owner.itemLost(&p.items[i])
		}
	}
	if r.mtu != nil && r.mtu.onTimeout(r.probeCount, smallest, now.sub(r.progressAt)) {
		r.cc.setPacketSize(r.mtu.size)
	}
}

// copyAll has everything that is under way sent once more.
func (r *recovery) copyAll() {
	for n := r.sent.unresolved; n < r.sent.next; n++ {
		p := r.sent.at(n)
		if p.state != packetSent || p.thin {
			continue
		}
		p.thin, r.copying = true, true
		for i := range p.items {
			r.owner.itemLost(&p.items[i])
		}
	}
}

// nextNumber is the number of the next packet. Now and then it leaves one out:
// a peer that acknowledges what it can't have received shows itself by
// acknowledging that one too. random decides which.
func (r *recovery) nextNumber(random func() uint64) int64 {
	if r.skipGap == 0 {
		r.skipGap = skipEvery
		r.skipAt = r.sent.next + 1 + int64(random()%skipEvery)
	}
	if r.sent.next == r.skipAt {
		n := r.sent.skip()
		copy(r.skips[1:], r.skips[:])
		r.skips[0] = n
		r.skipGap = min(2*r.skipGap, 1<<16)
		r.skipAt = r.sent.next + skipEvery + int64(random()%uint64(r.skipGap))
	}
	return r.sent.next
}

// moved forgets what was learnt of a path that is no longer used.
func (r *recovery) moved(now instant) {
	r.rtt = newRTT()
	r.marks.moved()
	r.reorder, r.eighths = minReorder, minLateEighths
	r.cc = newBBR(basePacket)
}

// room is how many more bytes may be in flight.
func (r *recovery) room() int { return r.cc.window() - r.sent.inFlight }
