package transport

import (
	"errors"
	"net/netip"
	"time"

	"sotto/node/internet"
	"sotto/node/session"
	"sotto/wire"
)

type phase uint8

const (
	phaseHandshake phase = iota // no keys yet
	phaseOpen
	phaseClosing // we closed: a CLOSE is repeated to whoever goes on sending
	phaseDone
)

const (
	updatePeriod = time.Hour
	restAfter    = 2 * time.Second // of silence, before memory is given back
)

// state is a connection without anything around it: no goroutine, no clock, no
// socket, no lock. Packets go in by receive, time by timeout, packets come out of
// poll, and nextTimeout says when time matters next. Its randomness comes from a
// seed. Whoever calls it holds the connection's lock.
type state struct {
	shell       *Conn // for the streams it makes; nil in a simulation without shells
	initiator   bool
	phase       phase
	local, peer uint64 // connection IDs
	dice        dice
	check       *internet.Checker
	count       *counters // of the endpoint
	memory      *memory   // the same

	hs         *handshake // nil once the peer has shown that it has the keys
	keys       *session.Keys
	keysAt     instant // the last key update, ours or the peer's
	dropAt     instant // when the keys of the last phase go
	resetToken *[16]byte
	ownToken   [16]byte

	recovery recovery
	acks     ackState
	streams  streamTable
	credit   sendLimit     // the peer's, for all streams
	window   receiveWindow // ours, for all streams
	received int64         // sum of the streams' highest offsets
	consumed int64         // bytes read of all streams
	holds    int64         // what the endpoint believes we hold: received less consumed

	path     path
	fallback *path // where the peer was before it moved
	probing  *path // where it may have moved to
	respond  struct {
		pending bool
		to      netip.AddrPort
		bytes   [8]byte
	}
	highest int64 // the highest packet number opened
	stale   bool  // the last data of the packet being read was there already

	whole       bool // the socket never cuts datagrams, so that a path can be tested
	link        int  // the longest packet that the first link takes; 0: not known
	peerPacket  int  // the longest packet that the peer takes; 0 while it hasn't said
	params      bool // ours have to be sent
	cid         bool // our ID and reset token have to be sent
	idle        time.Duration
	keepAlive   keepAlive
	lastHeard   instant
	lastAsked   instant // the first packet since then that asks for an answer
	resting     bool    // memory was given back after a silence
	ping        bool
	pacer       pacer
	mtu         pmtud
	unasked     int // bytes sent since the last packet that asked for an acknowledgement at once
	datagrams   [][]byte
	arrived     [][]byte // unreliable messages for the application
	closePacket []byte
	closeAt     instant // when the CLOSE is repeated, or the connection forgotten
	closeCount  int
	forgetAt    instant
	err         error
	work        *scratch // nil while nothing is read or written
}

func (c *state) init(now instant, initiator bool, local uint64, to netip.AddrPort, idle time.Duration, seed [32]byte, check *internet.Checker, count *counters, memory *memory) {
	c.initiator, c.local, c.check, c.count, c.memory = initiator, local, check, count, memory
	c.dice = seed
	c.hs = &handshake{offset: -1, deadline: now.add(handshakeLimit)}
	c.path = path{to: to, proven: initiator, factor: 1}
	c.idle = idle
	c.lastHeard = now
	c.recovery = newRecovery(c, newBBR(basePacket))
	c.mtu.init(basePacket, basePacket) // until the peer has said what it takes
	c.credit.limit = connWindow
	c.window = newReceiveWindow(connWindow, maxConnWindow)
	c.streams.init(initiator)
	c.highest = -1
}

// install takes the secrets of the handshake. The connection can send from now on.
func (c *state) install(now instant, s *session.Secrets) error {
	keys, err := session.New(s)
	if err != nil {
		return err
	}
	c.keys, c.keysAt = keys, now
	c.phase = phaseOpen
	c.params, c.cid = true, true
	c.recovery.rtt.guess(c.hs.rtt)
	return nil
}

