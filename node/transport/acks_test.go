package transport

import (
	"slices"
	"testing"
	"time"

	"sotto/wire"
)

// Somebody who asks again for what it was told didn't hear it. The answer goes out twice
// then; what is new, or not urgent, is answered once.
func TestAckThatGotLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		urgent bool
		offset uint64
		want   int
	}{
		{"new", true, 5, 1}, {"known", true, 0, 2}, {"known, no hurry", false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVictim(t)
			v.send(data(1, 0, "hello"))
			v.now = v.now.add(maxAckDelay)
			v.poll()
			v.urgent = c.urgent
			v.send(data(1, c.offset, "hello"))
			acks := 0
			for _, s := range v.poll() {
				if s.Type == wire.SegmentTypeAck {
					acks++
				}
			}
			if acks != c.want {
				t.Errorf("%d acknowledgements, want %d", acks, c.want)
			}
		})
	}
}

// Where packets get lost acknowledgements are many: every fourth packet asks for one, and
// every 32nd elsewhere. A number that is left out now and then is no loss.
func TestAcksOnALossyPath(t *testing.T) {
	count := func(gaps ...int64) (acks int) {
		var a ackState
		now := clockStart
		for n := range int64(8 * lossySpan) {
			if slices.Contains(gaps, n) {
				continue
			}
			a.receive(now, n, true, false, maxAckDelay)
			if a.owed(now) {
				acks++
				a.sent(now)
			}
		}
		return acks
	}
	const seldom, often = 8 * lossySpan / ackEvery, lossySpan / ackEveryLossy
	for _, c := range []struct {
		name        string
		gaps        []int64
		least, most int
	}{
		{"no gap", nil, seldom, seldom},
		{"one gap", []int64{lossySpan + 5}, seldom, seldom + 1},
		{"two gaps far from each other", []int64{lossySpan, 3 * lossySpan}, seldom, seldom + 2},
		{"two gaps", []int64{2 * lossySpan, 2*lossySpan + 100}, seldom + often - lossySpan/ackEvery, seldom + often},
	} {
		if got := count(c.gaps...); got < c.least || got > c.most {
			t.Errorf("%s: %d acknowledgements, want %d to %d", c.name, got, c.least, c.most)
		}
	}
}

// Bursts of losses take acknowledgements as well, four at a time. While none arrives a
// sender stands still as soon as its window is full, more so if it is woken late.
func TestBurstsOfLostAcks(t *testing.T) {
	singleThreaded(t)
	for seed := range uint64(3) {
		p := shortPath
		p.burstIn, p.burstEx, p.late, p.seed = 0.005, 0.25, 3*ms, seed
		s := newPathsim(p)
		f := s.flow(newBBR(basePacket))
		s.run(12 * time.Second)
		t.Log(f)
		if got := f.goodput(); got < 95.3 {
			t.Errorf("%.1f of 97.7 Mbit/s, want 95.3", got)
		}
	}
}
