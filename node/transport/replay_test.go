package transport

import (
	"slices"
	"testing"
	"time"

	"sotto/node/simnet"
)

// run is the trace of one whole conversation.
func run(t *testing.T, seed uint64) []string {
	var lines []string
	link := simnet.Link{Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.05, Duplicate: 0.02, Corrupt: 0.02, Rate: 1_250_000}
	simulate(t, seed, link, func(t *testing.T, w *world) {
		w.net.Record()
		w.serve()
		c := w.dial(t)
		for _, size := range []int{10, 1000, 300_000} {
			transfer(t, c, size, time.Minute)
		}
		c.CloseWithCode(0, "")
		time.Sleep(10 * time.Second)
		for _, e := range w.net.Trace() {
			lines = append(lines, e.String())
		}
	})
	return lines
}

// A failure that was seen once can be seen again: the seed is all it takes.
func TestSameSeedSameRun(t *testing.T) {
	want := run(t, 4)
	for i := range 10 {
		got := run(t, 4)
		if slices.Equal(got, want) {
			continue
		}
		for k := range min(len(got), len(want)) {
			if got[k] != want[k] {
				t.Fatalf("run %d differs at event %d of %d:\ngot  %s\nwant %s", i, k, len(want), got[k], want[k])
			}
		}
		t.Fatalf("run %d has %d events, want %d", i, len(got), len(want))
	}
}
