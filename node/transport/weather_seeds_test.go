package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sound looks whether what must always hold of a connection does.
func (c *state) sound(now instant) error {
	sent := &c.recovery.sent
	bytes, eliciting := 0, 0
	for n := sent.low; n < sent.next; n++ {
		if p := sent.at(n); p.state == packetSent {
			bytes += int(p.size)
			eliciting++
			if n < sent.unresolved {
				return fmt.Errorf("packet %d is in flight, and everything below %d resolved", n, sent.unresolved)
			}
		}
	}
	switch {
	case bytes != sent.inFlight || eliciting != sent.eliciting:
		return fmt.Errorf("%d bytes in %d packets in flight, and records of %d in %d", sent.inFlight, sent.eliciting, bytes, eliciting)
	case c.received > c.window.limit || c.window.limit-c.consumed > c.window.size:
		return fmt.Errorf("%d bytes received and %d consumed of a window of %d up to %d", c.received, c.consumed, c.window.size, c.window.limit)
	case c.credit.used > c.credit.limit:
		return fmt.Errorf("%d bytes sent, %d allowed", c.credit.used, c.credit.limit)
	case len(c.acks.seen) > maxAckRanges:
		return fmt.Errorf("%d ack ranges", len(c.acks.seen))
	case len(c.arrived) > maxDatagrams || len(c.datagrams) > maxDatagrams:
		return fmt.Errorf("%d and %d unreliable messages wait", len(c.arrived), len(c.datagrams))
	case len(c.streams.backlog) > maxStreams || len(c.streams.byID) > 2*maxStreams:
		return fmt.Errorf("%d streams, of which %d wait for Accept", len(c.streams.byID), len(c.streams.backlog))
	case len(sent.ring) > 1<<14:
		return fmt.Errorf("records of %d packets", len(sent.ring))
	case sent.eliciting > 0 && c.phase == phaseOpen && c.path.room() >= minPacket && c.recovery.deadline() == 0:
		return fmt.Errorf("%d packets in flight and no timer", sent.eliciting)
	}
	var high int64
	for _, s := range c.streams.byID {
		r := &s.receive
		high += r.high
		if r.high > r.window.limit || r.window.limit-r.read > r.window.size || s.send.limit.used > s.send.limit.limit {
			return fmt.Errorf("stream %d: %d bytes of %d received, %d of %d sent", s.id, r.high, r.window.limit, s.send.limit.used, s.send.limit.limit)
		}
		if int64(r.bytes.held()) > r.high-r.read+2*blockSize || len(r.got) > maxGaps+1 {
			return fmt.Errorf("stream %d: %d bytes of memory for %d, in %d pieces", s.id, r.bytes.held(), r.high-r.read, len(r.got))
		}
		if int64(s.send.bytes.held()) > s.send.end-s.send.base+2*blockSize {
			return fmt.Errorf("stream %d: %d bytes of memory for %d to be sent", s.id, s.send.bytes.held(), s.send.end-s.send.base)
		}
	}
	if high > c.received {
		return fmt.Errorf("%d bytes received of streams, %d of the connection", high, c.received)
	}
	for _, p := range []*path{&c.path, c.probing} {
		if p != nil && !p.proven && p.out > p.factor*p.in+minPacket {
			return fmt.Errorf("%d bytes sent to %v, which sent %d and hasn't proven itself", p.out, p.to, p.in)
		}
	}
	return nil
}

// storm is a run in one weather, from its seed. It returns the hash of its log.
func storm(t *testing.T, seed uint64) uint64 {
	w := newWeather(seed)
	for i := range 1 + w.random.IntN(3) {
		w.connect(w.hosts[1+w.random.IntN(len(w.hosts)-1)], w.hosts[0], uint64(i+1), seed)
	}
	for range w.random.IntN(8) {
		w.later(time.Duration(w.random.IntN(5000))*time.Millisecond, w.mishap)
	}
	for _, e := range w.ends {
		e.act()
	}
	if w.run(8*time.Second, w.over); !w.over() {
		bound := w.heal()
		if !w.run(bound, w.over) {
			t.Errorf("seed %d: still busy %v after the last misfortune", seed, bound)
		}
	}
	w.calm = true
	w.run(10*time.Second, func() bool { return w.failure() != nil })
	err := w.failure()
	for _, e := range w.ends {
		s := &e.st
		if err == nil && (len(s.streams.byID) != 0 || s.consumed != s.received || s.more() || s.recovery.sent.inFlight > basePacket) {
			err = fmt.Errorf("end %s holds %d streams at rest, %d of %d bytes consumed, %d in flight",
				e.name, len(s.streams.byID), s.consumed, s.received, s.recovery.sent.inFlight)
		}
	}
	if err != nil {
		t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(w.log.lines, "\n"))
	}
	return w.log.sum
}

// over reports whether everything is done, or something has failed.
func (w *weather) over() bool {
	for _, e := range w.ends {
		if e.failure == nil && !e.done() {
			return w.failure() != nil
		}
	}
	return true
}

func (w *weather) failure() error {
	for _, e := range w.ends {
		if e.failure != nil {
			return fmt.Errorf("end %s: %w", e.name, e.failure)
		}
	}
	return nil
}

// heal ends all misfortunes, and returns how long what is left may take at most.
func (w *weather) heal() time.Duration {
	slowest, turn := 0.0, time.Duration(0)
	for _, row := range w.pipes {
		for _, p := range row {
			if p == nil {
				continue
			}
			p.loss, p.twice, p.late, p.spoil, p.bursts, p.burst, p.down = 0, 0, 0, 0, 0, 0, false
			turn += p.delay + p.jitter
			if p.rate > 0 {
				turn += time.Duration(float64(p.queue) / p.rate * float64(time.Second))
				slowest = max(slowest, 1/p.rate)
			}
		}
	}
	left, slow := 0, time.Duration(0)
	for _, e := range w.ends {
		for _, p := range e.plans {
			left += max(0, p.size-p.done) + maxUnsent/16
			if p.every > 0 {
				slow = max(slow, time.Duration((p.size-p.done)/p.chunk+1)*p.every)
			}
		}
		for _, f := range e.reads {
			if f.every > 0 {
				slow = max(slow, time.Duration(max(f.size, 1000)/f.chunk+1)*f.every)
			}
		}
	}
	return 10*time.Second + 20*turn + slow + time.Duration(4*float64(left)*slowest*float64(time.Second))
}

// "A thousand random seeds of random topologies and misfortunes, with the invariants:
// every byte once and in order, windows never exceeded, no buffer left, progress within a
// bound, memory within a bound." They are looked at after every event.
func TestWeather(t *testing.T) {
	singleThreaded(t)
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		sum := storm(t, seed)
		if again := seed%20 == 0; again && sum != storm(t, seed) {
			t.Errorf("seed %d took another course the second time", seed)
		}
	}
}
