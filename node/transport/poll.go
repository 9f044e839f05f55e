package transport

import (
	"net/netip"
	"time"

	"sotto/node/internet"
	"sotto/node/session"
	"sotto/wire"
)

// fewInFlight is how many packets under way don't make a burst.
const fewInFlight = 4

// minPacket is the least room that is worth beginning a packet in.
const minPacket = headSize + 64 + session.TagSize

// poll writes packets into buf, back to back and each seg bytes long but the
// last, which may be shorter, all for one address. It returns 0 when there is
// nothing to send now.
func (c *state) poll(now instant, buf []byte) (n, seg int, to netip.AddrPort) {
	defer c.finish(c.begin())
	switch c.phase {
	case phaseDone:
		return 0, 0, to
	case phaseClosing:
		return c.pollClose(now, buf)
	}
	if c.hs != nil && c.hs.message != nil && c.path.room() >= basePacket {
		for len(buf)-n >= basePacket {
			k := c.hs.packet(now, buf[n:], c.local, c.peer, c.check)
			if k == 0 {
				break
			}
			c.path.out += k
			n += k
			if seg == 0 {
				seg = k
			}
			if k != seg || c.path.room() < basePacket {
				break
			}
		}
		if n > 0 {
			return n, seg, c.path.to
		}
	}
	if c.phase != phaseOpen {
		return 0, 0, to
	}
	if n, to := c.pollPaths(now, buf); n > 0 {
		return n, n, to
	}
	if c.keys.WantsUpdate() {
		c.update(now)
	}
	if n := c.pollProbe(now, buf); n > 0 {
		return n, n, c.path.to
	}
	for {
		size := min(c.packetSize(), c.path.room(), len(buf)-n)
		if c.recovery.probes > 0 && c.recovery.probeCount >= mtuSmallProbe {
			size = min(size, basePacket) // perhaps the path takes no longer ones any more
		}
		if seg > 0 {
			size = min(size, seg)
			if size < seg {
				break
			}
		}
		k := c.packet(now, buf[n:n+size])
		if k == 0 {
			break
		}
		n += k
		c.path.out += k
		if seg == 0 {
			seg = k
		}
		if k < seg || c.phase != phaseOpen {
			break
		}
	}
	if !c.more() {
		c.pacer.idle()
	}
	return n, seg, c.path.to
}

// wants reports whether poll may have something to send: a look that needs no
// buffer.
func (c *state) wants(now instant) bool {
	switch c.phase {
	case phaseDone:
		return false
	case phaseClosing:
		return c.closeAt.reached(now)
	}
	if h := c.hs; h != nil && h.message != nil && !h.working && h.sendAt.reached(now) {
		return true
	}
	if c.phase != phaseOpen {
		return false
	}
	return c.params || c.cid || c.ping || c.window.pending || c.streams.announce ||
		c.streams.busy() || c.recovery.probes > 0 || c.acks.owed(now) || len(c.datagrams) > 0 ||
		c.urgent() || c.probing != nil && c.probing.pending
}

// mark is what the IP headers of the packets of poll shall say.
func (c *state) mark() internet.Mark {
	if c.phase == phaseHandshake {
		return internet.Unmarked
	}
	return c.recovery.marks.next()
}

// packetSize is how long packets are when there is enough to fill them.
func (c *state) packetSize() int { return c.mtu.size }

// pollProbe makes a packet that tests how long packets may be on the path. It is
// worth one only while much is being sent: chat needs no long packets.
func (c *state) pollProbe(now instant, buf []byte) int {
	if c.recovery.mtu == nil || !c.more() || c.recovery.sent.inFlight < fewInFlight*basePacket {
		return 0
	}
	size := c.mtu.wanted(now)
	if size == 0 || size > len(buf) || size > c.path.room() || size > c.recovery.room() || !c.pacer.ready(now) {
		return 0
	}
	number := c.recovery.nextNumber(c.dice.throw)
	p := c.recovery.sent.push()
	packet := buf[:size]
	payload := packet[headSize : size-session.TagSize]
	clear(payload)
	c.work.seg.Type = wire.SegmentTypePing
	if _, err := c.work.seg.AppendBinary(payload[:0]); err != nil || c.seal(packet, number, true) != nil {
		return 0
	}
	c.keepAlive.onSent(now)
	p.size, p.mtu = int32(size), true
	c.recovery.onSent(now, p, true)
	c.pacer.sent(now, size, c.recovery.cc.rate(), c.packetSize())
	c.path.out += size
	c.mtu.sent()
	return size
}

