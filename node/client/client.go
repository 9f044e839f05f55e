package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"sotto/node/client/profile"
	"sotto/node/login/classic"
	"sotto/node/transport"
	"sotto/wire"
)

// A Config says who logs in where. User, Password, Servers, ServerKey and
// Profile must be set.
type Config struct {
	User       string
	Password   []byte           // wiped by Open
	Passphrase []byte           // of the keys of this device, or to put them under; nil: none. Wiped by Open
	Servers    []netip.AddrPort // the addresses of one server, tried in order
	ServerKey  *ServerKey       // the pinned key; it decides the tier
	Profile    *profile.Profile // of this user on this server; the caller closes it after the Client

	Listen   func(server netip.AddrPort) (net.PacketConn, error) // nil: Listen
	Random   io.Reader                                           // nil: crypto/rand
	Now      func() time.Time                                    // nil: time.Now
	Patience time.Duration                                       // how long a login may take; 0: 30 s
	Stretch  classic.Stretch                                     // weaker only in tests
	Relay    bool                                                // all messages go by the server, in both directions; no other user learns our address
}

// patience is how long a login may take, with the puzzle and the password's
// stretching on a slow machine. A server that answers nothing at all is given
// up by the transport after 8 s.
const patience = 30 * time.Second

func (cfg *Config) defaults() {
	if cfg.Listen == nil {
		cfg.Listen = Listen
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Patience == 0 {
		cfg.Patience = patience
	}
}

// A Client is a user's session. All methods may be called from any goroutine.
type Client struct {
	cfg      Config
	server   netip.AddrPort // the address that answered
	user     string         // as registered
	tier     tier
	endpoint *transport.Endpoint
	visiting bool // it comes for an errand and begins no session

	events  chan Event
	calls   chan func(*loop) // for the loop
	disk    chan func()      // for the one goroutine that writes what came in
	records chan records     // for the one that writes what became of our messages
	room    chan struct{}    // one token per message, or refusal, that is not shown yet

	ctx    context.Context // of everything that runs beside the loop
	cancel context.CancelFunc
	beside sync.WaitGroup // goroutines beside the loop
	ended  chan struct{}  // closed when the loop has ended
}

const (
	// keepAlive is how long a conn is silent before it shows signs of life,
	// for the sake of NATs and of idleTimeout.
	keepAlive = 10 * time.Second

	// idleTimeout is after how long a conn without signs of life is lost.
	idleTimeout = 35 * time.Second
)

// roomMax is how many messages may be on their way from a stream to the
// screen. Who writes more waits for the reader; nothing is lost by it.
const roomMax = 128

// Open logs in and returns when the session stands. The errors are
// *NoAnswerError, *ServerKeyError, *LoginError (a wrong password: it wraps
// classic.ErrPassword or channel.ErrPassword), *DirectoryError, and those of the
// profile.
//
// In the default tier the password serves to make this device known, and to
// be checked where one is given; a profile with a device needs none.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	defer clear(cfg.Password)
	defer clear(cfg.Passphrase)
	c, err := newClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	in, err := c.firstLogin(ctx)
	if err != nil {
		c.drop()
		return nil, err
	}
	l, err := newLoop(ctx, c)
	if err != nil {
		in.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		c.drop()
		return nil, err
	}
	l.linked(in)
	go l.run()
	c.goDo(c.writeDisk)
	c.goDo(c.writeRecords)
	c.goDo(c.acceptPeers)
	return c, nil
}

// newClient makes a client that has not logged in yet.
func newClient(ctx context.Context, cfg Config) (*Client, error) {
	switch {
	case len(cfg.Servers) == 0:
		return nil, errors.New("client: no server address")
	case cfg.ServerKey == nil:
		return nil, errors.New("client: no server key")
	case cfg.Profile == nil:
		return nil, errors.New("client: no profile")
	}
	cfg.defaults()
	c := &Client{
		cfg:     cfg,
		events:  make(chan Event),
		calls:   make(chan func(*loop), 64),
		disk:    make(chan func(), 64),
		records: make(chan records),
		room:    make(chan struct{}, roomMax),
		ended:   make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if cfg.ServerKey.Classic() {
		c.tier = newClassicTier(&c.cfg)
		return c, nil
	}
	t, err := newDefaultTier(ctx, &c.cfg, c)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.tier = t
	return c, nil
}

// drop gives up a client whose loop does not run.
func (c *Client) drop() {
	c.cancel()
	if c.endpoint != nil {
		c.endpoint.Close()
	}
	c.beside.Wait()
}

// Listen opens the socket for a server and for other users: on the loopback
// interface if the server is there, so that nobody else can reach it.
func Listen(server netip.AddrPort) (net.PacketConn, error) {
	network, host := "udp4", ""
	ip := server.Addr().Unmap()
	if ip.Is6() {
		network = "udp6"
	}
	if ip.IsLoopback() {
		host = ip.String()
	}
	return net.ListenPacket(network, net.JoinHostPort(host, "0"))
}

// User gives our name as registered.
func (c *Client) User() string { return c.user }

// Server gives the address of the server.
func (c *Client) Server() netip.AddrPort { return c.server }

// ServerKey gives the server's key. In the default tier it may be another one
// than the Config had: one that the server has renewed, signed by the old one.
func (c *Client) ServerKey() *ServerKey { return c.tier.serverKey() }

// Events gives the stream of events. It must be read for the client to go on;
// it is closed after Close, or after an Ended event.
func (c *Client) Events() <-chan Event { return c.events }

// Counters gives the transport's counters, for those who want to see what was
// dropped.
func (c *Client) Counters() transport.Counters { return c.endpoint.Counters() }

// Close logs out and ends everything. What is not sent yet stays in the outbox
// for the next run.
func (c *Client) Close() error {
	c.logout()
	c.cancel()
	<-c.ended
	err := c.endpoint.Close()
	c.beside.Wait()
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return nil
}

// do runs f in the loop and returns when it has run.
func (c *Client) do(ctx context.Context, f func(*loop)) error {
	ran := make(chan struct{})
	select {
	case c.calls <- func(l *loop) { f(l); close(ran) }:
	case <-c.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-c.ended:
		return ErrClosed
	}
}

// tell runs f in the loop some time; not at all if the client ends first.
func (c *Client) tell(f func(*loop)) {
	select {
	case c.calls <- f:
	case <-c.ended:
	}
}

// goDo runs f beside the loop. f ends when c.ctx does.
func (c *Client) goDo(f func()) {
	c.beside.Add(1)
	go func() {
		defer c.beside.Done()
		f()
	}()
}

// writeDisk runs what is to be written of that which came in, in order: so the
// acknowledgements that follow are in order, too.
func (c *Client) writeDisk() {
	for {
		select {
		case f := <-c.disk:
			f()
		case <-c.ctx.Done():
			return
		}
	}
}

// write queues f for the disk, from beside the loop.
func (c *Client) write(f func()) bool {
	select {
	case c.disk <- f:
		return true
	case <-c.ctx.Done():
		return false
	}
}
