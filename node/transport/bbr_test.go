package transport

import (
	"fmt"
	"testing"
	"time"
)

const ms = time.Millisecond

// shortPath and longPath are the paths of transport.md 3.2.
var (
	shortPath = pathSpec{rate: 100e6, queue: 250_000, delay: 10 * ms, seed: 1}
	longPath  = pathSpec{rate: 100e6, queue: 625_000, delay: 50 * ms, seed: 1}
)

func (p pathSpec) losing(share float64) pathSpec { p.loss = share; return p }

func bbrOf(f *simFlow) *bbr { return f.r.cc.(*bbr) }

// The columns of transport.md: "20 ms, 100 Mbit/s, 0/1/5% loss: at least 94, 93, 89
// Mbit/s with at most 2% queue drops; 100 ms and 1% loss, bursts, blackout: at least
// 80, 88, 62." The path carries at most 97.7 of its 100 besides IP's and UDP's heads.
// NewReno shows what a controller that goes by losses makes of the same.
func TestBBRColumns(t *testing.T) {
	singleThreaded(t)
	bursts, blackout := shortPath, shortPath
	bursts.burstIn, bursts.burstEx = 0.005, 0.25
	blackout.on, blackout.off = 5*time.Second, 2*time.Second
	for _, c := range []struct {
		name  string
		path  pathSpec
		least float64 // Mbit/s
		reno  float64 // Mbit/s, at most
	}{
		{"no loss", shortPath, 94, 98},
		{"1% loss", shortPath.losing(0.01), 93, 10},
		{"5% loss", shortPath.losing(0.05), 89, 5},
		{"bursts", bursts, 88, 15},
		{"100 ms, 1% loss", longPath.losing(0.01), 80, 5},
		{"blackout", blackout, 62, 60},
	} {
		for seed := range uint64(2) {
			if c.path.loss == 0 && c.path.burstIn == 0 && seed > 0 {
				continue // nothing depends on it
			}
			t.Run(fmt.Sprintf("%s/%d", c.name, seed), func(t *testing.T) {
				c.path.seed = seed
				s := newPathsim(c.path)
				f := s.flow(newBBR(basePacket))
				s.run(12 * time.Second)
				t.Logf("bbr  %v; standing queue %.2f BDP", f, s.standing()/c.path.bdp())
				if got := f.goodput(); got < c.least {
					t.Errorf("%.1f Mbit/s, want at least %.0f", got, c.least)
				}
				if got := f.drops(); got > 0.02 {
					t.Errorf("the queue dropped %.1f%% of what was sent, want at most 2%%", 100*got)
				}
				if got := s.standing() / c.path.bdp(); got > 0.5 {
					t.Errorf("standing queue of %.2f BDP, want at most 0.5", got)
				}
				s = newPathsim(c.path)
				f = s.flow(newNewReno(basePacket))
				s.run(12 * time.Second)
				t.Logf("reno %v", f)
				if got := f.goodput(); got > c.reno {
					t.Errorf("NewReno has %.1f Mbit/s, want at most %.0f: is this still the path meant?", got, c.reno)
				}
			})
		}
	}
}

// A path that loses and whose round trips vary, as over the air or on a busy
// machine, is not congested. Taking chance for a queue ends in a crawl: every cut of
// the window lowers the rate that is measured, and so the next window.
func TestBBRNoise(t *testing.T) {
	singleThreaded(t)
	for _, path := range []pathSpec{shortPath, longPath} {
		for _, loss := range []float64{0, 0.01, 0.05} {
			for _, noise := range []time.Duration{5 * ms, 10 * ms} {
				for name, p := range map[string]pathSpec{"jitter": path.losing(loss), "stalls": path.losing(loss)} {
					if name == "jitter" {
						p.jitter = noise
					} else {
						p.stall = noise
					}
					p.rate, p.queue = 40e6, p.queue*2/5
					s := newPathsim(p)
					f := s.flow(newBBR(basePacket))
					s.run(2 * time.Second)
					f.measure()
					s.run(5 * time.Second)
					if got, want := f.goodput(), 32*(1-loss); got < want {
						t.Errorf("%v, %v of %s, loss %v: %v, want %.0f Mbit/s", 2*p.delay, noise, name, loss, f, want)
					}
				}
			}
		}
	}
}

