package transport

import (
	"testing"
	"time"
)

// lossy is a thin that has seen so much loss.
func lossy(share float64) *thin {
	t := &thin{loss: share, seen: lossMemory}
	return t
}

// "If fewer than 4 packets are in flight, all of them small, and the loss estimate is
// above 0.5%: send one copy after max(RTT/4, 2 ms)."
func TestThinWhen(t *testing.T) {
	const now = instant(time.Second)
	for _, c := range []struct {
		name           string
		loss           float64
		copied         bool
		packets, bytes int
		rtt            time.Duration
		want           time.Duration // after now; 0: never
	}{
		{"a message", 0.05, false, 1, 120, 20 * time.Millisecond, 5 * time.Millisecond},
		{"three messages", 0.05, false, 3, 360, 20 * time.Millisecond, 5 * time.Millisecond},
		{"a near peer", 0.05, false, 1, 120, time.Millisecond, 2 * time.Millisecond},
		{"four packets", 0.05, false, 4, 400, 20 * time.Millisecond, 0},
		{"a large one", 0.05, false, 1, 1200, 20 * time.Millisecond, 0},
		{"no loss to speak of", 0.004, false, 1, 120, 20 * time.Millisecond, 0},
		{"a copy", 0.05, true, 2, 240, 20 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := lossy(c.loss)
			x.onSent(now, c.copied, c.packets, c.bytes, c.rtt)
			want := instant(0)
			if c.want != 0 {
				want = now.add(c.want)
			}
			if x.at != want {
				t.Errorf("a copy is due at %v, want %v", x.at, want)
			}
			if c.want != 0 && (x.due(want-1, c.bytes) || !x.due(want, c.bytes) || x.due(want, c.bytes)) {
				t.Error("not due exactly once, then")
			}
		})
	}
	x := lossy(0.05)
	x.onSent(now, false, 1, 120, 20*time.Millisecond)
	x.onSent(now.add(time.Millisecond), false, 2, 240, 20*time.Millisecond)
	if x.at != now.add(5*time.Millisecond) {
		t.Error("a second message puts off the copy of the first")
	}
	x.onSent(now.add(2*time.Millisecond), false, 4, 480, 20*time.Millisecond)
	if x.at != 0 {
		t.Error("a copy is due although there is enough under way")
	}
}

// "At most 16 kB/s per connection."
func TestThinRate(t *testing.T) {
	x := lossy(0.05)
	start := instant(time.Second)
	sum := 0
	for now := start; now < start.add(10*time.Second); now += tick {
		x.onSent(now, false, 1, 200, time.Millisecond)
		if x.due(now, 200) {
			sum += 200
		}
	}
	if sum < 10*thinRate*9/10 || sum > 10*thinRate+thinBurst {
		t.Errorf("%d bytes of copies in ten seconds, want about %d", sum, 10*thinRate)
	}
}

// The share of lost packets follows the path both ways.
func TestThinLoss(t *testing.T) {
	var x thin
	x.onResult(false)
	for range 1000 {
		x.onResult(false)
	}
	if x.loss != 0 {
		t.Errorf("loss %v without any", x.loss)
	}
	for i := range 1000 {
		x.onResult(i%20 == 0)
	}
	if x.loss < 0.02 || x.loss > 0.12 {
		t.Errorf("loss %v after every 20th was lost", x.loss)
	}
	for range 300 {
		x.onResult(false)
	}
	if x.loss > thinLoss {
		t.Errorf("loss %v after 300 that arrived", x.loss)
	}
}
