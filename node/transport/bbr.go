package transport

import "time"

const (
	// startupGain is the smallest that doubles the rate every round: 4 ln 2.
	startupGain = 2.77
	// windowGain leaves room for acknowledgements that come late and together.
	windowGain = 2.0
	// paceMargin keeps the rate just below the measured one, so that no queue builds.
	paceMargin = 0.995

	bandwidthRounds = 10   // how long a measured rate is believed
	fullGrowth      = 1.25 // the path is full when the rate doesn't grow by so much
	fullRounds      = 3    // in so many rounds
	probeGrowth     = 1.15 // a probe that found so much more goes on
	narrowShare     = 0.35 // the path got narrower if with a queue no more than this of the rate arrives
	narrowRounds    = 3    // in so many rounds

	minRTTDoubt    = time.Second     // a minRTT this old is doubted if the rate has halved
	drainAfter     = 4 * time.Second // a queue has stood for too long if minRTT is so old
	drainRounds    = 4               // for so many round trips at most
	probeRTTLength = 200 * time.Millisecond
	probeRTTShare  = 0.5 // of what the path holds stays in flight meanwhile
	leastPackets   = 4   // the smallest window
	windowSlack    = time.Millisecond
)

// cycleGains is what a connection does with a path that it fills: try for more,
// drain what that piled up, and keep still, a round trip each.
var cycleGains = [8]float64{1.25, 0.75, 1, 1, 1, 1, 1, 1}

type bbrPhase uint8

const (
	bbrStartup  bbrPhase = iota // the rate doubles each round
	bbrDrain                    // the queue that this made goes away
	bbrCruise                   // cycleGains
	bbrProbeRTT                 // so little in flight that the queue must be empty
)

// A bbr sends as fast as the path delivers, instead of as fast as it loses
// (transport.md 5.7). It measures how fast bytes arrive and how long an
// unhindered round trip takes; the product is what the path holds. Chance losses
// don't slow it down. It is version 1 of BBR with a restraint for losses that come
// with a queue.
type bbr struct {
	packet int
	phase  bbrPhase
	cwnd   int

	bandwidth maxFilter // bytes per second
	sampled   int64     // rounds in which the network, not the application, set the rate
	minRTT    time.Duration
	minRTTAt  instant
	known     float64 // the bandwidth when minRTT was last seen
	restarted bool    // nothing was in flight a moment ago: round trips have no queue of ours

	roundEnd  int64   // a round ends with the first packet sent after so many bytes were delivered
	network   bool    // some sample of this round was not limited by the application
	recent    float64 // best rate of this round
	fullRate  float64
	fullCount int
	narrow    int  // rounds with a queue that brought little of the rate
	full      bool // the path was found full once

	probeRate float64 // the bandwidth when cycle 0 began
	cycle     int     // index of cycleGains
	cycleAt   instant
	probeEnd  instant // when bbrProbeRTT may end; 0: too much is still in flight
	quietTill int64   // packets sent below this count were kept few by ourselves

	restraint restraint
}

func newBBR(packet int) *bbr {
	return &bbr{packet: packet, cwnd: initialWindowPackets * packet}
}

func (b *bbr) onSent(now instant, size, inFlight int) {
	if inFlight == size {
		b.restarted = true
	}
	b.restraint.onSent(inFlight)
}

func (b *bbr) onLost(loss lossSample) { b.restraint.onLost(loss.bytes, loss.squares) }

func (b *bbr) onMarked(marked lossSample) { b.restraint.onMarked(marked.bytes) }

func (b *bbr) onSpurious(instant) { b.restraint.undo() }

// onPersistent starts with a small window again, but with what is known of the
// path: after a silence it is most often the same.
func (b *bbr) onPersistent(instant) { b.cwnd = initialWindowPackets * b.packet }

func (b *bbr) setPacketSize(size int) {
	b.packet = size
	b.cwnd = max(b.cwnd, leastPackets*size)
}

func (b *bbr) onAcked(ack ackSample) {
	rtt := ack.now.sub(ack.sentAt)
	b.restraint.onRTT(rtt)
	expired := b.updateMinRTT(ack.now, rtt)
	b.updateBandwidth(&ack)
	if ack.prior >= b.roundEnd {
		b.endRound(&ack)
	}
	b.updatePhase(&ack, expired)
	b.updateWindow(&ack)
	b.restarted = false
}