// A busy machine wakes the sender late. What it didn't send meanwhile it sends then: else
// it would measure its own lateness, send less, and measure that.
func TestBBRLateTimers(t *testing.T) {
	singleThreaded(t)
	for _, loss := range []float64{0, 0.01} {
		for _, late := range []time.Duration{2 * ms, 5 * ms, 10 * ms} {
			p := shortPath.losing(loss)
			p.late = late
			s := newPathsim(p)
			f := s.flow(newBBR(basePacket))
			s.run(2 * time.Second)
			f.measure()
			s.run(8 * time.Second)
			t.Logf("up to %v late, loss %v: %v", late, loss, f)
			if got := f.goodput(); got < 88 || f.drops() > 0.02 {
				t.Errorf("up to %v late, loss %v: %v, want 88 Mbit/s and at most 2%% dropped", late, loss, f)
			}
		}
	}
}

// "At least 0.4 of its fair share for a CUBIC flow in the same queue of one BDP, at
// most 2% self-inflicted drops."
func TestBBRBesideCubic(t *testing.T) {
	singleThreaded(t)
	for _, p := range []pathSpec{
		{rate: 100e6, delay: 10 * ms}, {rate: 20e6, delay: 10 * ms}, {rate: 50e6, delay: 50 * ms}, {rate: 10e6, delay: 25 * ms},
	} {
		t.Run(fmt.Sprintf("%.0f Mbit, %v", p.rate/1e6, 2*p.delay), func(t *testing.T) {
			p.queue = int(p.bdp())
			s := newPathsim(p)
			ours := s.flow(newBBR(basePacket))
			s.run(2 * time.Second)
			theirs := s.flow(newCubic(basePacket))
			s.run(10 * time.Second)
			ours.measure()
			theirs.measure()
			s.run(30 * time.Second)
			share := theirs.goodput() * 1e6 / (p.rate / 2)
			t.Logf("cubic has %.2f of its fair share; bbr %v; cubic %v", share, ours, theirs)
			if share < 0.5 {
				t.Errorf("CUBIC has %.2f of its fair share, want at least 0.5", share)
			}
			if share > 1.4 {
				t.Errorf("CUBIC has %.2f of its fair share: we starve", share)
			}
			if got := ours.drops(); got > 0.02 {
				t.Errorf("the queue dropped %.1f%% of what was sent, want at most 2%%", 100*got)
			}
		})
	}
}

// A router that marks congestion instead of waiting until its queue is full: nothing is
// lost, the queue stays short, and CUBIC, which goes by the marks as well, has its share.
func TestBBRHeedsMarks(t *testing.T) {
	singleThreaded(t)
	p := pathSpec{rate: 50e6, delay: 10 * ms}
	p.queue, p.mark = int(4*p.bdp()), int(p.bdp()/2)
	s := newPathsim(p)
	ours := s.flow(newBBR(basePacket))
	s.run(2 * time.Second)
	theirs := s.flow(newCubic(basePacket))
	s.run(10 * time.Second)
	ours.measure()
	theirs.measure()
	before := s.standing() * s.now.sub(instant(time.Second)).Seconds()
	s.run(30 * time.Second)
	queue := (s.standing()*s.now.sub(instant(time.Second)).Seconds() - before) / 30 / p.bdp()
	share := theirs.goodput() * 1e6 / (p.rate / 2)
	t.Logf("cubic has %.2f of its fair share; a queue of %.2f of what the path holds; bbr %v; cubic %v", share, queue, ours, theirs)
	if share < 0.4 || share > 1.5 {
		t.Errorf("CUBIC has %.2f of its fair share", share)
	}
	if queue > 0.75 || ours.dropped+theirs.dropped > 0 {
		t.Errorf("a queue of %.2f of what the path holds, %d packets dropped", queue, ours.dropped+theirs.dropped)
	}
}

