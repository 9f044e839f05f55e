package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sotto/node/keys"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// A Config is what a server is made of.
type Config struct {
	Engine store.Engine     // the state; stays the caller's, who closes it after Serve
	Host   *keys.Host       // the secrets of a server of the default tier, or
	Keys   *keys.ServerFile // those of one of the classic tier
	Socket net.PacketConn   // becomes the server's, also when New fails
	More   []net.PacketConn // the same: further sockets of that address (internet.ListenShared)
	Clock  func() time.Time // the wall clock; time.Now if nil
	Random io.Reader        // crypto/rand if nil
	Log    *slog.Logger     // nobody reads it if nil
	Limits Limits
	Work   uint8 // puzzle solutions asked of each login; 0 = 1
}

// A Server is one running server.
type Server struct {
	engine   store.Engine
	tier     tier
	endpoint *transport.Endpoint
	clock    func() time.Time
	source   io.Reader
	log      *slog.Logger
	limits   Limits

	accounts accounts
	online   sessions
	conns    atomic.Int64  // logged in, with a session or about to have one
	large    chan struct{} // one for each large request of all sessions
	counters counters
}

// labelReset makes the key of RESET packets from the server's lasting secret, so
// that after a restart the clients of the last run learn at once that their
// conns are gone.
const labelReset keys.Label = "reset"

// New reads the users, signs the manifest if it must and begins to listen on
// the socket. It answers nobody before Serve is called.
func New(ctx context.Context, cfg Config) (*Server, error) {
	s, err := newServer(ctx, cfg)
	if err != nil {
		for _, sock := range append([]net.PacketConn{cfg.Socket}, cfg.More...) {
			sock.Close()
		}
		return nil, err
	}
	return s, nil
}

func newServer(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{
		clock:  cfg.Clock,
		source: cfg.Random,
		log:    cfg.Log,
		limits: cfg.Limits.filled(),
		online: sessions{byName: make(map[string]*session)},
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.source == nil {
		s.source = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.engine = &watched{Engine: cfg.Engine, clock: s.clock, log: s.log}
	s.large = make(chan struct{}, s.limits.LargeRequests)

	var err error
	var secret [32]byte
	switch {
	case (cfg.Host == nil) == (cfg.Keys == nil):
		return nil, errors.New("a server has keys, and of one tier")
	case cfg.Host != nil:
		secret = cfg.Host.Decoy()
		s.tier, err = newDefault(ctx, s, cfg.Host, cfg.Work)
	default:
		secret = cfg.Keys.Secret
		s.tier, err = newClassic(ctx, s, cfg.Keys, cfg.Work)
	}
	if err != nil {
		return nil, err
	}
	s.endpoint, err = transport.NewEndpoint(cfg.Socket, transport.Config{
		Sockets:     cfg.More,
		Random:      s.source,
		Responder:   s.tier,
		IdleTimeout: s.limits.Idle,
		Workers:     2 * runtime.GOMAXPROCS(0), // a login waits for the disk twice
		ResetKey:    labelReset.Hash(secret[:]),
	})
	return s, err
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() netip.AddrPort { return s.endpoint.LocalAddr() }

// Fingerprint returns what people compare to know the server.
func (s *Server) Fingerprint() string { return s.tier.fingerprint() }

// Users returns how many users the server knows.
func (s *Server) Users() int { return len(s.accounts.all()) }

// Serve answers clients until ctx ends. Then it takes no more, lets requests
// under way finish within a moment, tells every client that it stops and
// returns nil. It can be called once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := &ending{code: wire.CloseCodeShuttingDown, reason: "the server stops"}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { stop(stopped) })

	var wg sync.WaitGroup
	wg.Go(func() { s.keepHouse(ctx) })
	var err error
	for {
		var conn *transport.Conn
		if conn, err = s.endpoint.Accept(ctx); err != nil {
			break
		}
		wg.Go(func() { s.serve(work, conn) })
	}
	if ctx.Err() != nil {
		err = nil
	} else {
		err = fmt.Errorf("accept clients: %w", err)
	}
	cancel(nil)
	wg.Wait()
	return errors.Join(err, s.endpoint.Close())
}

// doTimeout bounds how long anybody waits for the store.
const doTimeout = 10 * time.Second

// do proposes a change. When it returns without an error, the change is on disk.
func (s *Server) do(op store.Op) (store.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), doTimeout)
	defer cancel()
	op.At = s.clock().UnixMilli()
	return s.engine.Do(ctx, op)
}

// random fills the slices with secret bytes.
func (s *Server) random(into ...[]byte) error {
	for _, b := range into {
		if _, err := io.ReadFull(s.source, b); err != nil {
			return err
		}
	}
	return nil
}
