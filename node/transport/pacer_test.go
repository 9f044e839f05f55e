package transport

import (
	"testing"
	"time"
)

// leave lets packets out at every millisecond and counts the bytes, and the most
// that left at once.
func leave(p *pacer, from instant, d time.Duration, size int, rate float64) (sum, burst int) {
	for now := from; now < from.add(d); now += tick {
		n := 0
		for p.ready(now) && n < 1<<20 {
			p.sent(now, size, rate, size)
			n += size
		}
		sum += n
		burst = max(burst, n)
	}
	return sum, burst
}

// Over time the pacer lets out what the rate allows, with a timer that ticks in
// milliseconds: "burst = max(2 packets, rate × 1 ms);
// below 1 ms of debt send now and carry the debt".
func TestPacerRate(t *testing.T) {
	for _, rate := range []float64{5e3, 100e3, 1.25e6, 12.5e6, 125e6} {
		var p pacer
		start := instant(time.Second)
		sum, _ := leave(&p, start, time.Second, 1200, rate)
		if got := float64(sum); got < 0.97*rate || got > 1.02*rate+3*1200 {
			t.Errorf("at %.0f B/s %d bytes left in a second", rate, sum)
		}
		// In the steady state, a burst is what a tick or two allow.
		_, burst := leave(&p, start.add(time.Second), time.Second, 1200, rate)
		if most := 2*rate/1000 + 2*1200; float64(burst) > most {
			t.Errorf("at %.0f B/s %d bytes left at once, want at most %.0f", rate, burst, most)
		}
	}
}

// A pause earns no more than a burst.
func TestPacerAfterPause(t *testing.T) {
	for rate, most := range map[float64]int{12.5e6: 25_000 + 1200, 125e6: 250_000 + 1200, 1e4: 3 * 1200} {
		var p pacer
		leave(&p, instant(time.Second), 10*time.Millisecond, 1200, rate)
		p.idle()
		if got, _ := leave(&p, instant(time.Minute), time.Millisecond, 1200, rate); got > most || got < 2*1200 {
			t.Errorf("at %.0f B/s %d bytes left after a pause, want 2400 to %d", rate, got, most)
		}
	}
}

// A machine that wakes us late owes what wasn't sent, to a limit.
func TestPacerMakesUpForLateness(t *testing.T) {
	const rate, size = 1.25e6, 1200
	for late, want := range map[time.Duration]float64{3 * time.Millisecond: 3, time.Hour: 10} {
		var p pacer
		now := instant(time.Second)
		for p.ready(now) {
			p.sent(now, size, rate, size)
		}
		now = p.deadline().add(late)
		sum := 0.0
		for p.ready(now) {
			p.sent(now, size, rate, size)
			sum += size
		}
		if least := want * rate / 1000; sum < least || sum > least+rate/1000+2*size {
			t.Errorf("%v late: %.0f bytes left, want about %.0f", late, sum, least)
		}
	}
}

func TestPacerDeadline(t *testing.T) {
	var p pacer
	now := instant(time.Second)
	if !p.ready(now) || p.deadline() != 0 {
		t.Fatal("a new pacer waits")
	}
	for range 4 {
		p.sent(now, 1200, 1.2e6, 1200) // a packet each millisecond
	}
	at := p.deadline()
	if p.ready(now) || at <= now || at > now.add(3*time.Millisecond) {
		t.Fatalf("the next packet may leave at %v, now is %v", at, now)
	}
	if p.ready(at-1) || !p.ready(at) || p.deadline() != 0 {
		t.Error("ready is not what the deadline said")
	}
	p.sent(at, 1200, 1e-9, 1200)
	if wait := p.deadline().sub(at); wait > time.Hour {
		t.Errorf("waits %v at next to no rate", wait)
	}
	p.sent(at, 1200, 0, 1200)
	if !p.ready(at) {
		t.Error("waits without a rate")
	}
}
