package transport

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"io"
	"net/netip"
	"sync"

	"sotto/node/internet"
	"sotto/wire"
)

// A strangerKey names a run that began without a token.
type strangerKey struct {
	from netip.AddrPort
	peer uint64
}

// A halfOpen is a connection whose handshake is not over.
type halfOpen struct {
	conn   *Conn
	key    strangerKey
	prefix netip.Prefix
	place  *list.Element
	proven bool
}

// strangers admits those who are not connected yet (transport.md 5.13). Until an
// address is proven nothing is kept, nothing is computed that needs a public
// key, and no more bytes go out than came in. What it holds for those who are
// proven is bounded in number and time.
type strangers struct {
	end    *Endpoint
	packet wire.Packet  // the packet being read; the reader's own
	seg    wire.Segment // the same
	check  *internet.Checker
	mint   *tokenMint
	out    [repliesHeld]internet.Out // answers to this batch, not sent yet
	bufs   [repliesHeld][basePacket]byte
	held   int
	resets rateTable

	mu    sync.Mutex
	order list.List // of *halfOpen, the oldest first
	byKey map[strangerKey]*Conn
	per   map[netip.Prefix]int
}

func (s *strangers) init(e *Endpoint) {
	s.end, s.check, s.mint = e, internet.NewChecker(), newTokenMint(e.cfg.Random)
	s.byKey, s.per = make(map[strangerKey]*Conn), make(map[netip.Prefix]int)
	s.resets.seed = maphash.MakeSeed()
}

// receive takes a handshake packet and returns the connection that may have
// something to send.
func (s *strangers) receive(now instant, from netip.AddrPort, b []byte, p *wire.Packet) *Conn {
	count := &s.end.count
	if p.Type == wire.PacketTypeHello && len(b) < wire.HelloMin {
		count.short.Add(1)
		return nil
	}
	if !s.check.Check(b) {
		count.corrupt.Add(1)
		return nil
	}
	if _, err := s.seg.Decode(p.Payload); err != nil || s.seg.Type != wire.SegmentTypeKex {
		count.malformed.Add(1)
		return nil
	}
	k := &s.seg.Kex
	if p.Destination != 0 {
		if c := s.end.conns.get(p.Destination); c != nil {
			return c.handshakePacket(now, from, len(b), p, k)
		}
	}
	if p.Type != wire.PacketTypeHello {
		count.stale.Add(1)
		return nil
	}
	if s.end.cfg.Responder == nil {
		count.unwanted.Add(1)
		return nil
	}
	if len(p.Hello.Token) == 0 {
		return s.first(now, from, b, p, k)
	}
	c := claim{from: from, initiator: p.Hello.Source, responder: p.Destination}
	if !s.mint.check(s.end.clock.wall(now), p.Hello.Token, &c) {
		count.badToken.Add(1)
		return nil
	}
	return s.admit(now, from, b, p, k, c.first, true)
}

// first takes a HELLO from somebody of whom nothing is known.
func (s *strangers) first(now instant, from netip.AddrPort, b []byte, p *wire.Packet, k *wire.KexSegment) *Conn {
	count := &s.end.count
	if k.Step != 0 || k.Offset != 0 || int(k.Total) != len(k.Bytes) || p.Hello.Source == 0 || p.Destination != 0 {
		count.malformed.Add(1)
		return nil
	}
	s.mu.Lock()
	c := s.byKey[strangerKey{from, p.Hello.Source}]
	s.mu.Unlock()
	if c != nil {
		return c.handshakePacket(now, from, len(b), p, k)
	}
	verdict, message := s.end.cfg.Responder.First(s.end.clock.wall(now), from, k.Bytes)
	switch verdict {
	case Retry:
		s.retry(now, from, len(b), p, sha256.Sum256(k.Bytes), message)
	case Proceed:
		return s.admit(now, from, b, p, k, sha256.Sum256(k.Bytes), false)
	default:
		count.unwanted.Add(1)
	}
	return nil
}

// retry answers with a token and forgets.
func (s *strangers) retry(now instant, from netip.AddrPort, size int, p *wire.Packet, first [32]byte, message []byte) {
	id, err := s.end.newID()
	if err != nil {
		return
	}
	token, err := s.mint.issue(s.end.clock.wall(now), claim{from: from, initiator: p.Hello.Source, responder: id, first: first})
	if err != nil {
		return
	}
	m := wire.Segment{Type: wire.SegmentTypeKex}
	m.Kex = wire.KexSegment{Step: 1, Total: uint16(len(message)), Bytes: message}
	buf := s.bufs[s.held][:]
	n := appendHandshake(buf, s.check, wire.Packet{
		Type: wire.PacketTypeRetry, Destination: p.Hello.Source, Hello: wire.Origin{Source: id, Token: token},
	}, &m)
	if n == 0 || n > size {
		s.end.count.full.Add(1) // the responder's message is too long for a RETRY
		return
	}
	s.end.count.retried.Add(1)
	s.reply(from, buf[:n])
}