// The rate that is measured over an outage is next to nothing, and who sends at that
// measures nothing more. The smallest window may always leave in a round trip.
func TestBBRNeverStops(t *testing.T) {
	b := newBBR(basePacket)
	b.minRTT, b.full, b.phase = 50*ms, true, bbrCruise
	b.bandwidth.reset(0, 100)
	for b.cycle = range cycleGains {
		if got, want := b.rate(), leastPackets*basePacket/0.05; got < want || b.window() < leastPackets*basePacket {
			t.Errorf("gain %.2f: %.0f bytes per second and %d in flight, want at least %.0f and %d packets", b.gain(), got, b.window(), want, leastPackets)
		}
	}
}

// Connections of our own that share a path share it evenly enough, also when one
// of them comes late.
func TestBBRsTogether(t *testing.T) {
	singleThreaded(t)
	s := newPathsim(shortPath)
	var flows []*simFlow
	for range 4 {
		flows = append(flows, s.flow(newBBR(basePacket)))
		s.run(2 * time.Second)
	}
	s.run(10 * time.Second)
	for _, f := range flows {
		f.measure()
	}
	s.run(10 * time.Second)
	sum := 0.0
	for i, f := range flows {
		t.Logf("%d: %v", i, f)
		sum += f.goodput()
		if got := f.goodput(); got < 97.7/4*0.5 || got > 97.7/4*1.7 {
			t.Errorf("connection %d has %.1f of 97.7 Mbit/s among four", i, got)
		}
		if got := f.drops(); got > 0.02 {
			t.Errorf("connection %d lost %.1f%% to the queue, want at most 2%%", i, 100*got)
		}
	}
	if sum < 94 {
		t.Errorf("%.1f Mbit/s together, want 94", sum)
	}
}

// "Startup until three rounds without 25% growth, drain, then the cycle."
func TestBBRPhases(t *testing.T) {
	singleThreaded(t)
	s := newPathsim(shortPath)
	f := s.flow(newBBR(basePacket))
	b := bbrOf(f)
	// The first flight counts as delivered: ten packets in a round trip.
	s.run(26 * ms)
	if got, want := b.bandwidth.max(), 10*1200/0.025; got < 0.8*want || got > 1.3*want {
		t.Errorf("after the first flight the rate is %.0f B/s, want about %.0f", got, want)
	}
	var course []bbrPhase
	var filledAt instant
	for range 1000 {
		s.run(ms)
		if n := len(course); n == 0 || course[n-1] != b.phase {
			course = append(course, b.phase)
		}
		if filledAt == 0 && b.bandwidth.max() > 90e6/8 {
			filledAt = s.now
		}
	}
	if got, want := fmt.Sprint(course), fmt.Sprint([]bbrPhase{bbrStartup, bbrDrain, bbrCruise}); got != want {
		t.Errorf("phases %v, want %v", got, want)
	}
	// Ten packets double to what the path holds, 208, in five rounds.
	if took := filledAt.sub(instant(time.Second)); filledAt == 0 || took > 9*20*ms {
		t.Errorf("the path was full after %v, want at most 9 round trips", took)
	}
	seen := map[int]bool{}
	for range 200 {
		s.run(ms)
		seen[b.cycle] = true
	}
	if len(seen) != len(cycleGains) {
		t.Errorf("of the cycle only %v were seen in ten round trips", seen)
	}
}

// A round trip counts as short that is longer by a thirty-second part, or by the time that one
// packet takes, if the rate is one that says so.
func TestBBRSameRTT(t *testing.T) {
	for _, c := range []struct {
		packet int
		rate   float64 // bytes per second
		want   time.Duration
	}{
		{1200, 12.5e6, 625 * time.Microsecond},
		{16_384, 12.5e6, 1310 * time.Microsecond},
		{1200, 1000, 2500 * time.Microsecond},
	} {
		b := newBBR(c.packet)
		b.minRTT = 20 * ms
		b.bandwidth.reset(0, c.rate)
		if got := b.sameRTT().Truncate(10 * time.Microsecond); got != c.want.Truncate(10*time.Microsecond) {
			t.Errorf("packets of %d bytes, %.0f bytes per second: %v, want %v", c.packet, c.rate, got, c.want)
		}
	}
}