// confirm says that the peer has the keys: the handshake is over.
func (c *state) confirm(now instant) {
	if h := c.hs; h.message != nil && h.tries == 1 && !c.recovery.rtt.measured {
		// Our last message has got its answer.
		c.recovery.rtt.guess(now.sub(h.sentAt))
	}
	c.hs, c.check = nil, nil
}

// receive takes a DATA packet. p is its decoded head; packet is opened in place.
// It reports whether the packet was the peer's.
func (c *state) receive(now instant, from netip.AddrPort, mark internet.Mark, packet []byte, p *wire.Packet) bool {
	if c.keys == nil {
		if c.hs != nil && len(c.hs.early) < maxEarly {
			c.hs.early = append(c.hs.early, earlyPacket{append([]byte(nil), packet...), mark})
		} else {
			c.count.early.Add(1)
		}
		return false
	}
	defer c.finish(c.begin())
	wasPhase := c.keys.HasPrevious()
	n, err := c.keys.Open(packet, headSize, p.KeyPhase, p.Number)
	switch err {
	case nil:
	case session.ErrExhausted:
		c.close(now, CodeKeys, "keys are exhausted")
		return false
	case session.ErrReplayed:
		c.count.replayed.Add(1)
		return false
	default:
		c.count.forged.Add(1)
		return false
	}
	if !wasPhase && c.keys.HasPrevious() {
		c.keysAt, c.dropAt = now, now.add(3*c.recovery.rtt.probeAfter())
	}
	if c.hs != nil {
		c.confirm(now)
	}
	number := int64(n)
	c.lastHeard, c.lastAsked = now, 0
	c.resting = false
	switch c.phase {
	case phaseClosing:
		c.repeatClose(now, packet[headSize:len(packet)-session.TagSize])
		return true
	case phaseDone:
		return true
	}
	c.recovery.trace.received(now, number, len(packet))
	c.arrivedOn(now, from, number, len(packet))
	c.recovery.marks.received(mark)
	eliciting, ok := c.segments(now, from, packet[headSize:len(packet)-session.TagSize])
	c.recovery.marks.settle()
	if ok && c.phase == phaseOpen {
		c.acks.receive(now, number, eliciting, p.AckNow || mark == internet.Congested, ackDelay(c.recovery.rtt.smoothed))
		if p.AckNow && c.stale {
			c.acks.missed()
		}
	}
	return true
}

// arrivedOn follows a peer whose address changed.
func (c *state) arrivedOn(now instant, from netip.AddrPort, number int64, size int) {
	newest := number > c.highest
	c.highest = max(c.highest, number)
	switch {
	case from == c.path.to:
		c.path.in += size
		if !c.path.proven && c.fallback == nil {
			// It has our handshake messages, or it would have no keys.
			c.path.proven = true
		}
	case !newest:
		// A packet that was overtaken says nothing about where the peer is now.
	case sameHost(from, c.path.to):
		// The NAT forgot us. The peer is where it was, behind another port.
		old := c.path
		if old.proven {
			c.fallback = &old
		}
		c.path = path{to: from, factor: rebindFactor, in: size}
		c.path.ask(now, c.dice.throw)
	case c.probing != nil && c.probing.to == from:
		c.probing.in += size
	default:
		c.probing = &path{to: from, factor: rebindFactor, in: size}
		c.probing.ask(now, c.dice.throw)
	}
}

// segments works through a payload. It reports whether the peer wants to know
// that it arrived, and false for a packet that shall count as not received.
func (c *state) segments(now instant, from netip.AddrPort, b []byte) (eliciting, ok bool) {
	c.stale = false
	for len(b) > 0 {
		n, err := c.work.seg.Decode(b)
		if err != nil {
			c.close(now, CodeProtocol, "malformed segment")
			return false, false
		}
		b = b[n:]
		switch c.work.seg.Type {
		case wire.SegmentTypePad, wire.SegmentTypeAck, wire.SegmentTypeMarks, wire.SegmentTypeClose:
		default:
			eliciting = true
		}
		err = c.segment(now, from)
		if err == errTooScattered {
			c.count.scattered.Add(1)
			return eliciting, false
		}
		if err == errNoMemory {
			c.count.noMemory.Add(1)
			return eliciting, false
		}
		if err != nil {
			code := CodeProtocol
			if err == errOverLimit {
				code = CodeFlow
			}
			c.close(now, code, err.Error())
			return false, false
		}
		if c.phase != phaseOpen {
			return false, false
		}
	}
	return eliciting, true
}

