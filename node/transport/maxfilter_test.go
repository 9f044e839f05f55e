package transport

import (
	"math/rand/v2"
	"testing"
)

// The filter never gives more than the true maximum of its span, is exact when
// the best is new, and forgets what is older than the span.
func TestMaxFilter(t *testing.T) {
	const span = 10
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var f maxFilter
		var rounds []int64
		var values []float64
		round := int64(0)
		for range 100 {
			round += r.Int64N(3)
			value := float64(r.IntN(1000))
			f.add(round, value, span)
			rounds, values = append(rounds, round), append(values, value)
			best, recent := 0.0, 0.0
			for i, at := range rounds {
				if round-at <= span {
					best = max(best, values[i])
				}
				if round-at <= span/4 {
					recent = max(recent, values[i])
				}
			}
			if got := f.max(); got > best || got < recent {
				t.Fatalf("round %d: got %v, want between %v (the last rounds) and %v (the span)", round, got, recent, best)
			}
		}
	}
	var f maxFilter
	f.add(1, 100, span)
	f.add(11, 50, span)
	if f.max() != 100 {
		t.Error("forgot too early")
	}
	f.add(12, 40, span)
	if f.max() != 50 {
		t.Errorf("got %v, want 50", f.max())
	}
	f.reset(12, 7)
	if f.max() != 7 {
		t.Errorf("got %v after reset", f.max())
	}
}