func (c *state) pollClose(now instant, buf []byte) (int, int, netip.AddrPort) {
	if !c.closeAt.reached(now) || c.closePacket == nil {
		c.closeAt = 0
		return 0, 0, netip.AddrPort{}
	}
	c.closeCount--
	c.closeAt = 0
	if c.closeCount > 0 {
		c.closeAt = now.add(c.recovery.rtt.probeAfter())
	}
	n := copy(buf, c.closePacket)
	return n, n, c.path.to
}

// pollPaths makes the packets that prove addresses.
func (c *state) pollPaths(now instant, buf []byte) (int, netip.AddrPort) {
	if c.respond.pending && c.respond.to != c.path.to {
		c.respond.pending = false
		c.work.seg.Type = wire.SegmentTypeResponse
		c.work.seg.Challenge.Bytes = c.respond.bytes
		return c.pathPacket(now, buf), c.respond.to
	}
	if p := c.probing; p != nil && p.pending && p.room() >= 64 {
		c.work.seg.Type = wire.SegmentTypeChallenge
		c.work.seg.Challenge.Bytes = p.challenge
		n := c.pathPacket(now, buf)
		p.pending, p.out = false, p.out+n
		return n, p.to
	}
	return 0, netip.AddrPort{}
}

// pathPacket seals the segment in c.work.seg alone. Nothing in it is sent again.
func (c *state) pathPacket(now instant, buf []byte) int {
	b, err := c.work.seg.AppendBinary(buf[headSize:headSize])
	if err != nil {
		return 0
	}
	number := c.recovery.nextNumber(c.dice.throw)
	c.recovery.sent.push()
	packet := buf[:headSize+len(b)+session.TagSize]
	if c.seal(packet, number, false) != nil {
		return 0
	}
	c.keepAlive.onSent(now)
	return len(packet)
}

// seal writes the head of a packet whose payload is in place, and seals it.
func (c *state) seal(packet []byte, number int64, ackNow bool) error {
	c.resting = false
	c.work.head = wire.Packet{
		Type: wire.PacketTypeData, KeyPhase: c.keys.Phase(), AckNow: ackNow,
		Destination: c.peer, Number: uint32(number),
		Payload: packet[headSize : len(packet)-session.TagSize],
	}
	if _, err := c.work.head.AppendBinary(packet[:0]); err != nil {
		return err
	}
	return c.keys.Seal(packet, headSize, uint64(number))
}

// A builder fills one packet with segments.
type builder struct {
	buf       []byte // the payload so far; its capacity ends where the tag begins
	room      int    // bytes left
	p         *sentPacket
	eliciting bool
}

// add appends a segment. It reports false, and adds nothing, if there is no room.
func (b *builder) add(m *wire.Segment) bool {
	size := m.Size()
	if size > b.room {
		return false
	}
	grown, err := m.AppendBinary(b.buf)
	if err != nil {
		return false
	}
	b.buf = grown
	b.room -= size
	return true
}

// carry is add for a segment that matters whether it arrives.
func (b *builder) carry(m *wire.Segment, i item) bool {
	if !b.add(m) {
		return false
	}
	b.p.items = append(b.p.items, i)
	b.eliciting = true
	return true
}

