package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// chatter lets three hosts send to each other from goroutines of their own, and
// returns the trace.
func chatter(t *testing.T, seed uint64) []string {
	var lines []string
	synctest.Test(t, func(t *testing.T) {
		n := New(seed)
		n.Record()
		n.SetLink(Link{Delay: 5 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 20 * time.Millisecond, Corrupt: 0.1})
		var socks []*Sock
		for i := range 3 {
			s, err := n.Listen(netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:1", i+1)))
			if err != nil {
				t.Fatal(err)
			}
			socks = append(socks, s)
		}
		var wg sync.WaitGroup
		for i, s := range socks {
			wg.Go(func() {
				buf := make([]byte, 100)
				for {
					if _, _, err := s.ReadFromUDPAddrPort(buf); err != nil {
						return
					}
				}
			})
			wg.Go(func() {
				for k := range 50 {
					s.WriteToUDPAddrPort(make([]byte, 10+k), socks[(i+k)%3].at)
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		for _, s := range socks {
			s.Close()
		}
		wg.Wait()
		for _, e := range n.Trace() {
			lines = append(lines, e.String())
		}
	})
	return lines
}

func TestSameSeedSameTrace(t *testing.T) {
	want := chatter(t, 7)
	if len(want) < 250 {
		t.Fatalf("trace of %d events, want at least 250", len(want))
	}
	for range 20 {
		if got := chatter(t, 7); !slices.Equal(got, want) {
			t.Fatalf("a second run differs: %d events, want %d", len(got), len(want))
		}
	}
	if slices.Equal(chatter(t, 8), want) {
		t.Fatal("another seed gave the same trace")
	}
}

func TestLink(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	tests := []struct {
		name string
		link Link
		size int
		n    int
		want func(why map[string]int, last time.Duration) bool
	}{
		{"zero link", Link{}, 100, 10, func(why map[string]int, last time.Duration) bool { return why[""] == 10 && last < time.Millisecond }},
		{"mtu", Link{MTU: 99}, 100, 10, func(why map[string]int, last time.Duration) bool { return why["mtu"] == 10 }},
		{"down", Link{Down: true}, 100, 10, func(why map[string]int, last time.Duration) bool { return why["down"] == 10 }},
		{"loss", Link{Loss: 0.5}, 100, 1000, func(why map[string]int, last time.Duration) bool { return why["loss"] > 400 && why["loss"] < 600 }},
		{"burst", Link{Burst: 0.01, BurstSize: 5}, 100, 1000, func(why map[string]int, last time.Duration) bool {
			return why["burst"]%5 == 0 && why["burst"] > 0 || why["burst"] > 5
		}},
		{"rate", Link{Rate: 1000}, 100, 10, func(why map[string]int, last time.Duration) bool {
			return last > 999*time.Millisecond && last < 1001*time.Millisecond
		}},
		{"queue", Link{Rate: 1000, Queue: 500}, 100, 10, func(why map[string]int, last time.Duration) bool { return why["queue"] == 4 }},
		{"mark", Link{Rate: 1000, Queue: 500, Mark: 250}, 100, 6, func(why map[string]int, last time.Duration) bool { return why["marked"] == 3 }},
		{"bleach", Link{Rate: 1000, Queue: 500, Mark: 250, Bleach: true}, 100, 6, func(why map[string]int, last time.Duration) bool { return why["marked"] == 0 }},
		{"delay", Link{Delay: time.Second}, 100, 1, func(why map[string]int, last time.Duration) bool { return last >= time.Second }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDirection(1, a, b, test.link)
			why := map[string]int{}
			now := time.Unix(0, 0)
			var last time.Duration
			for range test.n {
				f := d.fate(now, test.size, markable)
				why[f.why]++
				if f.mark == congested {
					why["marked"]++
				}
				if f.why == "" {
					last = f.at.Sub(now)
				}
			}
			if !test.want(why, last) {
				t.Errorf("fates %v, last after %v", why, last)
			}
		})
	}
}
