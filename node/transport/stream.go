package transport

import (
	"context"
	"io"
	"net"
	"time"
)

// A Stream is an ordered run of bytes in each direction, net.Conn-like. Its
// methods may be called from several goroutines.
type Stream struct {
	id      uint64
	conn    *Conn
	send    sendHalf
	receive receiveHalf
	open    bool // the peer has to be told of it
	retired bool
	waiting bool // for AcceptStream
	news    bool // in the table's list of news

	queue         queueKind
	before, after *Stream

	// Made when somebody waits for the first time; each holds one token.
	readWake, writeWake         chan struct{}
	readDeadline, writeDeadline time.Time
}

// pending reports whether the stream has anything to send now.
func (s *Stream) pending(credit int64) bool {
	return s.open || s.receive.stop || s.receive.window.pending || s.send.pending(credit)
}

// ID is the stream's number: the initiator opens 0, 2, 4, ..., the responder
// 1, 3, 5, ...
func (s *Stream) ID() uint64 { return s.id }

// Conn is the connection of the stream.
func (s *Stream) Conn() *Conn { return s.conn }

// LocalAddr and RemoteAddr are the addresses of the connection.
func (s *Stream) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.conn.end.LocalAddr()) }

// RemoteAddr is where the peer is now.
func (s *Stream) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(s.conn.PeerAddr()) }

// Read waits for bytes and takes up to len(b) of them. After the peer has closed
// the stream it returns io.EOF, after a reset a *StreamReset, and when the
// connection is over its error, once everything that arrived was read.
func (s *Stream) Read(b []byte) (int, error) {
	c := s.conn
	c.mu.Lock()
	for {
		h := &s.receive
		if len(b) == 0 {
			c.mu.Unlock()
			return 0, nil
		}
		if h.stopped {
			c.mu.Unlock()
			return 0, ErrStreamClosed
		}
		if n := h.take(b); n > 0 {
			c.st.onRead(c.end.clock.now(), s, n)
			if h.ready() > 0 {
				notify(s.readWake) // another reader may be waiting
			}
			c.flush()
			return n, nil
		}
		if h.reset {
			h.seen = true
			c.st.streams.retire(&c.st, s)
			c.flush()
			return 0, &StreamReset{Code: h.code}
		}
		if h.final >= 0 && h.read == h.final {
			if !h.seen {
				h.seen = true
				c.st.streams.retire(&c.st, s)
			}
			notify(s.readWake)
			c.flush()
			return 0, io.EOF
		}
		if err := c.ended(); err != nil {
			notify(s.readWake)
			c.mu.Unlock()
			return 0, err
		}
		if s.readWake == nil {
			s.readWake = make(chan struct{}, 1)
		}
		wake, deadline := s.readWake, s.readDeadline
		c.mu.Unlock()
		if err := wait(nil, wake, deadline); err != nil {
			return 0, err
		}
		c.mu.Lock()
	}
}

// Write puts bytes into the stream. It returns when all are taken over, which may
// be before they have arrived; it waits while too many are on their way already.
func (s *Stream) Write(b []byte) (int, error) {
	c := s.conn
	done := 0
	c.mu.Lock()
	for {
		h := &s.send
		var err error
		switch {
		case h.stopped:
			err = &StreamStopped{Code: h.code}
		case h.fin || h.reset:
			err = ErrStreamClosed
		default:
			err = c.ended()
		}
		if err != nil {
			notify(s.writeWake)
			c.mu.Unlock()
			return done, err
		}
		if n := int(min(int64(len(b)-done), maxUnsent-h.unsent())); n > 0 || len(b) == done {
			h.write(b[done : done+n])
			done += n
			c.st.streams.schedule(s)
			if done == len(b) {
				if h.unsent() < maxUnsent {
					notify(s.writeWake) // another writer may be waiting
				}
				c.flush()
				return done, nil
			}
			c.flush()
			c.mu.Lock()
			continue
		}
		if s.writeWake == nil {
			s.writeWake = make(chan struct{}, 1)
		}
		wake, deadline := s.writeWake, s.writeDeadline
		c.mu.Unlock()
		if err := wait(nil, wake, deadline); err != nil {
			return done, err
		}
		c.mu.Lock()
	}
}

// Close ends the sending direction once everything written has arrived. Reading
// goes on; Stop ends that.
func (s *Stream) Close() error {
	c := s.conn
	c.mu.Lock()
	if !s.send.fin && !s.send.reset {
		s.send.fin = true
		c.st.streams.schedule(s)
		notify(s.writeWake)
	}
	c.flush()
	return nil
}

// Reset gives up sending: what has not arrived never will, and the peer learns
// the code.
func (s *Stream) Reset(code uint64) {
	c := s.conn
	c.mu.Lock()
	s.send.giveUp(code & maxOffset)
	c.st.streams.schedule(s)
	notify(s.writeWake)
	c.flush()
}

// Stop tells the peer that nobody will read any more, with a code.
func (s *Stream) Stop(code uint64) {
	c := s.conn
	c.mu.Lock()
	h := &s.receive
	if !h.stopped && !h.done() {
		before := h.read
		h.stopped, h.code = true, code&maxOffset
		h.stop = h.final < 0
		h.forget()
		c.st.onRead(c.end.clock.now(), s, int(h.read-before))
		c.st.streams.schedule(s)
		c.st.streams.retire(&c.st, s)
		notify(s.readWake)
	}
	c.flush()
}

// SetDeadline sets the time after which Read and Write give up; zero: never.
func (s *Stream) SetDeadline(t time.Time) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.readDeadline, s.writeDeadline = t, t
	notify(s.readWake)
	notify(s.writeWake)
	return nil
}

// SetReadDeadline sets the time after which Read gives up.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.readDeadline = t
	notify(s.readWake)
	return nil
}

// SetWriteDeadline sets the time after which Write gives up.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.writeDeadline = t
	notify(s.writeWake)
	return nil
}

// wait blocks until there is a token, the deadline, or the end of ctx, which may
// be nil.
func wait(ctx context.Context, wake <-chan struct{}, deadline time.Time) error {
	var done <-chan struct{}
	if ctx != nil {
		done = ctx.Done()
	}
	var late <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-wake:
		return nil
	case <-done:
		return ctx.Err()
	case <-late:
		return ErrDeadline
	}
}
