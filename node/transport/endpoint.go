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
)

// An Endpoint is one UDP address with any number of connections on it, dialled
// and accepted. If it accepts any, strangers have a socket of their own where the
// system allows that. It owns a goroutine for each socket, which reads it, one timer,
// and for the time that a stranger's handshake message takes a worker.
type Endpoint struct {
	readers []*reader // one for each socket, the one for strangers at the end; never changes
	cfg     Config
	clock   clock
	wheel   wheel
	conns   table
	count   counters
	memory  memory

	resetMu sync.RWMutex
	resets  map[[16]byte]*Conn // by the tag that the peer's RESET would carry

	trace     *trace // nil if nobody wants one
	tokens    tokenSecrets
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

// NewEndpoint starts an endpoint on a socket, and on those of the configuration. It
// owns them from then on.
func NewEndpoint(sock net.PacketConn, cfg Config) (*Endpoint, error) {
	cfg.defaults()
	e := &Endpoint{
		cfg: cfg, clock: newClock(),
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
	e.memory.limit = cfg.Memory
	e.tokens.random = cfg.Random
	socks := append([]net.PacketConn{sock}, cfg.Sockets...)
	var strangers internet.PacketIO
	if cfg.Responder != nil {
		strangers = internet.Apart(socks)
	}
	for _, s := range socks {
		io := internet.NewPacketIO(s)
		e.readers = append(e.readers, newReader(e, io, io, readBatch, internet.BufferSize))
	}
	if strangers != nil {
		e.readers = append(e.readers, newReader(e, strangers, e.readers[0].io, strangersBatch, strangersRoom))
	}
	for _, r := range e.readers {
		e.wg.Add(1)
		go r.read()
	}
	return e, nil
}

// LocalAddr is the address of the sockets.
func (e *Endpoint) LocalAddr() netip.AddrPort { return e.readers[0].io.LocalAddr() }

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
	var err error
	for _, r := range e.readers {
		err = errors.Join(err, r.io.Close())
	}
	close(e.done)
	e.wg.Wait()
	return err
}

func (e *Endpoint) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
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
func (e *Endpoint) send(by internet.PacketIO, packets internet.Out, buf *sendBuffer) {
	buf.out[0] = packets
	e.count.sent.Add(1)
	_ = by.WriteBatch(buf.out[:])
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
	c := &Conn{end: e, io: e.readers[0].io, done: make(chan struct{})}
	if initiator {
		c.handshake = make(chan struct{}, 1)
	}
	c.timer.conn = c
	c.st.shell = c
	c.st.init(now, initiator, local, to, e.cfg.IdleTimeout, seed, internet.NewChecker(), &e.count, &e.memory)
	c.st.ownToken = resetTag(e.cfg.ResetKey, local)
	c.st.recovery.trace = newConnTrace(e.trace, local)
	return c, nil
}

// pathSizes says what is known of the packets that may go to an address: whether
// the socket leaves them whole, and how long they may be on the first link, 0 if
// that isn't known.
func (e *Endpoint) pathSizes(to netip.AddrPort) (whole bool, link int) {
	got := internet.FeaturesOf(e.readers[0].io)
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
