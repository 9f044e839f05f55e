package transport

import "sync/atomic"

// A memory is what all connections of an endpoint may hold together of what came and
// wasn't read. Each may hold a share of its own in any case, so that those who don't read
// take nothing from the others.
//
// Credit that was granted can't be taken back, and it adds up to more than any machine
// has. So what comes when there is no room counts as not received: the peer sends it
// again, and slower.
type memory struct {
	limit int64
	held  atomic.Int64
}

// room reports whether a connection that holds so much may hold more.
func (m *memory) room(holds int64) bool { return holds < memoryShare || m.held.Load() < m.limit }

// scarce reports whether windows shouldn't be larger than they must.
func (m *memory) scarce() bool { return m.held.Load() > m.limit/2 }

// crowded reports whether there is no room for new bytes of a stream. What its reader
// waits for always has some: only by being read does memory become free.
func (c *state) crowded(h *receiveHalf, offset int64) bool {
	return !c.memory.room(c.holds) && (h.ready() > 0 || offset > h.read)
}

// account tells the endpoint how much of its memory this connection holds now. What is
// left when it is over belongs to the application.
func (c *state) account() {
	if c.phase >= phaseClosing {
		return
	}
	if holds := c.received - c.consumed; holds != c.holds {
		c.memory.held.Add(holds - c.holds)
		c.holds = holds
	}
}
