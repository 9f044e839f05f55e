package transport

import "sotto/node/internet"

// A markState is what a connection knows of marks of congestion in IP headers (ECN,
// transport.md 5.17). Routers set them when a queue builds and spare us the loss.
// On some paths they are lost, or packets that could carry them are; then we send none.
type markState struct {
	// Of the peer's packets.
	ect, ce int64

	// Of ours.
	off    bool
	acked  int64 // packets that left markable and arrived
	seen   int64 // how many the peer saw with a mark of any kind
	seenCE int64
}

// received takes note of a packet of the peer.
func (m *markState) received(mark internet.Mark) {
	switch mark {
	case internet.Markable, internet.Marked1:
		m.ect++
	case internet.Congested:
		m.ce++
	}
}

// next is the mark of the next packet.
func (m *markState) next() internet.Mark {
	if m.off {
		return internet.Unmarked
	}
	return internet.Markable
}

// told takes the peer's counts of our packets, of which sent had been sent. It returns by
// how many more of them met congestion.
func (m *markState) told(ect, ce uint64, sent int64) (fresh int64) {
	if ect > uint64(sent) || ce > uint64(sent)-ect {
		m.off = true // more than there were: the marks are somebody else's
		return 0
	}
	m.seen = max(m.seen, int64(ect+ce))
	fresh = max(0, int64(ce)-m.seenCE)
	m.seenCE += fresh
	return fresh
}

// settle is called when a packet of the peer was worked through: what it
// acknowledged must be counted by now.
func (m *markState) settle() { m.off = m.off || m.acked > m.seen }

// onSilence says that several packets in a row went unanswered: perhaps because of
// their marks, unless some had arrived.
func (m *markState) onSilence() { m.off = m.off || m.acked == 0 }

// moved begins anew on another path.
func (m *markState) moved() {
	m.off = false
	m.acked = min(m.acked, m.seen)
}
