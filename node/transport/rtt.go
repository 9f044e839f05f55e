package transport

import "time"

const (
	// firstRTT is assumed before anything was measured, RFC 9002 section 6.2.2.
	firstRTT = 333 * time.Millisecond
	// granularity is the finest time the wheel can keep.
	granularity = time.Millisecond
	// maxAckDelay is how long an end holds back an acknowledgement that nobody
	// asked for at once.
	maxAckDelay = 5 * time.Millisecond
	// rttHorizon is how long a minimum RTT is believed.
	rttHorizon = 10 * time.Second
)

// rttState estimates the round trip time, RFC 9002 section 5.
type rttState struct {
	latest, smoothed, variation time.Duration
	min                         time.Duration
	minAt                       instant // when min was last seen
	measured                    bool
}

func newRTT() rttState {
	return rttState{smoothed: firstRTT, variation: firstRTT / 2}
}

// guess takes what the handshake took for a round trip: more than it really is, for
// the peer had to compute, but less than what is assumed without any. The first
// sample replaces it.
func (r *rttState) guess(rtt time.Duration) {
	if !r.measured && rtt > 0 && rtt < r.smoothed {
		r.smoothed, r.variation = rtt, rtt/2
	}
}

// sample takes one measurement. delay is how long the peer says it held back
// the acknowledgement.
func (r *rttState) sample(now instant, rtt, delay time.Duration) {
	rtt = max(rtt, time.Microsecond)
	r.latest = rtt
	if !r.measured {
		r.measured = true
		r.min, r.minAt = rtt, now
		r.smoothed, r.variation = rtt, rtt/2
		return
	}
	if rtt <= r.min {
		r.min, r.minAt = rtt, now
	}
	// A peer that exaggerates its delay must not push us below the minimum.
	if adjusted := rtt - delay; adjusted >= r.min {
		rtt = adjusted
	}
	r.variation += ((r.smoothed - rtt).Abs() - r.variation) / 4
	r.smoothed += (rtt - r.smoothed) / 8
}

// probeAfter is the probe timeout: when to assume that something is wrong if
// nothing was heard.
func (r *rttState) probeAfter() time.Duration {
	return r.smoothed + max(4*r.variation, granularity)
}
