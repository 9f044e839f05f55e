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
	// onMarked is told when packets arrived that met congestion: what is in the sample
	// was not lost, and might as well have been.
	onMarked(marked lossSample)
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
	squares  float64 // the sum of the squared lengths, in bytes, of what was lost in a row
	sentAt   instant // when the newest of the lost packets was sent
	inFlight int
}

// initialWindowPackets is how many packets a new connection may send unasked.
const initialWindowPackets = 10
