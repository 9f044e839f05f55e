package transport

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

const (
	// readBatch is how many datagrams, or runs of them, are read at a time.
	readBatch = 16
	// strangersBatch is how many packets of strangers are read at a time, and
	// strangersRoom how long they may be: a HELLO fits into every packet.
	strangersBatch = repliesHeld
	strangersRoom  = 2048
	// strangersTurn is for how long they are read before everybody else may run.
	strangersTurn = time.Millisecond
)

// A reader reads one socket. What it has besides the endpoint is its own, and
// needs no lock.
type reader struct {
	end *Endpoint
	io  internet.PacketIO
	by  internet.PacketIO // by which the connections send that are heard here
	in  []internet.In

	locked *Conn        // whose lock is held, between the packets of one read; or nil
	woke   bool         // somebody who waited for what was read
	turn   instant      // when others could run last
	packet wire.Packet  // the packet being read
	seg    wire.Segment // its segment, in a handshake packet
	greeter
}

// newReader makes a reader of so many datagrams, or runs of them, at a time.
func newReader(e *Endpoint, io, by internet.PacketIO, batch, room int) *reader {
	r := &reader{end: e, io: io, by: by, in: make([]internet.In, batch)}
	for i := range r.in {
		r.in[i].Buf = make([]byte, room)
	}
	r.greeter.init(e)
	return r
}

// ofStrangers reports whether the socket is that of strangers alone.
func (r *reader) ofStrangers() bool { return r.io != r.by }

// read is the reader: take a batch, give each packet to its connection, then let
// the connections say what they have to say.
func (r *reader) read() {
	e, in := r.end, r.in
	defer e.wg.Done()
	var touched []*Conn
	failures := 0
	for {
		n, err := r.io.ReadBatch(in)
		if err != nil {
			if failures++; errors.Is(err, net.ErrClosed) || failures > 1000 {
				return
			}
			e.count.readError.Add(1)
			continue
		}
		failures = 0
		now := e.clock.now()
		for i := range in[:n] {
			m := &in[i]
			for b := m.Buf[:m.N]; ; {
				k := min(max(m.Seg, 1), len(b))
				if c := r.datagram(now, m.From, m.Mark, b[:k]); c != nil && c.touched.CompareAndSwap(false, true) {
					touched = append(touched, c)
				}
				if b = b[k:]; len(b) == 0 {
					break
				}
			}
			r.release()
		}
		r.flush()
		for i, c := range touched {
			c.touched.Store(false)
			c.mu.Lock()
			c.flush()
			touched[i] = nil
		}
		touched = touched[:0]
		// Those who were woken go on here and now, and no other thread has to be woken for
		// them. Strangers come last: whoever else can run does so first, though in a flood
		// only now and then, or the flood would be all that is ever heard of strangers.
		if r.woke || r.ofStrangers() && (n < len(in) || e.clock.now().sub(r.turn) >= strangersTurn) {
			r.woke = false
			runtime.Gosched()
			r.turn = e.clock.now()
		}
	}
}

// datagram acts on one datagram and returns the connection that may have
// something to send now.
func (r *reader) datagram(now instant, from netip.AddrPort, mark internet.Mark, b []byte) *Conn {
	e := r.end
	e.count.received.Add(1)
	p := &r.packet
	if _, err := p.Decode(b); err != nil {
		e.count.malformed.Add(1)
		return nil
	}
	switch p.Type {
	case wire.PacketTypeData:
		c := e.conns.get(p.Destination)
		if c == nil {
			r.release()
			e.count.unknown.Add(1)
			r.unknown(now, from, b, p.Destination)
			return nil
		}
		return r.sealed(now, from, mark, b, p, c)
	case wire.PacketTypeReset:
		r.release()
		r.reset(now, p)
		return nil
	}
	r.release()
	return r.handshake(now, from, b, p)
}

// sealed gives a DATA packet to its connection, and keeps the connection's lock: the
// next packet is most likely for the same.
func (r *reader) sealed(now instant, from netip.AddrPort, mark internet.Mark, b []byte, p *wire.Packet, c *Conn) *Conn {
	if r.locked != c {
		r.release()
		c.mu.Lock()
		r.locked = c
	}
	c.io = r.by
	if !c.st.receive(now, from, mark, b, p) {
		if c.st.phase < phaseClosing {
			return nil
		}
		return c
	}
	c.opened()
	return c
}

// release lets go of the connection whose lock is held.
func (r *reader) release() {
	if c := r.locked; c != nil {
		r.locked = nil
		r.woke = c.st.streams.tell() || r.woke
		c.mu.Unlock()
	}
}

// reset takes a RESET: its tag is known to the peer and us alone.
func (r *reader) reset(now instant, p *wire.Packet) {
	e := r.end
	e.resetMu.RLock()
	c := e.resets[p.Tag]
	e.resetMu.RUnlock()
	if c == nil {
		e.count.badReset.Add(1)
		return
	}
	c.mu.Lock()
	if c.st.phase < phaseClosing {
		c.st.err = ErrReset
	}
	c.st.end(now)
	c.flush()
}
