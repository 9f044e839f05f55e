package transport

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"sotto/node/session"
)

// An Initiator runs the handshake of one Dial. Its methods are called one at a
// time, from the goroutine that dials, and may take long.
//
// If it also has a method Bind(conn [32]byte), that is called before the first
// Next, and again if a better answer with another connection ID turns up: conn
// binds the run to both connection IDs and the first message.
type Initiator interface {
	// First makes the message of the first HELLO, at most 1,100 bytes.
	First() ([]byte, error)
	// Next takes a whole message of the responder and returns the next one to send, if
	// there is one, and the secrets as soon as they are known. ErrDrop means that
	// the message is to be ignored and a better one awaited.
	Next(ctx context.Context, msg []byte) (reply []byte, s *session.Secrets, err error)
}

// A Binder is an Initiator that wants to know which connection it runs on.
type Binder interface{ Bind(conn [32]byte) }

// A Verdict is what a Responder thinks of a stranger's first message.
type Verdict int

const (
	Drop    Verdict = iota // not worth an answer
	Retry                  // answer with a token and a message, keep nothing
	Proceed                // the message proves itself: begin a run
)

// A Responder decides about strangers for an endpoint. It is safe for concurrent use.
type Responder interface {
	// First looks at the message of a HELLO before any state exists. It runs on the
	// goroutine that reads the socket and does no public-key operation. The message
	// for a RETRY must leave the RETRY shorter than the HELLO.
	First(now time.Time, from netip.AddrPort, msg []byte) (v Verdict, retry []byte)
	// Begin starts a run: for an address that has proven itself, or after Proceed.
	Begin(now time.Time, from netip.AddrPort, conn [32]byte) Handshake
}

// A Handshake is a responder's end of one run. Its methods are called one at a time,
// from a bounded pool of workers.
type Handshake interface {
	// Next takes a whole message and returns the reply, if there is one, and the
	// secrets as soon as they are known. An error ends the run without a word.
	Next(now time.Time, msg []byte) (reply []byte, s *session.Secrets, err error)
	// Peer is what Conn.Peer returns once the run has ended well.
	Peer() any
}

// A Clearer is a Handshake with secrets in it. Clear overwrites them. It is called once,
// when the run is given up, by whoever ends the connection, and no method after it.
type Clearer interface{ Clear() }

// A Config sets up an endpoint. The zero value dials and accepts nobody.
type Config struct {
	Random    io.Reader // where all randomness comes from; nil: the system's
	Responder Responder // nil: accept nobody

	// Sockets are further ones with the address of the first (internet.ListenShared).
	// The kernel spreads peers over them, and each has a reader of its own.
	Sockets []net.PacketConn

	// IdleTimeout ends a connection on which nothing arrives; 0: 5 minutes. The
	// smaller of both ends' counts.
	IdleTimeout time.Duration
	// Memory bounds the bytes that have arrived for all connections and were not read yet,
	// beyond 64 KiB for each; 0: 256 MiB.
	Memory int64
	// Backlog bounds the connections that wait for Accept; 0: 128.
	Backlog int
	// Workers bounds the handshake messages that are worked on at a time; 0: one for
	// each processor.
	Workers int
	// ResetKey authenticates RESET packets. An endpoint that keeps it over a restart
	// can tell the peers of its forgotten connections at once; zero: random.
	ResetKey [32]byte
	// Trace gets a line of JSON for each event of each connection; nil: no trace. It is
	// written to while packets wait, so it should be a buffer or a file. Command
	// sottotrace draws it.
	Trace io.Writer
}

func (c *Config) defaults() {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	c.Random = &lockedReader{r: c.Random}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Memory <= 0 {
		c.Memory = defaultMemory
	}
	if c.Backlog <= 0 {
		c.Backlog = defaultBacklog
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
}

// A lockedReader lets several goroutines share one source of randomness.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, b)
}
