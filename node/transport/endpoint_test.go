package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// echo serves one connection: every stream gets its bytes back.
func echo(c *Conn) {
	var wg sync.WaitGroup
	for {
		s, err := c.AcceptStream(context.Background())
		if err != nil {
			break
		}
		wg.Go(func() {
			io.Copy(s, s)
			s.Close()
		})
	}
	wg.Wait()
}

func serveEcho(t testing.TB, e *Endpoint) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := e.Accept(context.Background())
			if err != nil {
				return
			}
			wg.Go(func() { echo(c) })
		}
	})
	t.Cleanup(func() { e.Close(); wg.Wait() })
}

func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

// roundTrip sends bytes on a new stream and returns what comes back.
func roundTrip(ctx context.Context, c *Conn, b []byte) ([]byte, error) {
	s, err := c.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.Write(b)
		s.Close()
		failed <- err
	}()
	got, err := io.ReadAll(s)
	if werr := <-failed; err == nil {
		err = werr
	}
	return got, err
}

func TestDialAcceptStreamsOverUDP(t *testing.T) {
	client, server := realPair(t)
	serveEcho(t, server)
	for name, h := range map[string]Initiator{"login": &toyInitiator{size: 2500}, "peers": &toyInitiator{oneWay: true}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c, err := client.Dial(ctx, server.LocalAddr(), h)
			if err != nil {
				t.Fatalf("dial: %v; counters %+v", err, server.Counters())
			}
			for _, size := range []int{0, 1, 64, 5000, 3 << 20} {
				b := random(size, uint64(size))
				got, err := roundTrip(ctx, c, b)
				if err != nil {
					t.Fatalf("echo of %d bytes: %v", size, err)
				}
				if !bytes.Equal(got, b) {
					t.Fatalf("echo of %d bytes: got %d bytes, sum %x, want %x", size, len(got), sha256.Sum256(got), sha256.Sum256(b))
				}
			}
			c.CloseWithCode(0, "done")
		})
	}
}
