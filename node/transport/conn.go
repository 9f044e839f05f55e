package transport

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sotto/node/internet"
)

// A Conn is a connection to a peer: any number of streams over one pair of
// connection IDs, wherever the peer's address moves.
//
// It owns no goroutine. Its state is behind one lock; the endpoint's reader, the
// wheel and the application's own goroutines call into it, and whoever has made
// it want to send does the sending. Only one of them sends at a time, so that
// packets leave in the order of their numbers.
type Conn struct {
	end   *Endpoint
	timer timerNode

	mu         sync.Mutex
	io         internet.PacketIO // the socket at which the peer was heard last
	st         state
	flushing   bool // somebody is sending
	again      bool // and shall look again afterwards
	peer       any
	run        Handshake // a responder's run, until it ends; nil while a worker has it
	first      [32]byte  // SHA-256 of the first handshake message
	stranger   *halfOpen // its place among the half-open, until the handshake is over
	resetKnown bool      // the endpoint knows the peer's reset token
	queued     bool      // it went to Accept
	finished   bool      // removed from the endpoint
	done       chan struct{}
	handshake  chan struct{} // a token when the handshake has news for Dial
	touched    atomic.Bool   // in the list of a reader
}

// OpenStream opens a stream. It waits while the peer allows no more of them.
func (c *Conn) OpenStream(ctx context.Context) (*Stream, error) {
	c.mu.Lock()
	for {
		if err := c.ended(); err != nil {
			notify(c.st.streams.openWake)
			c.mu.Unlock()
			return nil, err
		}
		if s := c.st.streams.open(&c.st); s != nil {
			s.conn = c
			notify(c.st.streams.openWake)
			c.flush()
			return s, nil
		}
		if c.st.streams.openWake == nil {
			c.st.streams.openWake = make(chan struct{}, 1)
		}
		wake := c.st.streams.openWake
		c.mu.Unlock()
		if err := wait(ctx, wake, time.Time{}); err != nil {
			return nil, err
		}
		c.mu.Lock()
	}
}

// AcceptStream waits for a stream that the peer has opened.
func (c *Conn) AcceptStream(ctx context.Context) (*Stream, error) {
	c.mu.Lock()
	for {
		if t := &c.st.streams; len(t.backlog) > 0 {
			s := t.backlog[0]
			t.backlog[0] = nil
			t.backlog = t.backlog[1:]
			if len(t.backlog) > 0 {
				notify(t.acceptWake)
			}
			s.waiting = false
			t.retire(&c.st, s)
			c.flush()
			return s, nil
		}
		if err := c.ended(); err != nil {
			notify(c.st.streams.acceptWake)
			c.mu.Unlock()
			return nil, err
		}
		if c.st.streams.acceptWake == nil {
			c.st.streams.acceptWake = make(chan struct{}, 1)
		}
		wake := c.st.streams.acceptWake
		c.mu.Unlock()
		if err := wait(ctx, wake, time.Time{}); err != nil {
			return nil, err
		}
		c.mu.Lock()
	}
}

// ErrTooLong says that an unreliable message doesn't fit into a packet.
var ErrTooLong = errors.New("transport: message too long for one packet")

// maxDatagram is what surely fits into one packet.
const maxDatagram = basePacket - 128

// SendDatagram sends a message of at most 1,072 bytes that may get lost. When too
// many wait to be sent, the oldest is dropped.
func (c *Conn) SendDatagram(b []byte) error {
	if len(b) > maxDatagram {
		return ErrTooLong
	}
	c.mu.Lock()
	if err := c.ended(); err != nil {
		c.mu.Unlock()
		return err
	}
	if d := c.st.datagrams; len(d) >= maxDatagrams {
		d[0] = nil
		c.st.datagrams = d[1:]
		c.end.count.unsent.Add(1)
	}
	c.st.datagrams = append(c.st.datagrams, append([]byte(nil), b...))
	c.flush()
	return nil
}

