package transport

import (
	"container/list"
	"hash/maphash"
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
	end *Endpoint

	mu       sync.Mutex
	order    list.List // of *halfOpen, the oldest first
	unproven int       // how many of them
	byKey    map[strangerKey]*Conn
	per      map[netip.Prefix]int
	begun    rateTable // without a token
}

func (s *strangers) init(e *Endpoint) {
	s.end, s.byKey, s.per = e, make(map[strangerKey]*Conn), make(map[netip.Prefix]int)
	s.begun.seed = maphash.MakeSeed()
}

// known is the run that a stranger has begun without a token, or nil.
func (s *strangers) known(from netip.AddrPort, peer uint64) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[strangerKey{from, peer}]
}

// admit makes a half-open connection, if there is room.
func (s *strangers) admit(io internet.PacketIO, now instant, from netip.AddrPort, b []byte, p *wire.Packet, k *wire.KexSegment, first [32]byte, proven bool) *Conn {
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
	c.io, c.first = io, first
	c.st.peer = p.Hello.Source
	c.st.path.proven = proven
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
		s.unproven++
	}
	s.mu.Unlock()
	if !e.conns.add(local, c) {
		s.leave(c)
		return nil
	}
	if e.isClosed() {
		e.conns.remove(local)
		s.leave(c)
		return nil
	}
	e.count.begun.Add(1)
	return c.handshakePacket(now, from, len(b), p, k)
}

// room makes sure that another half-open connection may exist. Those whose address
// isn't proven have no more than a share of the places, and go first.
func (s *strangers) room(now instant, half *halfOpen) bool {
	if len(s.end.accept) == cap(s.end.accept) {
		return false // the peer will ask again
	}
	s.mu.Lock()
	if s.per[half.prefix] >= maxHalfOpenPer {
		s.mu.Unlock()
		return false
	}
	if !half.proven && !s.begun.allow(now, half.prefix, runsPerSecond) {
		s.mu.Unlock()
		return false
	}
	if s.order.Len() < maxHalfOpen && (half.proven || s.unproven < maxUnproven) {
		s.mu.Unlock()
		return true
	}
	oldest := s.oldest(half.proven)
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

// oldest is the one to go: of those who aren't proven, or else of all if any.
func (s *strangers) oldest(any bool) *halfOpen {
	for at := s.order.Front(); at != nil && s.unproven > 0; at = at.Next() {
		if h := at.Value.(*halfOpen); !h.proven {
			return h
		}
	}
	if at := s.order.Front(); at != nil && any {
		return at.Value.(*halfOpen)
	}
	return nil
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
	if !half.proven {
		s.unproven--
	}
	if s.byKey[half.key] == c {
		delete(s.byKey, half.key)
	}
	if s.per[half.prefix]--; s.per[half.prefix] <= 0 {
		delete(s.per, half.prefix)
	}
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