// segment acts on the segment in c.work.seg.
func (c *state) segment(now instant, from netip.AddrPort) error {
	m := &c.work.seg
	switch m.Type {
	case wire.SegmentTypeAck:
		return c.recovery.onAck(now, &m.Ack)
	case wire.SegmentTypeMarks:
		c.recovery.onMarks(now, &m.Marks)
	case wire.SegmentTypeData, wire.SegmentTypeDataFin:
		return c.onData(&m.Data, m.Type == wire.SegmentTypeDataFin)
	case wire.SegmentTypeOpen:
		_, err := c.streams.find(c, m.Open.Stream)
		return err
	case wire.SegmentTypeReset:
		return c.onReset(now, &m.Reset)
	case wire.SegmentTypeStop:
		return c.onStop(&m.Stop)
	case wire.SegmentTypeWindow:
		if c.credit.raise(m.Window.Limit) {
			c.streams.unblock()
		}
	case wire.SegmentTypeStreamWindow:
		s, err := c.streams.find(c, m.StreamWindow.Stream)
		if s != nil && s.send.limit.raise(m.StreamWindow.Limit) {
			c.streams.schedule(s)
		}
		return err
	case wire.SegmentTypeStreams:
		c.streams.raise(m.Streams.Limit)
	case wire.SegmentTypeChallenge:
		// One answer for a packet, however many it asks for, and the last one counts:
		// nothing queues up.
		c.respond.pending, c.respond.to, c.respond.bytes = true, from, m.Challenge.Bytes
		c.keepAlive.onChallenge(now)
	case wire.SegmentTypeResponse:
		c.onResponse(now, m.Challenge.Bytes)
	case wire.SegmentTypeCid:
		if m.Cid.Id == c.peer {
			token := m.Cid.Token
			c.resetToken = &token
		}
	case wire.SegmentTypeParams:
		c.peerPacket = int(min(m.Params.MaxPacket, wire.PacketMax))
		c.searchMTU()
		if m.Params.IdleMs > 0 {
			c.idle = min(c.idle, time.Duration(min(m.Params.IdleMs, 1<<40))*time.Millisecond)
		}
	case wire.SegmentTypeClose:
		c.onClose(now, &m.Close)
	case wire.SegmentTypeDatagram:
		if len(c.arrived) < maxDatagrams {
			c.arrived = append(c.arrived, append([]byte(nil), m.Datagram.Bytes...))
			notify(c.streams.datagramWake)
		} else {
			c.count.unread.Add(1)
		}
	case wire.SegmentTypeKex:
		return errors.New("handshake message under keys")
	}
	return nil
}

func (c *state) onData(m *wire.DataSegment, fin bool) error {
	s, err := c.streams.find(c, m.Stream)
	if s == nil || err != nil {
		c.stale = err == nil
		return err
	}
	if m.Offset > maxOffset-1<<16 {
		return errOverLimit
	}
	c.stale = s.receive.has(int64(m.Offset), int64(m.Offset)+int64(len(m.Bytes)))
	if !c.stale && len(m.Bytes) > 0 && c.crowded(&s.receive, int64(m.Offset)) {
		return errNoMemory
	}
	grown, err := s.receive.receive(int64(m.Offset), m.Bytes, fin)
	if err != nil {
		return err
	}
	return c.onGrown(s, grown)
}

// onGrown counts what a stream has grown by against our credit.
func (c *state) onGrown(s *Stream, grown int64) error {
	c.received += grown
	if c.received > c.window.limit {
		return errOverLimit
	}
	if s.receive.stopped || s.receive.reset {
		c.consumed += grown // nobody will read it
	}
	c.account()
	c.streams.hasNews(s)
	c.streams.retire(c, s)
	return nil
}

