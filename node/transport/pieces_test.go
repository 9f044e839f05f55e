package transport

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"sotto/wire"
)

// TestRanges compares the set with a slow one.
func TestRanges(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		var set ranges
		slow := make([]bool, 120)
		for range 200 {
			start := int64(r.IntN(100))
			end := start + int64(r.IntN(20))
			keep := r.IntN(3) > 0
			if keep {
				set.add(start, end)
			} else {
				set.remove(start, end)
			}
			for i := start; i < end; i++ {
				slow[i] = keep
			}
			var size int64
			for i := range slow {
				if set.contains(int64(i)) != slow[i] {
					t.Fatalf("seed %d: contains(%d) of %v: got %v, want %v", seed, i, set, !slow[i], slow[i])
				}
				if slow[i] {
					size++
				}
			}
			if set.size() != size {
				t.Fatalf("seed %d: size of %v: got %d, want %d", seed, set, set.size(), size)
			}
			for i, s := range set {
				if s.start >= s.end || i > 0 && set[i-1].end >= s.start {
					t.Fatalf("seed %d: %v is not sorted, apart and without empty spans", seed, set)
				}
			}
		}
	}
}

// A stream through both halves, with every misfortune that packets can have: each
// byte comes out once and in order.
func TestStreamHalves(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := random(r.IntN(200_000), seed)
		var out sendHalf
		out.limit.limit = 1 << 30
		in := receiveHalf{final: -1, window: newReceiveWindow(1<<30, 1<<30)}
		type flight struct {
			offset int64
			size   int
			fin    bool
		}
		var flights []flight
		var got []byte
		written := 0
		for steps := 0; !out.done() || !in.done(); steps++ {
			if steps > 1_000_000 {
				t.Fatalf("seed %d: no end after %d steps", seed, steps)
			}
			switch r.IntN(5) {
			case 0:
				n := min(r.IntN(10_000), len(want)-written)
				out.write(want[written : written+n])
				if written += n; written == len(want) {
					out.fin = true
				}
			case 1, 2:
				if out.pending(1 << 30) {
					offset, size, fin, _ := out.take(1+r.IntN(1500), 1<<30)
					flights = append(flights, flight{offset, size, fin})
				}
			case 3:
				if len(flights) == 0 {
					continue
				}
				i := r.IntN(len(flights))
				f := flights[i]
				if r.IntN(4) == 0 {
					out.onLost(f.offset, int64(f.size), f.fin)
					if r.IntN(2) == 0 {
						continue // it was only late
					}
				} else {
					b := make([]byte, f.size)
					if f.offset >= out.bytes.base && f.offset >= out.base {
						out.bytes.read(f.offset, b)
					} else {
						copy(b, want[f.offset:])
					}
					if !bytes.Equal(b, want[f.offset:int(f.offset)+f.size]) {
						t.Fatalf("seed %d: the sender's bytes at %d are not what was written", seed, f.offset)
					}
					if _, err := in.receive(f.offset, b, f.fin); err == errTooScattered {
						out.onLost(f.offset, int64(f.size), f.fin)
					} else if err != nil {
						t.Fatal(err)
					} else if r.IntN(5) > 0 {
						out.onAcked(f.offset, int64(f.size), f.fin)
					} else {
						out.onLost(f.offset, int64(f.size), f.fin) // the acknowledgement is lost
					}
				}
				flights[i] = flights[len(flights)-1]
				flights = flights[:len(flights)-1]
			case 4:
				b := make([]byte, r.IntN(20_000))
				n := in.take(b)
				got = append(got, b[:n]...)
				in.seen = in.final >= 0 && in.read == in.final
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: got %d bytes that differ from the %d written", seed, len(got), len(want))
		}
		if out.bytes.held() != 0 || in.bytes.held() != 0 {
			t.Errorf("seed %d: %d and %d bytes still held", seed, out.bytes.held(), in.bytes.held())
		}
	}
}