// packet makes one DATA packet of at most len(buf) bytes. It returns 0 if there
// is nothing to say.
func (c *state) packet(now instant, buf []byte) int {
	if len(buf) < minPacket {
		return 0
	}
	room := len(buf) - headSize - session.TagSize
	probe := c.recovery.probes > 0
	may := probe || c.recovery.room() >= len(buf) && c.pacer.ready(now)
	if !may && !c.acks.owed(now) && !c.urgent() {
		if c.recovery.room() < len(buf) {
			c.recovery.limited = true
			c.pacer.idle()
		}
		return 0
	}
	number := c.recovery.nextNumber(c.dice.throw)
	p := c.recovery.sent.push()
	b := builder{buf: buf[headSize:headSize], room: room, p: p}
	owed := c.acks.owed(now)
	if owed || c.acks.wanted() {
		// An acknowledgement never takes more than half a packet.
		ranges := min(wire.AckRanges, (room/2-26)/16)
		c.work.seg.Type = wire.SegmentTypeAck
		if c.acks.segment(now, &c.work.seg.Ack, ranges) && b.add(&c.work.seg) {
			p.items = append(p.items, item{kind: itemAck, offset: int64(c.work.seg.Ack.Largest)})
			c.addMarks(&b)
		}
	}
	acked := len(b.buf) > 0
	c.addPath(&b)
	if may {
		c.addControl(&b)
		// Bulk fills whatever room it finds, so it comes last.
		c.addStreams(&b, queueUrgent)
		c.addDatagrams(&b)
		c.addStreams(&b, queueBulk)
		if !b.eliciting && (probe || c.ping) {
			c.work.seg.Type = wire.SegmentTypePing
			b.eliciting = b.add(&c.work.seg)
			c.ping = false
		}
	}
	if !b.eliciting && !owed {
		p.items = p.items[:0]
		c.recovery.sent.pop()
		if may {
			c.recovery.appLimited()
		}
		return 0
	}
	if acked {
		c.acks.sent(now)
	}
	packet := buf[:headSize+len(b.buf)+session.TagSize]
	ackNow := b.eliciting && c.wantsAck(probe, len(packet))
	if c.seal(packet, number, ackNow) != nil {
		c.close(now, CodeKeys, "keys are exhausted")
		return 0
	}
	c.keepAlive.onSent(now)
	p.size, p.probe = int32(len(packet)), probe
	if b.eliciting {
		c.recovery.onSent(now, p, ackNow)
		c.pacer.sent(now, len(packet), c.recovery.cc.rate(), c.packetSize())
		if c.lastAsked == 0 {
			c.lastAsked = now
		}
	} else {
		p.at = now
	}
	return len(packet)
}

// wantsAck reports whether a packet asks to be acknowledged at once: probes, one in
// a quarter of the window, the one that fills the window, and the last of a burst.
// What a request and its answer need is left to the answer, which takes the
// acknowledgement along.
func (c *state) wantsAck(probe bool, size int) bool {
	r := &c.recovery
	c.unasked += size
	if !probe && c.unasked < r.cc.window()/4 && r.room()-size >= c.packetSize() &&
		(r.sent.eliciting < fewInFlight || c.more()) {
		return false
	}
	c.unasked = 0
	return true
}

// urgent reports whether something must go out whatever the window says.
func (c *state) urgent() bool {
	return c.respond.pending || c.path.pending
}

// more reports whether another packet would follow if the window allowed it.
func (c *state) more() bool {
	return c.streams.busy() || len(c.datagrams) > 0
}

// addPath adds what proves addresses and belongs on the path in use.
func (c *state) addPath(b *builder) {
	if c.respond.pending && c.respond.to == c.path.to {
		c.work.seg.Type = wire.SegmentTypeResponse
		c.work.seg.Challenge.Bytes = c.respond.bytes
		if b.add(&c.work.seg) {
			c.respond.pending, b.eliciting = false, true
		}
	}
	if c.path.pending {
		c.work.seg.Type = wire.SegmentTypeChallenge
		c.work.seg.Challenge.Bytes = c.path.challenge
		if b.add(&c.work.seg) {
			c.path.pending, b.eliciting = false, true
		}
	}
}

// addMarks adds what the peer wants to know together with an acknowledgement.
func (c *state) addMarks(b *builder) {
	m := &c.recovery.marks
	if m.ect+m.ce == 0 {
		return
	}
	c.work.seg.Type = wire.SegmentTypeMarks
	c.work.seg.Marks = wire.MarksSegment{Ect: uint64(m.ect), Ce: uint64(m.ce)}
	b.add(&c.work.seg)
}

// addControl adds what belongs to the connection as a whole.
func (c *state) addControl(b *builder) {
	m := &c.work.seg
	if c.params {
		m.Type = wire.SegmentTypeParams
		m.Params = wire.ParamsSegment{IdleMs: uint64(c.idle / time.Millisecond), MaxPacket: wire.PacketMax}
		c.params = !b.carry(m, item{kind: itemParams})
	}
	if c.cid {
		m.Type = wire.SegmentTypeCid
		m.Cid = wire.CidSegment{Id: c.local, Token: c.ownToken}
		c.cid = !b.carry(m, item{kind: itemCid})
	}
	if c.window.pending {
		m.Type = wire.SegmentTypeWindow
		m.Window.Limit = uint64(c.window.limit)
		c.window.pending = !b.carry(m, item{kind: itemWindow})
	}
	if c.streams.announce {
		m.Type = wire.SegmentTypeStreams
		m.Streams.Limit = uint64(c.streams.granted)
		c.streams.announce = !b.carry(m, item{kind: itemStreams})
	}
}