// "ProbeRTT every 10 s only if the minimum was not refreshed (an idle chat
// connection refreshes it for free)."
func TestBBRProbeRTT(t *testing.T) {
	singleThreaded(t)
	quiet := func(s *pathsim, f *simFlow, d time.Duration) (times int, lasted time.Duration) {
		was := false
		for range d / ms {
			s.run(ms)
			is := bbrOf(f).phase == bbrProbeRTT
			if is && !was {
				times++
			}
			if is {
				lasted += ms
			}
			was = is
		}
		return times, lasted
	}
	t.Run("bulk alone drains its own queue", func(t *testing.T) {
		s := newPathsim(shortPath)
		if n, _ := quiet(s, s.flow(newBBR(basePacket)), 30*time.Second); n != 0 {
			t.Errorf("probed %d times, want none", n)
		}
	})
	t.Run("bulk with late timers, too", func(t *testing.T) {
		for _, late := range []time.Duration{ms, 2 * ms, 3 * ms} {
			p := shortPath
			p.late = late
			s := newPathsim(p)
			if n, _ := quiet(s, s.flow(newBBR(basePacket)), 30*time.Second); n != 0 {
				t.Errorf("up to %v late: probed %d times, want none", late, n)
			}
		}
	})
	t.Run("beside a queue of others", func(t *testing.T) {
		deep := shortPath
		deep.queue *= 2
		s := newPathsim(deep)
		f := s.flow(newBBR(basePacket))
		s.run(2 * time.Second)
		s.flow(newCubic(basePacket))
		n, lasted := quiet(s, f, 25*time.Second)
		if n < 1 || n > 4 {
			t.Errorf("probed %d times in 25 s, want 1 to 4", n)
		}
		if lasted < time.Duration(n)*200*ms || lasted > time.Duration(n)*400*ms {
			t.Errorf("%d probes took %v, want 200 to 400 ms each", n, lasted)
		}
	})
	t.Run("chat", func(t *testing.T) {
		s := newPathsim(shortPath)
		f := s.flow(newBBR(basePacket))
		f.left = 0
		for range 300 {
			f.want(100)
			if n, _ := quiet(s, f, 100*ms); n != 0 {
				t.Fatal("probed")
			}
		}
		s.run(time.Minute)
		f.want(100)
		if n, _ := quiet(s, f, 100*ms); n != 0 {
			t.Fatal("probed after a minute's silence")
		}
	})
}

// What an application sends now and then says nothing about the path: neither is
// the path taken for full, nor does bulk that follows begin at that rate. And bulk
// that goes on after a pause goes on as fast as before.
func TestBBRApplicationLimited(t *testing.T) {
	singleThreaded(t)
	s := newPathsim(shortPath)
	f := s.flow(newBBR(basePacket))
	f.left = 0
	for range 200 {
		f.want(1200)
		s.run(50 * ms)
	}
	if b := bbrOf(f); b.full || b.window() < initialWindowPackets*basePacket {
		t.Errorf("after chat: full %v, window %d", b.full, b.window())
	}
	f.want(-1)
	s.run(250 * ms)
	f.measure()
	s.run(250 * ms)
	if got := f.goodput(); got < 90 {
		t.Errorf("a quarter of a second after chat bulk runs at %.1f Mbit/s, want 90", got)
	}
	f.want(0)
	s.run(30 * time.Second)
	f.want(-1)
	f.measure()
	s.run(250 * ms)
	t.Log("after a pause:", f)
	if got := f.goodput(); got < 80 {
		t.Errorf("bulk after a pause runs at %.1f Mbit/s, want 80", got)
	}
	if got := f.drops(); got > 0.02 {
		t.Errorf("after a pause the queue dropped %.1f%%", 100*got)
	}
}

