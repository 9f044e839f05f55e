package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"sotto/node/internet"
	"sotto/wire"
)

// readBatch is how many datagrams, or runs of them, are read at a time.
const readBatch = 16

// An Endpoint is one UDP socket with any number of connections on it, dialled
// and accepted. It owns one goroutine, which reads the socket, one timer, and
// for the time that a stranger's handshake message takes a worker.
type Endpoint struct {
	io    internet.PacketIO
	cfg   Config
	clock clock
	wheel wheel
	conns table
	count counters

	resetMu sync.RWMutex
	resets  map[[16]byte]*Conn // by the tag that the peer's RESET would carry

	trace     *trace // nil if nobody wants one
	strangers strangers
	workers   workers
	accept    chan *Conn

	mu     sync.Mutex
	closed bool
	done   chan struct{}
	wg     sync.WaitGroup
}

// A sendBuffer is room for one batch of packets.
type sendBuffer struct {
	out   [1]internet.Out
	bytes [internet.BufferSize]byte
}

var sendBuffers = sync.Pool{New: func() any { return new(sendBuffer) }}

// NewEndpoint starts an endpoint on a socket, which it owns from then on.
func NewEndpoint(sock net.PacketConn, cfg Config) (*Endpoint, error) {
	cfg.defaults()
	e := &Endpoint{
		io: internet.NewPacketIO(sock), cfg: cfg, clock: newClock(),
		resets: make(map[[16]byte]*Conn),
		accept: make(chan *Conn, cfg.Backlog), done: make(chan struct{}),
	}
	if e.cfg.ResetKey == [32]byte{} {
		if _, err := io.ReadFull(cfg.Random, e.cfg.ResetKey[:]); err != nil {
			return nil, fmt.Errorf("transport: key for resets: %w", err)
		}
	}
	if cfg.Trace != nil {
		e.trace = &trace{w: cfg.Trace}
	}
	e.wheel.init(e.clock, e.tick)
	e.strangers.init(e)
	e.workers.limit = cfg.Workers
	e.wg.Add(1)
	go e.read()
	return e, nil
}

// LocalAddr is the socket's address.
func (e *Endpoint) LocalAddr() netip.AddrPort { return e.io.LocalAddr() }

// Counters says what the endpoint has seen.
func (e *Endpoint) Counters() Counters { return e.count.snapshot() }

// Accept waits for a connection whose handshake is over.
func (e *Endpoint) Accept(ctx context.Context) (*Conn, error) {
	select {
	case c := <-e.accept:
		return c, nil
	default:
	}
	select {
	case c := <-e.accept:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.done:
		return nil, ErrEndpointClosed
	}
}

// Close closes all connections and the socket, and waits until nothing of the
// endpoint runs any more.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		<-e.done
		e.wg.Wait()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	for _, c := range e.conns.all() {
		c.mu.Lock()
		now := e.clock.now()
		c.st.close(now, CodeEndpoint, "endpoint closed")
		c.flush()
		c.mu.Lock()
		c.st.end(now)
		c.flush()
	}
	e.wheel.close()
	err := e.io.Close()
	close(e.done)
	e.wg.Wait()
	return err
}

// enter counts a goroutine that works for the endpoint. It reports false if the
// endpoint is closed.
func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

// read is the reader: take a batch, give each packet to its connection, then let
// the connections say what they have to say.
func (e *Endpoint) read() {
	defer e.wg.Done()
	in := make([]internet.In, readBatch)
	for i := range in {
		in[i].Buf = make([]byte, internet.BufferSize)
	}
	var touched []*Conn
	failures := 0
	for {
		n, err := e.io.ReadBatch(in)
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
				if c := e.datagram(now, m.From, b[:k]); c != nil && !c.touched {
					c.touched = true
					touched = append(touched, c)
				}
				if b = b[k:]; len(b) == 0 {
					break
				}
			}
		}
		e.strangers.flush()
		for i, c := range touched {
			c.touched = false
			c.mu.Lock()
			c.flush()
			touched[i] = nil
		}
		touched = touched[:0]
	}
}

