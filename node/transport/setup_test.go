package transport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"sotto/node/session"
)

// TestMain fails the run when a test has left a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leaked(2 * time.Second); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked is the stacks of goroutines of this package that are still there after
// a while.
func leaked(patience time.Duration) string {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "sotto/node/") && !strings.Contains(g, "TestMain") {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}

// The toy handshake has the flow of the login: M1 in a HELLO, M2 in the RETRY, M3
// in HELLOs, M4 and M5 in ACCEPTs. It proves nothing and costs next to nothing, and
// its messages are as long as a test wants them.
type toyInitiator struct {
	step   int
	size   int  // of M3
	forged int  // how many of the responder's messages to drop first
	oneWay bool // the flow between peers: P1, P2
	bound  [32]byte
	binds  int
	think  time.Duration
}

var errToy = errors.New("toy handshake: unexpected message")

func (h *toyInitiator) Bind(conn [32]byte) { h.bound = conn; h.binds++ }

func (h *toyInitiator) First() ([]byte, error) {
	if h.oneWay {
		return []byte("P1 hello"), nil
	}
	return []byte("M1 hello"), nil
}

func (h *toyInitiator) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	if h.forged > 0 {
		h.forged--
		return nil, nil, ErrDrop
	}
	time.Sleep(h.think)
	switch {
	case h.oneWay && strings.HasPrefix(string(msg), "P2"):
		return nil, toySecrets(h.bound, true), nil
	case h.step == 0 && strings.HasPrefix(string(msg), "M2"):
		h.step = 1
		return append([]byte("M3"), make([]byte, h.size)...), nil, nil
	case h.step == 1 && strings.HasPrefix(string(msg), "M4"):
		return append([]byte("M5"), make([]byte, h.size)...), toySecrets(h.bound, true), nil
	}
	return nil, nil, ErrDrop
}

func toySecrets(conn [32]byte, initiator bool) *session.Secrets {
	a := sha256.Sum256(append(conn[:], 'a'))
	b := sha256.Sum256(append(conn[:], 'b'))
	if initiator {
		return &session.Secrets{Send: a, Receive: b}
	}
	return &session.Secrets{Send: b, Receive: a}
}

type toyResponder struct {
	size  int // of M4
	think time.Duration
	drop  bool
}

func (r toyResponder) First(now time.Time, from netip.AddrPort, msg []byte) (Verdict, []byte) {
	switch {
	case r.drop:
		return Drop, nil
	case strings.HasPrefix(string(msg), "P1"):
		return Proceed, nil
	case strings.HasPrefix(string(msg), "M1"):
		return Retry, append([]byte("M2"), make([]byte, 500)...)
	}
	return Drop, nil
}

func (r toyResponder) Begin(now time.Time, from netip.AddrPort, conn [32]byte) Handshake {
	return &toyRun{toyResponder: r, conn: conn}
}

type toyRun struct {
	toyResponder
	conn [32]byte
	step int
}

func (h *toyRun) Next(now time.Time, msg []byte) ([]byte, *session.Secrets, error) {
	time.Sleep(h.think)
	switch {
	case strings.HasPrefix(string(msg), "P1"):
		return []byte("P2"), toySecrets(h.conn, false), nil
	case h.step == 0 && strings.HasPrefix(string(msg), "M3"):
		h.step = 1
		return append([]byte("M4"), make([]byte, h.size)...), nil, nil
	case h.step == 1 && strings.HasPrefix(string(msg), "M5"):
		return nil, toySecrets(h.conn, false), nil
	}
	return nil, nil, errToy
}

func (h *toyRun) Peer() any { return "toy" }

func loopback(t testing.TB) net.PacketConn {
	t.Helper()
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return sock
}

// An end pair over real sockets, closed with the test.
func realPair(t testing.TB) (client, server *Endpoint) {
	t.Helper()
	var err error
	if server, err = NewEndpoint(loopback(t), Config{Responder: toyResponder{size: 3500}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if client, err = NewEndpoint(loopback(t), Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, server
}

// connect dials and accepts.
func connect(t testing.TB, client, server *Endpoint, h Initiator) (dialled, accepted *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dialled, err := client.Dial(ctx, server.LocalAddr(), h)
	if err != nil {
		t.Fatalf("dial: %v; counters %+v", err, server.Counters())
	}
	if accepted, err = server.Accept(ctx); err != nil {
		t.Fatalf("accept: %v; counters %+v", err, server.Counters())
	}
	return dialled, accepted
}
