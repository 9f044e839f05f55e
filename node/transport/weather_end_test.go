package transport

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sotto/node/internet"
)

// An end is one end of a connection in a weather, and the application behind it: it
// writes what it has planned, reads what comes and compares.
type end struct {
	w      *weather
	host   *host
	name   string
	st     state
	random *rand.Rand

	timer     instant
	spins     int
	buf       [internet.BufferSize]byte
	plans     []*plan // what it is going to open
	reads     []*feed // what comes
	seed      uint64
	finished  int // feeds that have come to their end
	datagrams int // received
	failure   error
}

// A plan is what one direction of a stream will carry.
type plan struct {
	s      *Stream
	size   int
	done   int
	chunk  int
	every  time.Duration // between two chunks; 0: as fast as they are taken
	giveUp int           // resets itself after so many bytes; 0: never
	begun  bool
}

// A feed is what one direction of a stream has carried.
type feed struct {
	s     *Stream
	size  int // expected; -1: anything up to its reset
	got   int
	chunk int
	every time.Duration // a slow reader; 0: at once
	stop  int           // wants no more after so many bytes; 0: wants all
	ready bool
	over  bool
}

// text is the byte at an offset of a direction of a stream.
func text(stream uint64, initiator bool, offset int) byte {
	x := stream*2 + 1
	if initiator {
		x++
	}
	x = (x + uint64(offset)>>3*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return byte(x >> (8 * (offset & 7)))
}

// sizeOf is how long a direction of a stream is: both ends know it.
func sizeOf(stream uint64, initiator bool, seed uint64) (size, giveUp int) {
	i := uint64(0)
	if initiator {
		i = 1
	}
	r := rand.New(rand.NewPCG(seed, stream*2+i))
	switch r.IntN(4) {
	case 0:
		size = r.IntN(200)
	case 1, 2:
		size = r.IntN(20_000)
	default:
		size = r.IntN(200_000)
	}
	if r.IntN(10) == 0 {
		giveUp = 1 + r.IntN(size+1)
	}
	return size, giveUp
}

// connect makes a connection between two hosts, past its handshake.
func (w *weather) connect(a, b *host, id, seed uint64) {
	side := func(h *host, initiator bool, local, peer uint64, to *host) *end {
		e := &end{
			w: w, host: h, name: fmt.Sprintf("%d", local), seed: seed,
			random: rand.New(rand.NewPCG(seed, local)),
		}
		e.st.init(w.now, initiator, local, to.outer(), 10*time.Minute, [32]byte{byte(seed), byte(seed >> 8), byte(local)}, internet.NewChecker(), new(counters), &memory{limit: defaultMemory})
		e.st.peer, e.st.whole, e.st.path.proven = peer, true, true
		if err := e.st.install(w.now, toySecrets([32]byte{byte(id)}, initiator)); err != nil {
			panic(err)
		}
		e.st.confirm(w.now)
		h.ends, w.ends = append(h.ends, e), append(w.ends, e)
		return e
	}
	dialled, accepted := side(a, true, 2*id, 2*id+1, b), side(b, false, 2*id+1, 2*id, a)
	// Little credit, so that it is used up.
	credit := int64(10_000 + dialled.random.IntN(200_000))
	for _, e := range []*end{dialled, accepted} {
		e.st.credit.limit, e.st.window = credit, newReceiveWindow(credit, 4*credit)
	}
	dialled.st.keepAlive.allow(2 * time.Second) // who only listens doesn't notice that it has moved
	for _, e := range []*end{dialled, accepted} {
		for range e.random.IntN(5) {
			p := &plan{chunk: 1 + e.random.IntN(8000)}
			if e.random.IntN(3) == 0 {
				p.every, p.chunk = time.Duration(1+e.random.IntN(50))*time.Millisecond, 100+e.random.IntN(1000)
			}
			e.plans = append(e.plans, p)
			w.later(time.Duration(e.random.IntN(3000))*time.Millisecond, func() { p.begun = true; e.act() })
		}
	}
}

// act lets the application and then the connection do what they can, and looks
// whether all is well.
func (e *end) act() {
	if e.host.asleep || e.failure != nil {
		return
	}
	e.accept()
	for _, f := range e.reads {
		e.read(f)
	}
	for i := range e.plans {
		e.write(e.plans[i])
	}
	e.take()
	for range 1000 {
		n, seg, to := e.st.poll(e.w.now, e.buf[:])
		if n == 0 {
			break
		}
		for b := e.buf[:n]; len(b) > 0; {
			k := min(seg, len(b))
			e.w.post(e.host, to, b[:k], e.st.mark())
			b = b[k:]
		}
	}
	if err := e.st.sound(e.w.now); err != nil {
		e.failure = err
	} else if e.st.phase != phaseOpen {
		e.failure = fmt.Errorf("the connection is over: %w", e.st.err)
	}
	e.arm()
}

// arm sets the timer, which ticks in milliseconds like the wheel.
func (e *end) arm() {
	at := e.st.nextTimeout()
	if at == 0 || e.timer != 0 && e.timer <= at {
		return
	}
	at = max((at+tick-1)/tick*tick, e.w.now/tick*tick+tick)
	e.timer = at
	e.w.later(at.sub(e.w.now), func() {
		if e.timer != at {
			return
		}
		e.timer = 0
		if e.host.asleep {
			return
		}
		e.st.timeout(e.w.now)
		e.act()
		if e.st.nextTimeout().reached(e.w.now) {
			e.spins++
		} else {
			e.spins = 0
		}
		if e.spins > 20 && e.failure == nil {
			e.failure = fmt.Errorf("woken %d times in a row for nothing", e.spins)
		}
	})
}

// wake goes on after a sleep: all timers have run out.
func (h *host) wake() {
	for _, e := range h.ends {
		e.timer = 0
		e.st.timeout(e.w.now)
		e.act()
	}
}

// accept takes streams that the peer opened, and plans an answer to each.
func (e *end) accept() {
	t := &e.st.streams
	for len(t.backlog) > 0 {
		s := t.backlog[0]
		t.backlog = t.backlog[1:]
		s.waiting = false
		e.expect(s)
		e.plan(&plan{s: s, chunk: 1 + e.random.IntN(5000), begun: true})
		t.retire(&e.st, s)
	}
}

func (e *end) plan(p *plan) {
	p.size, p.giveUp = sizeOf(p.s.id, e.st.initiator, e.seed)
	e.plans = append(e.plans, p)
}

// expect makes the feed for the incoming direction of a stream.
func (e *end) expect(s *Stream) {
	size, giveUp := sizeOf(s.id, !e.st.initiator, e.seed)
	if giveUp > 0 {
		size = -1
	}
	f := &feed{s: s, size: size, chunk: 64 << 10, ready: true}
	if e.random.IntN(6) == 0 {
		f.every, f.chunk = time.Duration(1+e.random.IntN(20))*time.Millisecond, 500+e.random.IntN(5000)
	}
	if e.random.IntN(15) == 0 {
		f.stop = 1 + e.random.IntN(20_000)
	}
	e.reads = append(e.reads, f)
}

// read takes what has arrived of a stream, as Stream.Read does.
func (e *end) read(f *feed) {
	h := &f.s.receive
	b := e.buf[:f.chunk] // poll isn't using it now
	for f.ready && !f.over {
		n := h.take(b)
		if n == 0 {
			switch {
			case h.reset:
				if f.size >= 0 {
					e.failure = fmt.Errorf("stream %d was reset, by nobody", f.s.id)
				}
			case h.final >= 0 && h.read == h.final:
				if f.size >= 0 && f.got != f.size {
					e.failure = fmt.Errorf("stream %d ended with %d bytes, want %d", f.s.id, f.got, f.size)
				}
			default:
				return
			}
			h.seen, f.over = true, true
			e.finished++
			e.st.streams.retire(&e.st, f.s)
			return
		}
		for i, c := range b[:n] {
			if c != text(f.s.id, !e.st.initiator, f.got+i) {
				e.failure = fmt.Errorf("stream %d: byte %d is not what was written", f.s.id, f.got+i)
				return
			}
		}
		f.got += n
		e.st.onRead(e.w.now, f.s, n)
		if f.stop > 0 && f.got >= f.stop && !h.done() {
			before := h.read
			h.stopped, h.code = true, 9
			h.stop = h.final < 0
			h.forget()
			e.st.onRead(e.w.now, f.s, int(h.read-before))
			e.st.streams.schedule(f.s)
			e.st.streams.retire(&e.st, f.s)
			f.over = true
			e.finished++
			return
		}
		if f.every > 0 {
			f.ready = false
			e.w.later(f.every, func() { f.ready = true; e.act() })
		}
	}
}

// write puts the next of a plan into its stream, as Stream.Write does.
func (e *end) write(p *plan) {
	if !p.begun || p.done > p.size {
		return
	}
	if p.s == nil {
		if p.s = e.st.streams.open(&e.st); p.s == nil {
			return // the peer allows no more for now
		}
		e.expect(p.s)
		p.size, p.giveUp = sizeOf(p.s.id, e.st.initiator, e.seed)
	}
	h := &p.s.send
	if h.stopped {
		p.done = p.size + 1 // the peer wants no more
		return
	}
	var b [8192]byte
	for p.done < p.size {
		n := int(min(int64(min(p.chunk, p.size-p.done)), maxUnsent-h.unsent()))
		if n <= 0 {
			return
		}
		for i := range b[:n] {
			b[i] = text(p.s.id, e.st.initiator, p.done+i)
		}
		h.write(b[:n])
		p.done += n
		e.st.streams.schedule(p.s)
		if p.giveUp > 0 && p.done >= p.giveUp {
			h.giveUp(3)
			e.st.streams.schedule(p.s)
			p.done = p.size + 1
			return
		}
		if p.every > 0 {
			p.begun = false
			e.w.later(p.every, func() { p.begun = true; e.act() })
			return
		}
	}
	h.fin = true
	e.st.streams.schedule(p.s)
	p.done = p.size + 1
}

// take reads unreliable messages, and sends one now and then.
func (e *end) take() {
	for _, b := range e.st.arrived {
		for i, c := range b {
			if c != text(1<<40, !e.st.initiator, i) {
				e.failure = fmt.Errorf("an unreliable message of %d bytes is not what was sent", len(b))
				return
			}
		}
		e.datagrams++
	}
	e.st.arrived = nil
	if !e.w.calm && e.random.IntN(50) == 0 && len(e.st.datagrams) < maxDatagrams {
		b := make([]byte, e.random.IntN(maxDatagram))
		for i := range b {
			b[i] = text(1<<40, e.st.initiator, i)
		}
		e.st.datagrams = append(e.st.datagrams, b)
	}
}

// done reports whether everything planned was written, and everything expected read.
func (e *end) done() bool {
	for _, p := range e.plans {
		if p.done <= p.size || p.s == nil {
			return false
		}
	}
	return e.finished == len(e.reads)
}
