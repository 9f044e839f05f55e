package transport

import "time"

// nextTimeout is when timeout wants to be called; never if nothing is pending.
func (c *state) nextTimeout() instant {
	switch c.phase {
	case phaseDone:
		return 0
	case phaseClosing:
		return earliest(c.closeAt, c.forgetAt)
	}
	var at instant
	if c.hs != nil {
		if !c.thinking() {
			at = c.hs.deadline
		}
		if c.hs.message != nil && !c.hs.working && c.path.room() >= basePacket {
			at = earliest(at, c.hs.sendAt)
		}
	}
	if c.phase == phaseHandshake {
		return at
	}
	at = earliest(at, c.idleAt())
	at = earliest(at, c.dropAt)
	at = earliest(at, c.keysAt.add(updatePeriod))
	for _, p := range [...]*path{&c.path, c.probing} {
		if p != nil && p.challengeAt != 0 {
			at = earliest(at, p.challengeAt.add(c.challengeWait()))
		}
	}
	if c.path.room() < minPacket {
		return at // nothing may be sent until something comes
	}
	at = earliest(at, c.recovery.deadline())
	at = earliest(at, c.acks.deadline)
	if c.more() && c.recovery.room() >= c.packetSize() {
		at = earliest(at, c.pacer.deadline())
	}
	if c.quiet() {
		at = earliest(at, c.keepAlive.deadline())
	}
	if !c.resting {
		at = earliest(at, c.restAt())
	}
	return at
}

// restAt is when the silence has lasted long enough to give memory back.
func (c *state) restAt() instant { return max(c.lastHeard, c.keepAlive.sentAt).add(restAfter) }

// quiet reports whether nothing is under way that shows a sign of life anyway: what
// isn't acknowledged goes out again.
func (c *state) quiet() bool { return !c.ping && c.recovery.sent.eliciting == 0 }

// thinking reports whether an initiator works on a message, a puzzle perhaps: that
// takes as long as its context allows.
func (c *state) thinking() bool { return c.initiator && c.hs != nil && c.hs.working }

func (c *state) challengeWait() time.Duration {
	return max(3*c.recovery.rtt.probeAfter(), 100*time.Millisecond)
}

// idleAt is when the silence has been too long. It counts from the last packet
// of the peer, or from our first one since that asked for an answer.
func (c *state) idleAt() instant {
	wait := max(c.idle, 3*c.recovery.rtt.probeAfter())
	return max(c.lastHeard, c.lastAsked).add(wait)
}

// timeout does what is due.
func (c *state) timeout(now instant) {
	switch c.phase {
	case phaseDone:
		return
	case phaseClosing:
		if c.forgetAt.reached(now) {
			c.end(now)
		}
		return
	}
	if c.hs != nil {
		if !c.hs.timeout(now) {
			c.err = ErrNoAnswer
			c.end(now)
			return
		}
		if c.hs.deadline.reached(now) && !c.thinking() {
			c.err = ErrHandshake
			c.end(now)
			return
		}
	}
	if c.phase != phaseOpen {
		return
	}
	if c.idleAt().reached(now) {
		c.err = ErrIdle
		c.end(now)
		return
	}
	c.recovery.timeout(now)
	if !c.resting && c.restAt().reached(now) {
		c.resting = true
		c.recovery.sent.settle(now)
		c.recovery.sent.rest()
		c.keys.Rest()
		scarce := c.memory.scarce()
		if scarce {
			c.window.shrink(connWindow)
		}
		for _, s := range c.streams.byID {
			s.send.bytes.rest()
			s.receive.bytes.rest()
			if scarce {
				s.receive.window.shrink(streamWindow)
			}
		}
	}
	if c.dropAt.reached(now) {
		c.keys.DropPrevious()
		c.dropAt = 0
	}
	if c.keysAt.add(updatePeriod).reached(now) {
		c.update(now)
	}
	if c.quiet() && c.keepAlive.deadline().reached(now) {
		c.ping = true
	}
	c.pathTimeout(now)
}

func (c *state) pathTimeout(now instant) {
	if !c.path.timeout(now, c.challengeWait()) {
		// Nobody answers there: whoever sent from that address was not the peer, or
		// it has moved on.
		c.path.challengeAt, c.path.pending = 0, false
		if c.fallback != nil {
			c.path, c.fallback = *c.fallback, nil
		}
	}
	if c.probing != nil && !c.probing.timeout(now, c.challengeWait()) {
		c.probing = nil
	}
}