// TestWheel compares the wheel with a list.
func TestWheel(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 2))
		var w wheel
		w.init(clock{began: time.Now()}, func() {})
		now := instant(5_000) * tick
		w.now = int64(now / tick)
		due := map[*timerNode]instant{}
		nodes := make([]timerNode, 200)
		for i := range nodes {
			nodes[i].conn = &Conn{}
		}
		byConn := map[*Conn]*timerNode{}
		for i := range nodes {
			byConn[nodes[i].conn] = &nodes[i]
		}
		for range 3000 {
			n := &nodes[r.IntN(len(nodes))]
			switch r.IntN(4) {
			case 0:
				w.remove(n)
				delete(due, n)
			case 1:
				now += instant(r.Int64N(int64(time.Second)))
				if r.IntN(50) == 0 {
					now += instant(r.Int64N(int64(48 * time.Hour)))
				}
				for _, c := range w.expired(now, nil) {
					n := byConn[c]
					at, ok := due[n]
					if !ok || at > now {
						t.Fatalf("seed %d: fired at %v, due at %v", seed, now, at)
					}
					delete(due, n)
				}
				for _, at := range due {
					if at+tick <= now {
						t.Fatalf("seed %d: not fired at %v although due at %v", seed, now, at)
					}
				}
			default:
				spread := []time.Duration{10 * time.Millisecond, time.Second, time.Hour, 100 * 24 * time.Hour}[r.IntN(4)]
				at := now + instant(r.Int64N(int64(spread)))
				if old, ok := due[n]; !ok || at < old {
					due[n] = at
				}
				w.set(n, at)
			}
		}
		w.close()
	}
}

func TestRTT(t *testing.T) {
	r := newRTT()
	if r.probeAfter() != firstRTT+2*firstRTT {
		t.Errorf("before any sample the probe timeout is %v, want %v", r.probeAfter(), 3*firstRTT)
	}
	r.sample(1, 100*time.Millisecond, 0)
	if r.smoothed != 100*time.Millisecond || r.variation != 50*time.Millisecond || r.min != 100*time.Millisecond {
		t.Errorf("after the first sample: %+v", r)
	}
	// "the peer's delay is subtracted, unless that gives less than the minimum"
	r.sample(2, 120*time.Millisecond, 10*time.Millisecond)
	if want := 100*time.Millisecond + 10*time.Millisecond/8; r.smoothed != want {
		t.Errorf("smoothed: got %v, want %v", r.smoothed, want)
	}
	before := r.smoothed
	r.sample(3, 110*time.Millisecond, 100*time.Millisecond)
	if want := before + (110*time.Millisecond-before)/8; r.smoothed != want || r.min != 100*time.Millisecond {
		t.Errorf("an exaggerated delay: smoothed %v, want %v", r.smoothed, want)
	}
}

// An owner that only counts.
type tally struct{ acked, lost int }

func (o *tally) itemAcked(*item) { o.acked++ }
func (o *tally) itemLost(*item)  { o.lost++ }

// fly sends n packets of 1,000 bytes, a millisecond apart.
func fly(r *recovery, now *instant, n int) {
	for range n {
		p := r.sent.push()
		p.size = 1000
		p.items = append(p.items, item{})
		r.onSent(*now, p, false)
		*now = now.add(time.Millisecond)
	}
}

// "lost when a packet sent 3 later is acknowledged, or 9/8 of a round trip after
// one that was sent later"; each as the RFC says, and the adaptation of both.
func TestLossDetection(t *testing.T) {
	t.Run("by number", func(t *testing.T) {
		var o tally
		r := newRecovery(&o, newNewReno(1000))
		now := instant(time.Second)
		fly(&r, &now, 5)
		now = now.add(50 * time.Millisecond)
		r.onAck(now, &wire.AckSegment{Largest: 3})
		if o.lost != 1 || r.lateAt == 0 {
			t.Fatalf("%d lost, want packet 0 only; late at %v", o.lost, r.lateAt)
		}
		// "a lost packet that arrives after all raises the threshold"
		r.onAck(now, &wire.AckSegment{Largest: 3, Ranges: []wire.AckRange{{Gap: 1, Run: 0}}})
		if r.spurious != 1 || r.reorder != 4 || o.acked != 2 {
			t.Errorf("%d spurious, threshold %d, %d acknowledged; want 1, 4, 2", r.spurious, r.reorder, o.acked)
		}
	})
	t.Run("by time", func(t *testing.T) {
		var o tally
		r := newRecovery(&o, newNewReno(1000))
		now := instant(time.Second)
		fly(&r, &now, 2)
		now = now.add(49 * time.Millisecond)
		r.onAck(now, &wire.AckSegment{Largest: 1})
		if o.lost != 0 || r.lateAt == 0 {
			t.Fatalf("%d lost at once, want 0 and a deadline", o.lost)
		}
		r.timeout(r.lateAt - 1)
		if o.lost != 0 {
			t.Fatal("lost before the deadline")
		}
		r.timeout(r.lateAt)
		if o.lost != 1 || r.sent.inFlight != 0 {
			t.Errorf("%d lost, %d in flight; want 1 and 0", o.lost, r.sent.inFlight)
		}
	})
	t.Run("probes", func(t *testing.T) {
		var o tally
		r := newRecovery(&o, newNewReno(1000))
		now := instant(time.Second)
		r.rtt.sample(now, 40*time.Millisecond, 0)
		fly(&r, &now, 10)
		var waits []time.Duration
		for range 8 {
			at := r.deadline()
			waits = append(waits, at.sub(now))
			now = at
			r.timeout(now)
			if r.probes != 2 {
				t.Fatalf("%d probes allowed, want 2", r.probes)
			}
			if r.sent.inFlight != 10_000 {
				t.Fatal("a timeout took packets out of flight")
			}
		}
		if last := waits[len(waits)-1]; last > probeCap || waits[1] > 3*waits[0]/2 || waits[2] < 3*waits[0]/2 {
			t.Errorf("waits %v, want doubling every second time, up to %v", waits, probeCap)
		}
		// One acknowledgement and all is as before.
		r.onAck(now, &wire.AckSegment{Largest: 9, Run: 9})
		if r.deadline() != 0 || r.probeCount != 0 || r.sent.low != r.sent.next {
			t.Errorf("deadline %v, %d probes, %d on record; want none", r.deadline(), r.probeCount, r.sent.next-r.sent.low)
		}
	})
}