// updateMinRTT reports whether the shortest round trip is too old to be believed.
func (b *bbr) updateMinRTT(now instant, rtt time.Duration) (expired bool) {
	old := b.minRTT != 0 && now.sub(b.minRTTAt) > rttHorizon
	switch {
	case b.minRTT == 0 || rtt < b.minRTT || old && b.restarted:
		b.minRTT, b.minRTTAt, b.known = rtt, now, b.bandwidth.max()
	case rtt <= b.minRTT+b.sameRTT():
		b.minRTTAt, b.known = now, b.bandwidth.max()
	default:
		// If the path got longer, a window for the shorter one lets the rate fall, and
		// the window with it. So it must not take so long to find out.
		longer := rtt > b.minRTT+b.minRTT/2 && b.bandwidth.max() < b.known/2
		return old || longer && now.sub(b.minRTTAt) > minRTTDoubt
	}
	return false
}

// sameRTT is by how much a round trip may take longer that makes no difference: a
// thirty-second part, or what a packet takes at the rate of the path, for long ones wait for
// one another without anybody's queue.
func (b *bbr) sameRTT() time.Duration {
	packet := time.Duration(duration(float64(b.packet), b.bandwidth.max()))
	return max(b.minRTT/32, min(packet, b.minRTT/8)) // little that an application sent is no rate
}

// updateBandwidth takes the rate at which bytes arrived. A sample that the
// application kept low only counts if it is the best all the same.
func (b *bbr) updateBandwidth(ack *ackSample) {
	if ack.rate <= 0 {
		return
	}
	limited := ack.appRate || b.phase == bbrProbeRTT || ack.prior < b.quietTill
	if !limited {
		b.network = true
		b.recent = max(b.recent, ack.rate)
	}
	if !limited || ack.rate >= b.bandwidth.max() {
		b.bandwidth.add(b.sampled, ack.rate, bandwidthRounds)
	}
}

// endRound draws the conclusions of a round trip.
func (b *bbr) endRound(ack *ackSample) {
	switch b.restraint.endRound(ack.delivered, b.minRTT) {
	case roundCongested:
		// Never below what the path was seen to hold: chance losses during a probe
		// look the same, and must not add up.
		b.restraint.shrink(b.holds(1), b.packet, b.minRTT)
		b.full = true
		if b.recent > 0 {
			b.bandwidth.reset(b.sampled, max(b.recent, restraintFactor*b.bandwidth.max()))
		}
		if b.phase == bbrCruise && b.cycle == 0 {
			b.enterCycle(ack.now, 1)
		}
	case roundHopeless:
		b.full = true
		if b.recent > 0 {
			b.bandwidth.reset(b.sampled, b.recent)
		}
		b.restraint.shrink(b.holds(1), b.packet, b.minRTT)
	default:
		if b.network {
			b.restraint.grow(b.packet, b.target())
		}
	}
	if b.network && !b.full {
		b.checkFull()
	}
	b.checkNarrow()
	if b.network {
		b.sampled++
	}
	b.network, b.recent = false, 0
	b.roundEnd = ack.delivered
	b.restraint.nextRound(ack.delivered, ack.inFlight)
}

// checkFull notices that the rate doesn't grow any more.
func (b *bbr) checkFull() {
	if b.bandwidth.max() >= fullGrowth*b.fullRate {
		b.fullRate, b.fullCount = b.bandwidth.max(), 0
		return
	}
	b.fullCount++
	b.full = b.fullCount >= fullRounds
}

// checkNarrow notices that the path has become narrower. The rate that it had would be
// believed for bandwidthRounds, and these last long: what is in flight for that rate waits
// before the narrow place, perhaps without a loss that would show it.
func (b *bbr) checkNarrow() {
	if !b.network || b.recent > narrowShare*b.bandwidth.max() || !b.restraint.queued(b.minRTT, b.minRTT/2) {
		b.narrow = 0
		return
	}
	if b.narrow++; b.narrow == narrowRounds {
		b.bandwidth.reset(b.sampled, b.recent)
		b.narrow = 0
	}
}

func (b *bbr) updatePhase(ack *ackSample, expired bool) {
	if b.phase == bbrStartup && b.full {
		b.phase = bbrDrain
	}
	if b.phase == bbrDrain && ack.inFlight <= b.holds(1) {
		b.cruise(ack.now)
	}
	if b.phase == bbrCruise {
		b.updateCycle(ack)
	}
	if expired && b.phase != bbrProbeRTT && !b.restarted {
		b.phase, b.probeEnd = bbrProbeRTT, 0
	}
	if b.phase == bbrProbeRTT {
		b.updateProbeRTT(ack)
	}
}