// addStreams adds what the streams of a queue have to say, in turn.
func (c *state) addStreams(b *builder, k queueKind) {
	for {
		s := c.streams.queues[k].head
		if s == nil {
			return
		}
		full := !c.addStream(b, s)
		credit := c.credit.left()
		switch {
		case s.pending(credit):
			if full {
				// The next packet begins with another stream.
				c.streams.rotate(s)
				return
			}
		case s.send.blocked() && credit <= 0:
			c.streams.starve(s)
		default:
			c.streams.unschedule(s)
		}
		if full {
			return
		}
	}
}

// addStream adds what one stream has to say. It reports false if the packet is full.
func (c *state) addStream(b *builder, s *Stream) bool {
	m := &c.work.seg
	if s.receive.stop {
		m.Type = wire.SegmentTypeStop
		m.Stop = wire.StopSegment{Stream: s.id, Code: s.receive.code}
		if !b.carry(m, item{kind: itemStop, stream: s}) {
			return false
		}
		s.receive.stop = false
	}
	if s.receive.window.pending {
		m.Type = wire.SegmentTypeStreamWindow
		m.StreamWindow = wire.StreamWindowSegment{Stream: s.id, Limit: uint64(s.receive.window.limit)}
		if !b.carry(m, item{kind: itemStreamWindow, stream: s}) {
			return false
		}
		s.receive.window.pending = false
	}
	h := &s.send
	if h.reset {
		s.open = false // the RESET opens it, too
		if h.resetSent {
			return true
		}
		m.Type = wire.SegmentTypeReset
		m.Reset = wire.ResetSegment{Stream: s.id, Code: h.code, FinalSize: uint64(h.next)}
		if !b.carry(m, item{kind: itemReset, stream: s}) {
			return false
		}
		h.resetSent = true
		return true
	}
	for h.pending(c.credit.left()) {
		// Exactly what fits: packets of one length can be cut by the kernel.
		m.Type = wire.SegmentTypeData
		m.Data = wire.DataSegment{Stream: s.id, Offset: uint64(h.upcoming())}
		room := b.room - m.Size()
		if room < min(64, int(h.unsent())) || room < 1 {
			return false
		}
		offset, size, fin, fresh := h.take(room, c.credit.left())
		c.credit.used += fresh
		if fresh > 0 && h.unsent() < maxUnsent/2 {
			notify(s.writeWake)
		}
		if !b.data(s, offset, size, fin) {
			return false
		}
		s.open = false
	}
	if s.open {
		m.Type = wire.SegmentTypeOpen
		m.Open.Stream = s.id
		if !b.carry(m, item{kind: itemOpen, stream: s}) {
			return false
		}
		s.open = false
	}
	return true
}

// data adds bytes of a stream. They are copied from the stream's blocks to where
// they lie in the packet, and the segment is encoded around them.
func (b *builder) data(s *Stream, offset int64, size int, fin bool) bool {
	m := wire.Segment{Type: wire.SegmentTypeData}
	if fin {
		m.Type = wire.SegmentTypeDataFin
	}
	at := len(b.buf)
	m.Data = wire.DataSegment{Stream: s.id, Offset: uint64(offset), Bytes: b.buf[at : at+size]}
	head := m.Size() - size
	m.Data.Bytes = b.buf[at+head : at+head+size]
	s.send.bytes.read(offset, m.Data.Bytes)
	return b.carry(&m, item{kind: itemData, stream: s, offset: offset, size: int32(size), fin: fin})
}

// addDatagrams adds messages that are sent once.
func (c *state) addDatagrams(b *builder) {
	for len(c.datagrams) > 0 {
		c.work.seg.Type = wire.SegmentTypeDatagram
		c.work.seg.Datagram.Bytes = c.datagrams[0]
		if !b.add(&c.work.seg) {
			return
		}
		b.eliciting = true
		c.datagrams[0] = nil
		c.datagrams = c.datagrams[1:]
	}
}
