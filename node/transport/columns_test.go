package transport

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/simnet"
)

// flood sends on one stream for so long and returns the bytes that the peer's
// application got per second.
func flood(t *testing.T, w *world, d time.Duration) float64 {
	t.Helper()
	var got atomic.Int64
	w.wg.Go(func() {
		c, err := w.server.Accept(context.Background())
		if err != nil {
			return
		}
		s, err := c.AcceptStream(context.Background())
		if err != nil {
			return
		}
		buf := make([]byte, 1<<20)
		for err == nil {
			var n int
			n, err = s.Read(buf)
			got.Add(int64(n))
		}
	})
	c := w.dial(t)
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.SetDeadline(time.Now().Add(d))
	zeros := make([]byte, 64<<10)
	for err == nil {
		_, err = s.Write(zeros)
	}
	return float64(got.Load()) / d.Seconds()
}

// The columns of transport.md 3.2 through everything that a connection is, at a
// fifth of their rate: what recovery, congestion control, pacing and windows leave
// of the path together.
func TestGoodput(t *testing.T) {
	const rate = 2_500_000
	ms := time.Millisecond
	short := simnet.Link{Delay: 10 * ms, Rate: rate, Queue: rate / 50}
	with := func(l simnet.Link, change func(*simnet.Link)) simnet.Link { change(&l); return l }
	for _, c := range []struct {
		name  string
		link  simnet.Link
		least float64 // share of the rate
	}{
		{"no loss", short, 0.93},
		{"1% loss", with(short, func(l *simnet.Link) { l.Loss = 0.01 }), 0.90},
		{"5% loss", with(short, func(l *simnet.Link) { l.Loss = 0.05 }), 0.82},
		{"bursts", with(short, func(l *simnet.Link) { l.Burst, l.BurstSize = 0.005, 4 }), 0.88},
		{"100 ms, 1% loss", simnet.Link{Delay: 50 * ms, Rate: rate, Queue: rate / 20, Loss: 0.01}, 0.70},
		{"jitter, 2% loss", with(short, func(l *simnet.Link) { l.Loss, l.Jitter, l.Ordered = 0.02, 8*ms, true }), 0.75},
	} {
		t.Run(c.name, func(t *testing.T) {
			simulate(t, 1, c.link, func(t *testing.T, w *world) {
				got := flood(t, w, 8*time.Second) / rate
				t.Logf("%.1f%% of the path's rate", 100*got)
				if got < c.least {
					t.Errorf("%.1f%% of the path's rate, want %.0f%%", 100*got, 100*c.least)
				}
			})
		})
	}
}

// A sender on a long path doubles its rate each round trip. Credit must keep ahead of it:
// what is sent in a round trip is as much as was ever read.
func TestCreditKeepsAhead(t *testing.T) {
	const rate = 12_500_000
	link := simnet.Link{Delay: 50 * time.Millisecond, Rate: rate, Queue: rate / 20}
	simulate(t, 1, link, func(t *testing.T, w *world) {
		got := flood(t, w, 2*time.Second) / rate
		t.Logf("%.1f%% of the path's rate", 100*got)
		if got < 0.57 {
			t.Errorf("%.1f%% of the path's rate, want 57%%", 100*got)
		}
	})
}

// "64 B request and response at 20 ms and 5% loss each way: p99 at most 50 ms, p999 at
// most 100 ms." A lost message of a chat has nothing behind it that would show the
// loss; what counts is the probe timeout.
func TestLatencyUnderLoss(t *testing.T) {
	const conns, requests = 10, 400
	link := simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.05}
	simulate(t, 1, link, func(t *testing.T, w *world) {
		w.serve()
		var mu sync.Mutex
		var took []time.Duration
		var wg sync.WaitGroup
		for range conns {
			c := w.dial(t)
			wg.Go(func() {
				s, err := c.OpenStream(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				buf := make([]byte, 64)
				for range requests {
					began := time.Now()
					_, err := s.Write(buf)
					if err == nil {
						_, err = io.ReadFull(s, buf)
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					took = append(took, time.Since(began))
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		slices.Sort(took)
		at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
		t.Logf("p50 %v, p90 %v, p99 %v, p999 %v; %d packets for %d requests", at(0.5), at(0.9), at(0.99), at(0.999), w.client.Counters().Sent, len(took))
		if at(0.5) > 22*time.Millisecond || at(0.99) > 50*time.Millisecond || at(0.999) > 150*time.Millisecond {
			t.Errorf("p50 %v, p99 %v, p999 %v", at(0.5), at(0.99), at(0.999))
		}
	})
}

// Both ends have an idea of the round trip time when the handshake is over. A responder that
// didn't would wait a second for the acknowledgement of the first thing it sends,
// which is credit when the initiator sends bulk.
func TestHandshakeMeasuresRTT(t *testing.T) {
	for name, h := range map[string]*toyInitiator{"login": {size: 100}, "peers": {oneWay: true}} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, simnet.Link{Delay: 20 * time.Millisecond}, func(t *testing.T, w *world) {
				dialled, accepted := connect(t, w.client, w.server, h)
				time.Sleep(10 * time.Millisecond) // of the bubble
				for _, c := range []*Conn{dialled, accepted} {
					c.mu.Lock()
					rtt := c.st.recovery.rtt
					c.mu.Unlock()
					if rtt.smoothed < 40*time.Millisecond || rtt.smoothed > 60*time.Millisecond {
						t.Errorf("initiator %v: smoothed %v, want about 40ms", c == dialled, rtt.smoothed)
					}
				}
			})
		})
	}
}
