package transport

// A congestion controller decides how much may be on its way, and how fast it
// may leave. It sees packets as numbers of bytes only.
type congestion interface {
	// onSent is told of each packet that counts as in flight; inFlight includes it.
	onSent(now instant, size, inFlight int)
	// onAcked is told once per ACK that acknowledged something new.
	onAcked(ack ackSample)
	// onLost is told once per event that found packets lost.
	onLost(loss lossSample)
	// onSpurious says that the last onLost was wrong: the packets had only been late.
	onSpurious(now instant)
	// onPersistent says that nothing came through for several probe timeouts.
	onPersistent(now instant)
	// window is how many bytes may be in flight.
	window() int
	// rate is how many bytes a second may leave; 0 leaves it to the acknowledgements.
	rate() float64
	// setPacketSize says how large the packets are from now on.
	setPacketSize(size int)
}

// An ackSample is what an ACK says about the path.
type ackSample struct {
	now      instant
	acked    int     // bytes newly acknowledged
	sentAt   instant // when the newest of the acknowledged packets was sent
	inFlight int     // bytes still in flight
	limited  bool    // the window, and not the application, limited what was sent

	rtt       *rttState
	delivered int64   // bytes acknowledged since the beginning
	prior     int64   // delivered when the newest acknowledged packet was sent
	rate      float64 // delivery rate in bytes per second; 0 if there is no sample
	appRate   bool    // the sample was limited by the application
}

// A lossSample is what a round of loss detection found.
type lossSample struct {
	now      instant
	bytes    int
	sentAt   instant // when the newest of the lost packets was sent
	inFlight int
}

const (
	initialWindowPackets = 10
	minimumWindowPackets = 2
)

// newReno is the controller of RFC 9002 section 7.
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