func (c *state) onReset(now instant, m *wire.ResetSegment) error {
	s, err := c.streams.find(c, m.Stream)
	if s == nil || err != nil {
		return err
	}
	if m.FinalSize > maxOffset {
		return errOverLimit
	}
	before, wasReset := s.receive.read, s.receive.reset
	grown, err := s.receive.onReset(m.Code, int64(m.FinalSize))
	if err != nil {
		return err
	}
	c.received += grown
	if c.received > c.window.limit {
		return errOverLimit
	}
	if s.receive.reset && !wasReset {
		c.consumed += s.receive.read - before
		c.window.consumed(now, c.consumed, c.recovery.rtt.smoothed)
	}
	c.account()
	c.streams.hasNews(s)
	c.streams.retire(c, s)
	return nil
}

func (c *state) onStop(m *wire.StopSegment) error {
	s, err := c.streams.find(c, m.Stream)
	if s == nil || err != nil {
		return err
	}
	if !s.send.reset {
		s.send.giveUp(m.Code)
		s.send.stopped = s.send.reset
		c.streams.schedule(s)
		notify(s.writeWake)
	}
	return nil
}

func (c *state) onResponse(now instant, b [8]byte) {
	if c.path.challengeAt != 0 && b == c.path.challenge {
		c.path.proven, c.path.challengeAt = true, 0
		c.fallback = nil
	}
	if p := c.probing; p != nil && p.challengeAt != 0 && b == p.challenge {
		// The peer has moved to another network: what we know of the old one is void.
		p.proven, p.challengeAt = true, 0
		c.path, c.probing, c.fallback = *p, nil, nil
		c.recovery.moved(now)
		c.link = 0
		c.searchMTU()
	}
}

// searchMTU begins to look for the longest packets that the path takes.
func (c *state) searchMTU() {
	if !c.whole || c.peerPacket < basePacket {
		return
	}
	c.mtu.init(c.link, c.peerPacket)
	c.recovery.mtu = &c.mtu
	c.recovery.cc.setPacketSize(c.mtu.size)
}

// onRead renews the credit for n bytes that the application has taken.
func (c *state) onRead(now instant, s *Stream, n int) {
	c.consumed += int64(n)
	c.account()
	c.window.consumed(now, c.consumed, c.recovery.rtt.smoothed)
	s.receive.renew(now, c.recovery.rtt.smoothed)
	if s.receive.window.pending {
		c.streams.schedule(s)
	}
}

// update moves to our next key, if the last update is through.
func (c *state) update(now instant) {
	ok := c.keys.MayUpdate(func(oldest uint64) bool { return c.recovery.sent.largest >= int64(oldest) })
	c.keysAt = now
	if !ok {
		return
	}
	if err := c.keys.Update(); err != nil {
		c.close(now, CodeKeys, "no further key")
	}
}

// itemAcked settles what an acknowledged packet carried.
func (c *state) itemAcked(i *item) {
	switch i.kind {
	case itemData:
		i.stream.send.onAcked(i.offset, int64(i.size), i.fin)
		c.streams.retire(c, i.stream)
	case itemReset:
		i.stream.send.resetDone = true
		c.streams.retire(c, i.stream)
	case itemAck:
		c.acks.confirmed(i.offset)
	}
}

// itemLost queues what a lost packet carried.
func (c *state) itemLost(i *item) {
	switch i.kind {
	case itemData:
		i.stream.send.onLost(i.offset, int64(i.size), i.fin)
		c.streams.schedule(i.stream)
	case itemOpen:
		i.stream.open = true
		c.streams.schedule(i.stream)
	case itemReset:
		if !i.stream.send.resetDone {
			i.stream.send.resetSent = false
			c.streams.schedule(i.stream)
		}
	case itemStop:
		i.stream.receive.stop = i.stream.receive.final < 0
		c.streams.schedule(i.stream)
	case itemStreamWindow:
		i.stream.receive.window.pending = i.stream.receive.final < 0
		c.streams.schedule(i.stream)
	case itemWindow:
		c.window.pending = true
	case itemStreams:
		c.streams.announce = true
	case itemParams:
		c.params = true
	case itemCid:
		c.cid = true
	}
}
