package transport

import (
	"testing"
	"time"
)

// "React to loss only when a round's loss exceeds 2% and there is evidence of a
// queue (round-minimum RTT above min RTT by more than max(1 ms, 12.5%)), or when
// loss exceeds 15% for three rounds."
func TestRestraintVerdicts(t *testing.T) {
	const ms = time.Millisecond
	type round struct {
		lost int // of 100,000 bytes
		rtt  time.Duration
		want verdict
	}
	for _, c := range []struct {
		name   string
		rounds []round
	}{
		{"nothing lost", []round{{0, 20 * ms, roundFine}, {0, 60 * ms, roundFine}}},
		{"chance loss", []round{{5000, 20 * ms, roundFine}, {14000, 22 * ms, roundFine}}},
		{"a little loss and a small queue", []round{{1500, 25 * ms, roundFine}}},
		{"loss and a queue", []round{{3000, 25 * ms, roundCongested}, {3000, 20 * ms, roundFine}}},
		{"any loss in a deep queue", []round{{1200, 31 * ms, roundCongested}}},
		{"policer", []round{{20000, 20 * ms, roundFine}, {20000, 20 * ms, roundFine}, {20000, 20 * ms, roundHopeless}, {20000, 20 * ms, roundFine}}},
		{"not three in a row", []round{{20000, 20 * ms, roundFine}, {20000, 20 * ms, roundFine}, {0, 20 * ms, roundFine}, {20000, 20 * ms, roundFine}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r restraint
			delivered := int64(0)
			for i, round := range c.rounds {
				r.onRTT(round.rtt + 5*ms)
				r.onRTT(round.rtt)
				r.onLost(round.lost, 1000*float64(round.lost)) // packet by packet
				delivered += int64(100_000 - round.lost)
				if got := r.endRound(delivered, 20*ms); got != round.want {
					t.Errorf("round %d: verdict %d, want %d", i, got, round.want)
				}
				r.nextRound(delivered, 0)
			}
		})
	}
	t.Run("what the path loses anyway is no sign", func(t *testing.T) {
		var r restraint
		r.usualLost, r.usualSquares, r.usualTotal = 50_000, 50e6, 1_000_000
		for lost, want := range map[int]verdict{5000: roundFine, 9000: roundFine, 13000: roundCongested} {
			r := r
			r.onRTT(40 * ms)
			r.onLost(lost, 1000*float64(lost))
			if got := r.endRound(int64(100_000-lost), 20*ms); got != want {
				t.Errorf("%d of 100000 lost on a path that loses 5%%: verdict %d, want %d", lost, got, want)
			}
		}
	})
	t.Run("nor is what it loses in rows", func(t *testing.T) {
		// Ten of 1000 packets, one by one or in a row; now it was twenty.
		for row, want := range map[int]verdict{1000: roundCongested, 10_000: roundFine} {
			var r restraint
			r.usualLost, r.usualSquares, r.usualTotal = 20_000, 20_000*float64(row), 2_000_000
			r.onRTT(40 * ms)
			for range 20_000 / row {
				r.onLost(row, float64(row)*float64(row))
			}
			if got := r.endRound(980_000, 20*ms); got != want {
				t.Errorf("20 of 1000 packets lost in rows of %d bytes: verdict %d, want %d", row, got, want)
			}
		}
	})
	t.Run("a queue of less than a millisecond is none", func(t *testing.T) {
		var r restraint
		r.onRTT(900 * time.Microsecond)
		r.onLost(50, 2500)
		if got := r.endRound(50, 100*time.Microsecond); got != roundFine {
			t.Errorf("verdict %d", got)
		}
	})
}

// "Window cap 0.85 ×, then probe up slowly."
func TestRestraintCap(t *testing.T) {
	var r restraint
	r.grow(1000, 100_000)
	if r.cap != 0 {
		t.Fatal("a cap out of nothing")
	}
	r.onSent(100_000)
	r.shrink(0, 1000, 20*time.Millisecond)
	if got, want := r.cap, 85_000; got != want {
		t.Fatalf("cap %d, want %d", got, want)
	}
	r.nextRound(0, 50_000)
	if r.grow(1000, 200_000); r.cap != 85_000 {
		t.Errorf("a cap that wasn't in the way grew to %d", r.cap)
	}
	rounds := 0
	for r.cap != 0 {
		r.onSent(r.cap)
		before := r.cap
		r.grow(1000, 200_000)
		if before < 100_000 && r.cap != before+1000 {
			t.Fatalf("from %d to %d: below where it was the cap grows by a packet", before, r.cap)
		}
		rounds++
	}
	if rounds < 16 || rounds > 30 {
		t.Errorf("free again after %d rounds", rounds)
	}
	r.nextRound(0, 100_000)
	r.shrink(95_000, 1000, 20*time.Millisecond)
	if r.cap != 95_000 {
		t.Errorf("cap %d below its floor", r.cap)
	}
	if !r.holds(94_500, 1000) || r.holds(80_000, 1000) {
		t.Error("holds is wrong")
	}
}