// updateCycle goes on to the next gain after a round trip: later if a probe has not
// yet filled what it may, earlier if the queue is gone.
func (b *bbr) updateCycle(ack *ackSample) {
	gain := cycleGains[b.cycle]
	over := ack.now.sub(b.cycleAt) > b.minRTT
	before := ack.inFlight + ack.acked
	switch {
	case gain > 1:
		over = over && (b.restraint.lost > 0 || before >= b.holds(gain) || b.restraint.holds(before, b.packet))
		if over && b.bandwidth.max() > probeGrowth*b.probeRate {
			// All that was tried arrived: the path has become wider. Try more at once.
			over = false
			b.enterCycle(ack.now, b.cycle)
		}
	case gain < 1:
		// A queue that has stood for long is drained to the end: where acknowledgements come
		// in clumps the rate looks higher than it is, and a round trip is not enough.
		rounds := time.Duration(1)
		if ack.now.sub(b.minRTTAt) > drainAfter {
			rounds = drainRounds
		}
		over = before <= b.holds(1) || ack.now.sub(b.cycleAt) > rounds*b.minRTT
	}
	if over {
		b.enterCycle(ack.now, (b.cycle+1)%len(cycleGains))
	}
}

func (b *bbr) enterCycle(now instant, cycle int) {
	b.cycle, b.cycleAt, b.probeRate = cycle, now, b.bandwidth.max()
}

// cruise begins the cycle somewhere in its quiet part. Connections that share a
// path should not all probe at once; the nanosecond is as good as a die for that.
func (b *bbr) cruise(now instant) {
	b.phase = bbrCruise
	b.enterCycle(now, 2+int(uint64(now)%uint64(len(cycleGains)-2)))
}

// updateProbeRTT ends the quiet time when it was long enough for a whole round
// trip without a queue.
func (b *bbr) updateProbeRTT(ack *ackSample) {
	b.quietTill = ack.delivered + int64(ack.inFlight)
	if b.probeEnd == 0 {
		if ack.inFlight <= b.window() {
			b.probeEnd = ack.now.add(max(probeRTTLength, b.minRTT))
			b.minRTT = ack.now.sub(ack.sentAt)
		}
		return
	}
	if ack.now < b.probeEnd {
		return
	}
	b.minRTTAt, b.known = ack.now, b.bandwidth.max()
	if b.full {
		b.cruise(ack.now)
	} else {
		b.phase = bbrStartup
	}
}

// updateWindow lets the window grow by what arrived, up to its target.
func (b *bbr) updateWindow(ack *ackSample) {
	target := b.target()
	switch {
	case b.full:
		b.cwnd = min(b.cwnd+ack.acked, target)
	case b.cwnd < target || ack.delivered < int64(initialWindowPackets*b.packet):
		b.cwnd += ack.acked
	}
	b.cwnd = max(b.cwnd, leastPackets*b.packet)
}

// holds is how many bytes the path holds at a gain: what is under way in an
// unhindered round trip at the measured rate.
func (b *bbr) holds(gain float64) int {
	return int(gain * b.bandwidth.max() * b.minRTT.Seconds())
}

// target is where the window goes. The slack is for ends that are slower than the
// path between them: they deliver and acknowledge by the millisecond.
func (b *bbr) target() int {
	slack := b.bandwidth.max() * windowSlack.Seconds()
	return max(b.holds(windowGain)+int(slack), leastPackets*b.packet)
}

func (b *bbr) window() int {
	w := b.cwnd
	if b.restraint.cap > 0 {
		w = min(w, b.restraint.cap)
	}
	if b.phase == bbrProbeRTT {
		w = min(w, b.holds(probeRTTShare))
	}
	return max(w, leastPackets*b.packet)
}

func (b *bbr) rate() float64 {
	if b.minRTT < noPaceRTT {
		return 0 // or not known yet: the first flight is small
	}
	rate := b.bandwidth.max() * b.gain() * paceMargin
	if !b.full {
		// Little was sent until now, and perhaps little was to be sent.
		rate = max(rate, startupGain*float64(initialWindowPackets*b.packet)/b.minRTT.Seconds())
	}
	// The smallest window may always leave in a round trip: else a connection among
	// greedy ones, which measures no more than it sends, would send ever less.
	rate = max(rate, float64(leastPackets*b.packet)/b.minRTT.Seconds())
	if rate > noPaceRate {
		return 0
	}
	return rate
}

func (b *bbr) gain() float64 {
	switch b.phase {
	case bbrStartup:
		return startupGain
	case bbrDrain:
		return 1 / startupGain
	case bbrCruise:
		return cycleGains[b.cycle]
	}
	return 1
}
