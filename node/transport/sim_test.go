package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sotto/node/simnet"
)

// A world is two endpoints on a simulated network.
type world struct {
	net            *simnet.Network
	sock           *simnet.Sock // the client's
	client, server *Endpoint
	wg             sync.WaitGroup
}

var (
	clientAt = netip.MustParseAddrPort("10.0.0.1:1000")
	serverAt = netip.MustParseAddrPort("10.0.0.2:2000")
)

// simulate runs a story in a bubble: time costs nothing, and what is left running
// at the end is found.
func simulate(t *testing.T, seed uint64, link simnet.Link, story func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{net: simnet.New(seed)}
		w.net.SetLink(link)
		var err error
		listen := func(at netip.AddrPort) *simnet.Sock {
			s, err := w.net.Listen(at)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		entropy := func(side byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), side}) }
		if w.server, err = NewEndpoint(listen(serverAt), Config{Responder: toyResponder{size: 3500}, Random: entropy(1)}); err != nil {
			t.Fatal(err)
		}
		w.sock = listen(clientAt)
		if w.client, err = NewEndpoint(w.sock, Config{Random: entropy(0)}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			w.client.Close()
			w.server.Close()
			w.wg.Wait()
		}()
		story(t, w)
	})
}

// serve echoes every connection's streams.
func (w *world) serve() {
	w.wg.Go(func() {
		for {
			c, err := w.server.Accept(context.Background())
			if err != nil {
				return
			}
			w.wg.Go(func() { echo(c) })
		}
	})
}

func (w *world) dial(t *testing.T) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := w.client.Dial(ctx, serverAt, &toyInitiator{size: 2500})
	if errors.Is(err, ErrNoAnswer) {
		// Even eleven tries may all be lost: once in 1,600 dials at 30% each way.
		c, err = w.client.Dial(ctx, serverAt, &toyInitiator{size: 2500})
	}
	if err != nil {
		t.Fatalf("dial: %v; server %+v", err, w.server.Counters())
	}
	return c
}

// transfer echoes bytes and fails the test unless all come back.
func transfer(t *testing.T, c *Conn, size int, limit time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	b := random(size, uint64(size))
	got, err := roundTrip(ctx, c, b)
	if err != nil {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("got %d bytes that differ from the %d sent", len(got), size)
	}
	took := time.Since(began)
	if took > limit {
		t.Fatalf("took %v, limit %v", took, limit)
	}
	return took
}

func TestTransfer(t *testing.T) {
	ms := time.Millisecond
	rate := 10_000_000 / 8
	for _, test := range []struct {
		name  string
		link  simnet.Link
		size  int
		limit time.Duration
	}{
		{"clean", simnet.Link{Delay: 15 * ms, Rate: rate, Queue: 25 * 1250}, 2 << 20, 6 * time.Second},
		{"long round trip", simnet.Link{Delay: 750 * ms}, 100 << 10, 30 * time.Second},
		{"2% loss", simnet.Link{Delay: 15 * ms, Rate: rate, Queue: 25 * 1250, Loss: 0.02}, 1 << 20, 30 * time.Second},
		{"2% corruption", simnet.Link{Delay: 15 * ms, Rate: rate, Queue: 25 * 1250, Corrupt: 0.02}, 1 << 20, 30 * time.Second},
		{"everything at once", simnet.Link{Delay: 10 * ms, Jitter: 5 * ms, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 30 * ms, Corrupt: 0.1}, 1 << 20, 120 * time.Second},
		{"bursts", simnet.Link{Delay: 10 * ms, Burst: 0.01, BurstSize: 10}, 1 << 20, 60 * time.Second},
		{"half lost", simnet.Link{Delay: 10 * ms, Loss: 0.5}, 50 << 10, 300 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulate(t, 1, test.link, func(t *testing.T, w *world) {
				w.serve()
				took := transfer(t, w.dial(t), test.size, test.limit)
				t.Logf("%d bytes there and back in %v", test.size, took)
			})
		})
	}
}

