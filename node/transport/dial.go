package transport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"

	"sotto/wire"
)

// maxFirst is the longest first message: it has to fit into one HELLO.
const maxFirst = 1100

// connHash binds a run of the handshake to the two ends of a connection.
func connHash(initiator, responder uint64, first [32]byte) [32]byte {
	m := wire.ConnInput{Label: []byte(labelConn), Initiator: initiator, Responder: responder, First: first}
	b, _ := m.MarshalBinary()
	return sha256.Sum256(b)
}

// Dial connects to an address. It returns when the keys are there, with a
// *DialError when nobody answers within 8 seconds, the handshake fails, or ctx
// ends. The Initiator's methods are called from the goroutine that dials.
func (e *Endpoint) Dial(ctx context.Context, to netip.AddrPort, h Initiator) (*Conn, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c, err := e.dial(ctx, to, h)
	if err != nil {
		d := &DialError{Addr: to, Err: err}
		if errors.Is(err, ErrNoAnswer) {
			d.Tries = len(firstTries)
		}
		return nil, d
	}
	return c, nil
}

func (e *Endpoint) dial(ctx context.Context, to netip.AddrPort, h Initiator) (*Conn, error) {
	first, err := h.First()
	if err != nil {
		return nil, err
	}
	if len(first) > maxFirst {
		return nil, fmt.Errorf("transport: first message of %d bytes, limit %d", len(first), maxFirst)
	}
	local, err := e.newID()
	if err != nil {
		return nil, err
	}
	now := e.clock.now()
	c, err := e.newConn(now, true, local, to)
	if err != nil {
		return nil, err
	}
	c.first = sha256.Sum256(first)
	c.st.hs.launch(now, wire.PacketTypeHello, 0, first)
	if !e.conns.add(local, c) {
		return nil, errors.New("transport: connection id taken") // one chance in 2^63
	}
	if e.isClosed() { // after adding: either we see that, or Close sees the connection
		e.conns.remove(local)
		return nil, ErrEndpointClosed
	}
	c.mu.Lock()
	c.flush()
	if err := c.initiate(ctx, h); err != nil {
		c.mu.Lock()
		if c.st.err == nil {
			c.st.err = err
		}
		c.st.end(e.clock.now())
		c.flush()
		return nil, err
	}
	return c, nil
}

// initiate runs the handshake until the keys are there.
func (c *Conn) initiate(ctx context.Context, h Initiator) error {
	var bound [32]byte
	for {
		m, err := c.nextMessage(ctx)
		if err != nil {
			return err
		}
		if b, ok := h.(Binder); ok {
			if conn := connHash(c.st.local, m.peer, c.first); conn != bound {
				bound = conn
				b.Bind(conn)
			}
		}
		reply, secrets, err := h.Next(ctx, m.bytes)
		whole, link := false, 0
		if secrets != nil {
			whole, link = c.end.pathSizes(c.st.path.to)
		}
		c.mu.Lock()
		if err := c.ended(); err != nil {
			c.flush() // it was closed meanwhile
			if secrets != nil {
				secrets.Clear()
			}
			return err
		}
		c.st.whole, c.st.link = whole, link
		c.st.advance(c.end.clock.now(), &m, reply, errors.Is(err, ErrDrop))
		if err == nil && secrets != nil {
			err = c.st.install(c.end.clock.now(), secrets)
			secrets.Clear()
			c.early()
		}
		c.flush()
		if err != nil && !errors.Is(err, ErrDrop) {
			return err
		}
		if secrets != nil {
			return nil
		}
	}
}

// nextMessage waits for a whole message of the responder.
func (c *Conn) nextMessage(ctx context.Context) (kexMessage, error) {
	for {
		c.mu.Lock()
		if err := c.ended(); err != nil {
			c.mu.Unlock()
			return kexMessage{}, err
		}
		if in := c.st.hs.inbox; len(in) > 0 {
			m := in[0]
			c.st.hs.inbox = in[1:]
			c.st.hs.working = true
			c.mu.Unlock()
			return m, nil
		}
		c.mu.Unlock()
		select {
		case <-c.handshake:
		case <-ctx.Done():
			return kexMessage{}, ctx.Err()
		case <-c.done:
		}
	}
}

// advance goes on after a message was worked on: to the next flight, or back to
// waiting if it was dropped.
func (c *state) advance(now instant, m *kexMessage, reply []byte, dropped bool) {
	h := c.hs
	if h == nil {
		return
	}
	h.working = false
	if dropped {
		return
	}
	h.inbox = nil
	h.deadline = now.add(handshakeLimit)
	kind := wire.PacketTypeAccept
	if c.initiator {
		c.peer = m.peer
		h.token = nil
		if m.retry {
			h.token, kind = m.token, wire.PacketTypeHello
		}
	}
	h.expect = m.step + 2
	if reply == nil {
		h.land()
		return
	}
	h.launch(now, kind, m.step+1, reply)
}

// early opens the packets that came before the keys.
func (c *Conn) early() {
	if h := c.st.hs; h != nil {
		packets := h.early
		h.early = nil
		c.open(packets)
	}
}

func (c *Conn) open(packets []earlyPacket) {
	for _, e := range packets {
		var p wire.Packet
		if _, err := p.Decode(e.bytes); err == nil && c.st.phase == phaseOpen && c.st.receive(c.end.clock.now(), c.st.path.to, e.mark, e.bytes, &p) {
			c.opened()
		}
	}
	c.st.streams.tell()
}