// Paths change under a connection.
func TestBBRFollowsThePath(t *testing.T) {
	singleThreaded(t)
	for _, loss := range []float64{0, 0.01} {
		t.Run(fmt.Sprint("narrower and wider, loss ", loss), func(t *testing.T) {
			s := newPathsim(shortPath.losing(loss))
			f := s.flow(newBBR(basePacket))
			s.run(3 * time.Second)
			s.path.rate = 10e6 // the queue now holds 200 ms
			s.run(2 * time.Second)
			if got := f.r.rtt.smoothed; got > 60*ms {
				t.Errorf("two seconds after the path became narrow a round trip takes %v: the queue stands", got)
			}
			f.measure()
			s.run(3 * time.Second)
			t.Log("narrow:", f)
			if got := f.goodput(); got < 9 {
				t.Errorf("%.1f of 9.8 Mbit/s on the narrow path", got)
			}
			s.path.rate = 100e6
			s.run(2500 * ms)
			f.measure()
			s.run(time.Second)
			t.Log("wide:", f)
			if got := f.goodput(); got < 90 {
				t.Errorf("2.5 s after the path became wide %.1f Mbit/s, want 90", got)
			}
		})
	}
	// A window made for a short round trip starves on a longer one, and the rate
	// measured then makes the window smaller still (quiche #950 fell into the like).
	t.Run("longer", func(t *testing.T) {
		s := newPathsim(shortPath)
		f := s.flow(newBBR(basePacket))
		s.run(3 * time.Second)
		s.path.delay = 30 * ms
		s.run(4 * time.Second)
		f.measure()
		s.run(time.Second)
		t.Log(f)
		if got := f.goodput(); got < 85 {
			t.Errorf("4 s after the path became longer %.1f Mbit/s, want 85", got)
		}
	})
}

// What was in flight for a wide path stands before a narrow one as a queue, whatever the
// connection was about to do, and whether or not the queue is long enough for losses.
func TestBBRDrainsBeforeANarrowPath(t *testing.T) {
	singleThreaded(t)
	for _, loss := range []float64{0, 0.01} {
		for phase := range time.Duration(12) {
			s := newPathsim(shortPath.losing(loss))
			f := s.flow(newBBR(basePacket))
			s.run(3*time.Second + phase*7*ms)
			s.path.rate = 10e6
			s.run(1500 * ms)
			if got := f.r.rtt.smoothed; got > 60*ms {
				t.Errorf("loss %v, narrow after 3 s and %v: 1.5 s later a round trip takes %v", loss, phase*7*ms, got)
			}
		}
	}
}

// After a silence of several probe timeouts little may be sent until something
// comes back.
func TestBBRPersistent(t *testing.T) {
	singleThreaded(t)
	s := newPathsim(shortPath)
	f := s.flow(newBBR(basePacket))
	s.run(2 * time.Second)
	b := bbrOf(f)
	rate := b.bandwidth.max()
	b.onPersistent(s.now)
	if got, want := b.window(), initialWindowPackets*basePacket; got != want {
		t.Errorf("window %d, want %d", got, want)
	}
	if b.bandwidth.max() != rate {
		t.Error("the rate of the path is forgotten")
	}
}

// Losses that were only late packets leave no cap.
func TestBBRSpurious(t *testing.T) {
	singleThreaded(t)
	b := newBBR(basePacket)
	b.restraint.cap, b.restraint.peak = 100_000, 90_000
	b.restraint.shrink(0, basePacket, 20*ms)
	if got, want := b.window(), 12000; got != want || b.restraint.cap != 76_500 {
		t.Errorf("window %d, cap %d", got, b.restraint.cap)
	}
	b.onSpurious(0)
	b.onSpurious(0)
	if got, want := b.restraint.cap, 100_000; got != want {
		t.Errorf("cap %d after the loss proved spurious, want %d", got, want)
	}
}
