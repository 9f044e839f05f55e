package transport

// minimumWindowPackets is the least that stays of a window.
const minimumWindowPackets = 2

// newReno is the controller of RFC 9002 section 7, to compare with.
type newReno struct {
	packet    int
	cwnd      int
	threshold int     // slow start ends here; 0: not known yet
	acked     int     // bytes since the window last grew, in congestion avoidance
	recovery  instant // packets sent before this don't shrink the window again

	// What to go back to if the last reduction proves spurious.
	priorWindow, priorThreshold int
}

func newNewReno(packet int) *newReno {
	return &newReno{packet: packet, cwnd: initialWindowPackets * packet}
}

func (c *newReno) onSent(now instant, size, inFlight int) {}

func (c *newReno) onAcked(ack ackSample) {
	if ack.sentAt <= c.recovery || !ack.limited {
		return
	}
	if c.threshold == 0 || c.cwnd < c.threshold {
		c.cwnd += ack.acked
		return
	}
	c.acked += ack.acked
	if c.acked >= c.cwnd {
		c.acked -= c.cwnd
		c.cwnd += c.packet
	}
}

func (c *newReno) onLost(loss lossSample) {
	if loss.sentAt <= c.recovery {
		return
	}
	c.priorWindow, c.priorThreshold = c.cwnd, c.threshold
	c.recovery = loss.now
	c.cwnd = max(c.cwnd/2, minimumWindowPackets*c.packet)
	c.threshold = c.cwnd
	c.acked = 0
}

func (c *newReno) onMarked(marked lossSample) { c.onLost(marked) }

func (c *newReno) onSpurious(now instant) {
	if c.priorWindow > c.cwnd {
		c.cwnd, c.threshold = c.priorWindow, c.priorThreshold
	}
	c.priorWindow = 0
}

func (c *newReno) onPersistent(now instant) {
	c.cwnd = minimumWindowPackets * c.packet
	c.recovery = 0
}

func (c *newReno) window() int            { return c.cwnd }
func (c *newReno) rate() float64          { return 0 }
func (c *newReno) setPacketSize(size int) { c.packet = size; c.cwnd = max(c.cwnd, 2*size) }