// datagram acts on one datagram and returns the connection that may have
// something to send now.
func (e *Endpoint) datagram(now instant, from netip.AddrPort, b []byte) *Conn {
	e.count.received.Add(1)
	p := &e.strangers.packet
	if _, err := p.Decode(b); err != nil {
		e.count.malformed.Add(1)
		return nil
	}
	switch p.Type {
	case wire.PacketTypeData:
		c := e.conns.get(p.Destination)
		if c == nil {
			e.count.unknown.Add(1)
			e.strangers.unknown(now, from, b, p.Destination)
			return nil
		}
		return e.sealed(now, from, b, p, c)
	case wire.PacketTypeReset:
		e.reset(now, b, p)
		return nil
	}
	return e.strangers.receive(now, from, b, p)
}

// sealed gives a DATA packet to its connection.
func (e *Endpoint) sealed(now instant, from netip.AddrPort, b []byte, p *wire.Packet, c *Conn) *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.st.receive(now, from, b, p) {
		if c.st.keys != nil {
			e.count.forged.Add(1)
		}
		if c.st.phase < phaseClosing {
			return nil
		}
		return c
	}
	c.opened()
	return c
}

// opened does what follows from the first genuine packets of a peer.
func (c *Conn) opened() {
	if !c.resetKnown && c.st.resetToken != nil {
		c.resetKnown = true
		c.end.resetMu.Lock()
		c.end.resets[*c.st.resetToken] = c
		c.end.resetMu.Unlock()
	}
	if !c.st.initiator && !c.queued && c.st.phase == phaseOpen && c.st.hs == nil {
		c.offer()
	}
}

// offer hands a connection to Accept.
func (c *Conn) offer() {
	c.queued = true
	c.end.strangers.leave(c)
	select {
	case c.end.accept <- c:
		c.end.count.accepted.Add(1)
	default:
		c.end.count.refused.Add(1)
		c.st.close(c.end.clock.now(), CodeBusy, "nobody accepts")
	}
}

// reset takes a RESET: its tag is known to the peer and us alone.
func (e *Endpoint) reset(now instant, b []byte, p *wire.Packet) {
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

// remove forgets a connection that is over. It is called with the connection's lock.
func (e *Endpoint) remove(c *Conn) {
	e.conns.remove(c.st.local)
	e.wheel.remove(&c.timer)
	e.strangers.leave(c)
	if c.resetKnown {
		e.resetMu.Lock()
		delete(e.resets, *c.st.resetToken)
		e.resetMu.Unlock()
	}
}

// send hands packets to the socket. What it refuses is lost, as packets may be.
func (e *Endpoint) send(buf *sendBuffer, n, seg int, to netip.AddrPort) {
	buf.out[0] = internet.Out{Buf: buf.bytes[:n], Seg: seg, To: to}
	e.count.sent.Add(1)
	_ = e.io.WriteBatch(buf.out[:])
}

// tick is called by the wheel's timer.
func (e *Endpoint) tick() {
	if !e.enter() {
		return
	}
	defer e.wg.Done()
	now := e.clock.now()
	for _, c := range e.wheel.expired(now, nil) {
		c.fire(now)
	}
}

// newConn makes a connection. Its local ID is not in the table yet.
func (e *Endpoint) newConn(now instant, initiator bool, local uint64, to netip.AddrPort) (*Conn, error) {
	var seed [32]byte
	if _, err := io.ReadFull(e.cfg.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("transport: seed: %w", err)
	}
	c := &Conn{end: e, done: make(chan struct{}), handshake: make(chan struct{}, 1)}
	c.timer.conn = c
	c.st.shell = c
	c.st.init(now, initiator, local, to, e.cfg.IdleTimeout, seed, internet.NewChecker())
	c.st.ownToken = resetTag(e.cfg.ResetKey, local)
	c.st.recovery.trace = newConnTrace(e.trace, local)
	return c, nil
}

// pathSizes says what is known of the packets that may go to an address: whether
// the socket leaves them whole, and how long they may be on the first link, 0 if
// that isn't known.
func (e *Endpoint) pathSizes(to netip.AddrPort) (whole bool, link int) {
	got := internet.FeaturesOf(e.io)
	if got.Kernel {
		link = min(internet.LinkSize(to), longestPacket)
	}
	return got.Whole, link
}

// newID is a random connection ID.
func (e *Endpoint) newID() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(e.cfg.Random, b[:]); err != nil {
		return 0, fmt.Errorf("transport: connection id: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]) | 1<<63, nil
}