func TestNewReno(t *testing.T) {
	c := newNewReno(1000)
	for range 10 {
		c.onAcked(ackSample{sentAt: 1, acked: 1000, limited: true})
	}
	if c.window() != 20_000 {
		t.Errorf("after a round of slow start: window %d, want 20000", c.window())
	}
	c.onLost(lossSample{now: 10, sentAt: 5, bytes: 1000})
	c.onLost(lossSample{now: 11, sentAt: 6, bytes: 1000})
	if c.window() != 10_000 {
		t.Errorf("after a loss event: window %d, want 10000", c.window())
	}
	for range 10 {
		c.onAcked(ackSample{sentAt: 20, acked: 1000, limited: true})
	}
	if c.window() != 11_000 {
		t.Errorf("after a round of avoidance: window %d, want 11000", c.window())
	}
	c.onAcked(ackSample{sentAt: 20, acked: 100_000})
	if c.window() != 11_000 {
		t.Errorf("the window grew to %d without having been used", c.window())
	}
	c.onPersistent(30)
	if c.window() != 2000 {
		t.Errorf("after persistent congestion: window %d, want 2000", c.window())
	}
}

// Credit grows while a quarter of it is used up in less than windowRounds round trips: to
// what would last so long, at least twofold and at most fourfold.
func TestReceiveWindow(t *testing.T) {
	w := newReceiveWindow(1000, 100_000)
	const rtt = 10 * time.Millisecond
	start := instant(time.Second)
	for _, c := range []struct {
		at          time.Duration
		read        int64
		size, limit int64
	}{
		{0, 249, 1000, 1000}, // not yet a quarter
		{0, 250, 2000, 2250}, // in what time isn't known
		{10 * time.Millisecond, 749, 2000, 2250},
		{10 * time.Millisecond, 750, 4000, 4750},           // in one round trip
		{15 * time.Millisecond, 1750, 16_000, 17_750},      // in half of one
		{35 * time.Millisecond, 5750, 16_000, 21_750},      // in two
		{36 * time.Millisecond, 9750, 64_000, 73_750},      // in next to none
		{37 * time.Millisecond, 25_750, 100_000, 125_750},  // and no more than the most
		{900 * time.Millisecond, 50_750, 100_000, 150_750}, // in many
	} {
		w.consumed(start.add(c.at), c.read, rtt)
		if w.size != c.size || w.limit != c.limit {
			t.Errorf("at %v, %d bytes read: size %d, limit %d; want %d and %d", c.at, c.read, w.size, w.limit, c.size, c.limit)
		}
		if w.pending != (c.limit > 1000) {
			t.Errorf("at %v, %d bytes read: pending %v", c.at, c.read, w.pending)
		}
	}
}

// contains reports whether n is in the set.
func (r ranges) contains(n int64) bool {
	for i := len(r) - 1; i >= 0 && r[i].end > n; i-- {
		if r[i].start <= n {
			return true
		}
	}
	return false
}

// size is how many numbers the set holds.
func (r ranges) size() int64 {
	var n int64
	for _, s := range r {
		n += s.size()
	}
	return n
}

// held is how many bytes of memory the chain occupies.
func (c *chain) held() int {
	n := 0
	for _, b := range c.list {
		if b != nil {
			n += blockSize
		}
	}
	return n
}
