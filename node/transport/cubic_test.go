package transport

import "math"

// A cubic is the controller of RFC 9438, as far as it is needed to see how others
// do beside it: slow start, the cubic function, its TCP-friendly region.
type cubic struct {
	packet    int
	cwnd      float64 // bytes
	threshold float64
	max       float64 // window before the last reduction
	since     instant // when this growth began; never in slow start
	friendly  float64 // what Reno would have
	recovery  instant
}

const (
	cubicC    = 0.4
	cubicBeta = 0.7
)

func newCubic(packet int) *cubic {
	return &cubic{packet: packet, cwnd: float64(initialWindowPackets * packet), threshold: math.Inf(1)}
}

func (c *cubic) onSent(now instant, size, inFlight int) {}

func (c *cubic) onAcked(ack ackSample) {
	if ack.sentAt <= c.recovery || !ack.limited {
		return
	}
	if c.cwnd < c.threshold {
		c.cwnd += float64(ack.acked)
		return
	}
	p := float64(c.packet)
	if c.since == 0 {
		c.since = ack.now
		c.friendly = c.cwnd
	}
	k := math.Cbrt(c.max / p * (1 - cubicBeta) / cubicC)
	t := ack.now.sub(c.since).Seconds() + ack.rtt.min.Seconds()
	target := (cubicC*math.Pow(t-k, 3) + c.max/p) * p
	c.friendly += 3 * (1 - cubicBeta) / (1 + cubicBeta) * p * float64(ack.acked) / c.cwnd
	target = max(target, c.friendly)
	target = min(target, 1.5*c.cwnd)
	if target > c.cwnd {
		c.cwnd += (target - c.cwnd) / c.cwnd * float64(ack.acked)
	}
}

func (c *cubic) onLost(loss lossSample) {
	if loss.sentAt <= c.recovery {
		return
	}
	c.recovery = loss.now
	c.max = c.cwnd
	c.cwnd = max(c.cwnd*cubicBeta, float64(2*c.packet))
	c.threshold = c.cwnd
	c.since = 0
}

func (c *cubic) onMarked(m lossSample)    { c.onLost(m) }
func (c *cubic) onSpurious(instant)       {}
func (c *cubic) onPersistent(now instant) { c.threshold, c.cwnd = c.cwnd, float64(2*c.packet) }
func (c *cubic) window() int              { return int(c.cwnd) }
func (c *cubic) rate() float64            { return 0 }
func (c *cubic) setPacketSize(size int)   { c.packet = size }
