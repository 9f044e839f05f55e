package transport

import (
	"sotto/node/session"
	"sotto/wire"
)

// closeCopies is how often a CLOSE is sent that nobody answers.
const closeCopies = 3

// onClose takes the peer's CLOSE, and answers with one of ours.
func (c *state) onClose(now instant, m *wire.CloseSegment) {
	reason := make([]byte, len(m.Reason))
	copy(reason, m.Reason)
	c.err = &PeerClosed{Code: m.Code, Reason: string(reason)}
	c.closeWith(now, CodeBase, "", 1)
}

// close ends the connection from our side: the application's wish, or because the
// peer broke a rule.
func (c *state) close(now instant, code uint64, reason string) {
	if c.phase >= phaseClosing {
		return
	}
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	c.err = &LocalClosed{Code: code, Reason: reason}
	if c.keys == nil || c.phase != phaseOpen {
		c.end(now)
		return
	}
	c.closeWith(now, code, reason, closeCopies)
}

// closeWith makes the packet that says so. It is repeated, byte for byte: no
// other is sealed after it.
func (c *state) closeWith(now instant, code uint64, reason string, copies int) {
	defer c.finish(c.begin())
	buf := make([]byte, headSize, headSize+16+len(reason)+session.TagSize)
	m := wire.Segment{Type: wire.SegmentTypeClose}
	m.Close = wire.CloseSegment{Code: code, Reason: []byte(reason)}
	b, err := m.AppendBinary(buf)
	c.phase = phaseClosing
	if err == nil {
		b = append(b, make([]byte, session.TagSize)...)
		number := c.recovery.nextNumber(c.dice.throw)
		c.recovery.sent.push()
		if c.seal(b, number, false) == nil {
			c.closePacket = b
		}
	}
	c.release()
	c.closeCount = copies
	c.closeAt = now
	c.forgetAt = now.add(3 * max(c.recovery.rtt.probeAfter(), 10*granularity))
}

// repeatClose answers somebody who goes on sending after we closed.
func (c *state) repeatClose(now instant, payload []byte) {
	// The peer's own CLOSE is the answer to ours.
	for b := payload; len(b) > 0; {
		n, err := c.work.seg.Decode(b)
		if err != nil || n == 0 {
			break
		}
		if c.work.seg.Type == wire.SegmentTypeClose {
			c.closeCount, c.closeAt = 0, 0
			return
		}
		b = b[n:]
	}
	if c.closeAt == 0 && c.closeCount == 0 && c.closePacket != nil {
		c.closeCount = 1
		c.closeAt = now.add(c.recovery.rtt.probeAfter())
	}
}

// end is the end without a word.
func (c *state) end(now instant) {
	c.recovery.trace.closed(now, c.err)
	c.phase = phaseDone
	c.closePacket = nil
	c.release()
}

// release gives back what a connection in use holds.
func (c *state) release() {
	c.hs = nil
	c.streams.release()
	c.recovery.sent.ring = nil
	c.recovery.sent.low = c.recovery.sent.next
	c.recovery.sent.unresolved = c.recovery.sent.next
	c.recovery.sent.eliciting, c.recovery.sent.inFlight = 0, 0
	c.recovery.lateAt = 0
	c.acks = ackState{}
	c.datagrams, c.arrived = nil, nil
	c.probing, c.fallback = nil, nil
	c.memory.held.Add(-c.holds)
	c.holds = 0
}