// ReceiveDatagram waits for a message sent by SendDatagram.
func (c *Conn) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	c.mu.Lock()
	for {
		if a := c.st.arrived; len(a) > 0 {
			c.st.arrived = a[1:]
			if len(c.st.arrived) > 0 {
				notify(c.st.streams.datagramWake)
			}
			c.mu.Unlock()
			return a[0], nil
		}
		if err := c.ended(); err != nil {
			notify(c.st.streams.datagramWake)
			c.mu.Unlock()
			return nil, err
		}
		if c.st.streams.datagramWake == nil {
			c.st.streams.datagramWake = make(chan struct{}, 1)
		}
		wake := c.st.streams.datagramWake
		c.mu.Unlock()
		if err := wait(ctx, wake, time.Time{}); err != nil {
			return nil, err
		}
		c.mu.Lock()
	}
}

// CloseWithCode closes the connection at once: what has not arrived is lost. The
// peer learns the code, which must be below CodeBase, and up to 255 bytes of the
// reason.
func (c *Conn) CloseWithCode(code uint64, reason string) {
	c.mu.Lock()
	c.st.close(c.end.clock.now(), code&maxOffset, reason)
	c.flush()
}

// Done is closed when the connection is over.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the connection is over: a *PeerClosed, a *LocalClosed, ErrIdle,
// ErrReset, ErrHandshake; nil while it isn't.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended()
}

// ended is Err for somebody who has the lock.
func (c *Conn) ended() error {
	if c.st.phase < phaseClosing {
		return nil
	}
	return c.st.err
}

// PeerAddr is where the peer is now.
func (c *Conn) PeerAddr() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.st.path.to
}

// Peer is what the responder's Handshake found out about the peer; nil at the
// initiator, which knows whom it dialled.
func (c *Conn) Peer() any { return c.peer }

// SetKeepAlive makes the connection show signs of life, so that a NAT on the way
// doesn't forget it: at the latest when it was silent for d, and more often if the NAT
// turns out to need that. 0 ends it.
func (c *Conn) SetKeepAlive(d time.Duration) {
	c.mu.Lock()
	c.st.keepAlive.allow(d)
	c.flush()
}

// RTT is the smoothed round trip time.
func (c *Conn) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.st.recovery.rtt.smoothed
}

// flush sends what is due and notes the next deadline. It is called with the
// lock and returns without it.
func (c *Conn) flush() {
	if c.flushing {
		c.again = true
		c.mu.Unlock()
		return
	}
	c.flushing = true
	var buf *sendBuffer
	for {
		c.again = false
		now := c.end.clock.now()
		if buf == nil {
			if !c.st.wants(now) {
				break
			}
			buf = sendBuffers.Get().(*sendBuffer)
		}
		n, seg, to := c.st.poll(now, buf.bytes[:])
		if n == 0 {
			if c.again {
				continue
			}
			break
		}
		by, mark := c.io, c.st.mark()
		c.mu.Unlock()
		c.end.send(by, internet.Out{Buf: buf.bytes[:n], Seg: seg, To: to, Mark: mark}, buf)
		c.mu.Lock()
	}
	c.flushing = false
	c.settle()
	c.mu.Unlock()
	if buf != nil {
		sendBuffers.Put(buf)
	}
}

// settle notes the next deadline, and tells everybody when the connection is over.
func (c *Conn) settle() {
	if c.st.phase >= phaseClosing {
		select {
		case <-c.done:
		default:
			close(c.done)
			notify(c.handshake)
		}
	}
	if c.st.phase == phaseDone {
		if !c.finished {
			c.finished = true
			giveUp(c.run)
			c.run = nil
			c.end.remove(c)
		}
		return
	}
	if at := c.st.nextTimeout(); at != 0 {
		c.end.wheel.set(&c.timer, at)
	}
}

// fire is called by the wheel.
func (c *Conn) fire(now instant) {
	c.mu.Lock()
	c.st.timeout(now)
	c.flush()
}