// repliesHeld is how many answers to strangers leave at a time.
const repliesHeld = 32

// reply puts an answer to those of this batch. It lies in the next of s.bufs.
func (s *strangers) reply(to netip.AddrPort, b []byte) {
	s.out[s.held] = internet.Out{Buf: b, To: to}
	if s.held++; s.held == repliesHeld {
		s.flush()
	}
}

// flush sends the answers.
func (s *strangers) flush() {
	if s.held > 0 {
		_ = s.end.io.WriteBatch(s.out[:s.held])
		s.held = 0
	}
}

// admit makes a half-open connection, if there is room.
func (s *strangers) admit(now instant, from netip.AddrPort, b []byte, p *wire.Packet, k *wire.KexSegment, first [32]byte, proven bool) *Conn {
	e := s.end
	local := p.Destination
	if !proven {
		var err error
		if local, err = e.newID(); err != nil {
			return nil
		}
	}
	half := &halfOpen{key: strangerKey{from, p.Hello.Source}, prefix: prefixOf(from.Addr()), proven: proven}
	if !s.room(now, half) {
		e.count.full.Add(1)
		return nil
	}
	c, err := e.newConn(now, false, local, from)
	if err != nil {
		return nil
	}
	c.first = first
	c.st.peer = p.Hello.Source
	c.st.path.proven = proven
	c.st.hs.answered = true
	c.st.hs.expect = k.Step
	if proven {
		c.st.hs.expect = 2
	}
	half.conn, c.stranger = c, half
	s.mu.Lock()
	half.place = s.order.PushBack(half)
	s.per[half.prefix]++
	if !proven {
		s.byKey[half.key] = c
	}
	s.mu.Unlock()
	if !e.conns.add(local, c) {
		s.leave(c)
		return nil
	}
	e.count.begun.Add(1)
	return c.handshakePacket(now, from, len(b), p, k)
}

// room makes sure that another half-open connection may exist. The oldest goes
// first, and one whose address isn't proven never displaces one whose is.
func (s *strangers) room(now instant, half *halfOpen) bool {
	if len(s.end.accept) == cap(s.end.accept) {
		return false // the peer will ask again
	}
	s.mu.Lock()
	if s.per[half.prefix] >= maxHalfOpenPer {
		s.mu.Unlock()
		return false
	}
	if s.order.Len() < maxHalfOpen {
		s.mu.Unlock()
		return true
	}
	var oldest *halfOpen
	for at := s.order.Front(); at != nil; at = at.Next() {
		if h := at.Value.(*halfOpen); !h.proven || half.proven {
			oldest = h
			break
		}
	}
	s.mu.Unlock()
	if oldest == nil {
		return false
	}
	c := oldest.conn
	c.mu.Lock()
	if c.queued {
		c.mu.Unlock()
		return true
	}
	s.end.count.expired.Add(1)
	c.st.err = ErrHandshake
	c.st.end(now)
	c.flush()
	return true
}

// leave takes a connection out of the half-open. It is called with the connection's lock.
func (s *strangers) leave(c *Conn) {
	half := c.stranger
	if half == nil {
		return
	}
	c.stranger = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order.Remove(half.place)
	if s.byKey[half.key] == c {
		delete(s.byKey, half.key)
	}
	if s.per[half.prefix]--; s.per[half.prefix] <= 0 {
		delete(s.per, half.prefix)
	}
}

// unknown answers a sealed packet for a connection that doesn't exist with a
// RESET: shorter than anything that asks for an answer, and not often, so that
// two endpoints can't keep each other busy.
func (s *strangers) unknown(now instant, from netip.AddrPort, b []byte, id uint64) {
	if len(b) <= wire.PacketMin || !s.resets.allow(now, prefixOf(from.Addr()), resetsPerSecond) {
		return
	}
	var random [4]byte
	if _, err := io.ReadFull(s.end.cfg.Random, random[:]); err != nil {
		return
	}
	m := wire.Packet{
		Type: wire.PacketTypeReset, Destination: id, Number: binary.BigEndian.Uint32(random[:]),
		Tag: resetTag(s.end.cfg.ResetKey, id),
	}
	packet, err := m.AppendBinary(s.bufs[s.held][:0])
	if err != nil {
		return
	}
	s.end.count.resets.Add(1)
	s.reply(from, packet)
}

// prefixOf is the part of an address that one party can be expected to hold.
func prefixOf(a netip.Addr) netip.Prefix {
	bits := 56
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}

// A rateTable counts events of address prefixes in a fixed space: prefixes that
// fall into one slot share its budget.
type rateTable struct {
	seed  maphash.Seed
	slots [256]struct {
		second int64
		n      int
	}
}

// allow reports whether a prefix may have another event in this second.
func (t *rateTable) allow(now instant, p netip.Prefix, limit int) bool {
	s := &t.slots[maphash.Comparable(t.seed, p)%uint64(len(t.slots))]
	if second := int64(now) / 1e9; s.second != second {
		s.second, s.n = second, 0
	}
	s.n++
	return s.n <= limit
}