// Random links, random misfortunes, and what must hold whatever they are: every byte
// arrives once and in order (transfer), and afterwards nothing is left over.
func TestManySeeds(t *testing.T) {
	seeds := uint64(manySeeds)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 99))
			link := randomLink(r)
			simulate(t, seed, link, func(t *testing.T, w *world) {
				w.serve()
				c := w.dial(t)
				transfer(t, c, 10, time.Minute)
				// Who only listens doesn't notice that its NAT has forgotten it.
				c.SetKeepAlive(5 * time.Second)
				var wg sync.WaitGroup
				for range 1 + r.IntN(5) {
					size := r.IntN(100_000)
					wg.Go(func() { transfer(t, c, size, 10*time.Minute) })
				}
				for range r.IntN(3) {
					time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
					w.mishap(r, link)
				}
				wg.Wait()
				time.Sleep(10 * time.Second)
				nothingLeft(t, c)
				for _, c := range w.server.conns.all() {
					nothingLeft(t, c)
				}
			})
		})
	}
}

func randomLink(r *rand.Rand) simnet.Link {
	link := simnet.Link{
		Delay:  time.Duration(r.IntN(100)) * time.Millisecond,
		Jitter: time.Duration(r.IntN(20)) * time.Millisecond,
		Loss:   r.Float64() * 0.2, Duplicate: r.Float64() * 0.1,
		Reorder: r.Float64() * 0.2, ReorderBy: time.Duration(r.IntN(100)) * time.Millisecond,
		Corrupt: r.Float64() * 0.1,
	}
	if r.IntN(2) == 0 {
		link.Rate, link.Queue = 50_000+r.IntN(2_000_000), 10_000+r.IntN(100_000)
	}
	if r.IntN(3) == 0 {
		link.MTU = basePacket + r.IntN(400)
	}
	return link
}

// mishap changes the network under a conversation.
func (w *world) mishap(r *rand.Rand, link simnet.Link) {
	switch r.IntN(4) {
	case 0:
		w.net.Rebind(w.sock, netip.AddrPortFrom(clientAt.Addr(), 0))
	case 1:
		w.net.Rebind(w.sock, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 1, byte(1 + r.IntN(250))}), 0))
	case 2:
		link.Down = true
		w.net.SetLink(link)
		time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
		link.Down = false
		w.net.SetLink(link)
	case 3:
		link.MTU = basePacket
		w.net.SetLink(link)
	}
}

// nothingLeft checks that a connection at rest holds nothing.
func nothingLeft(t *testing.T, c *Conn) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.st
	if s.phase != phaseOpen {
		return
	}
	// A keep-alive, or the last acknowledgement's loss, may be on its way.
	if len(s.streams.byID) != 0 || s.streams.busy() || s.recovery.sent.inFlight > 2*basePacket || s.recovery.sent.inFlight < 0 || s.recovery.sent.eliciting < 0 {
		t.Errorf("initiator %v at rest: %d streams, queued %v, %d bytes in flight", s.initiator, len(s.streams.byID), s.streams.busy(), s.recovery.sent.inFlight)
	}
	if s.received > s.window.limit || s.credit.used > s.credit.limit {
		t.Errorf("initiator %v: received %d of %d, sent %d of %d", s.initiator, s.received, s.window.limit, s.credit.used, s.credit.limit)
	}
	if s.consumed != s.received {
		t.Errorf("initiator %v: %d bytes received and %d counted as consumed", s.initiator, s.received, s.consumed)
	}
}

func TestHandshakeUnderLossAndCorruption(t *testing.T) {
	// The interop runner's case: 30% each way, 50 connections.
	for name, link := range map[string]simnet.Link{
		"loss":       {Delay: 15 * time.Millisecond, Loss: 0.3},
		"corruption": {Delay: 15 * time.Millisecond, Corrupt: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 3, link, func(t *testing.T, w *world) {
				w.serve()
				for range 50 {
					c := w.dial(t)
					transfer(t, c, 1000, time.Minute)
					c.CloseWithCode(0, "")
				}
			})
		})
	}
}

func TestDialWithoutAnswer(t *testing.T) {
	simulate(t, 1, simnet.Link{Down: true}, func(t *testing.T, w *world) {
		began := time.Now()
		_, err := w.client.Dial(t.Context(), serverAt, &toyInitiator{})
		var d *DialError
		if !errors.As(err, &d) || !errors.Is(err, ErrNoAnswer) || d.Tries != len(firstTries) {
			t.Fatalf("got %v, want a DialError for ErrNoAnswer after %d tries", err, len(firstTries))
		}
		if took := time.Since(began); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("gave up after %v, want about 8s", took)
		}
	})
}
