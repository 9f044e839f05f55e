package transport

import (
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

// A pair is two connected states and nothing between them.
type pair struct {
	now  instant
	a, b *state
	buf  [internet.BufferSize]byte
	head wire.Packet

	packets int
}

func newPair(t *testing.T) *pair {
	p := &pair{now: clockStart, a: new(state), b: new(state)}
	for i, c := range []*state{p.a, p.b} {
		c.init(p.now, i == 0, uint64(10+i), serverAt, time.Minute, [32]byte{byte(i)}, internet.NewChecker(), new(counters), &memory{limit: defaultMemory})
		c.peer, c.path.proven = uint64(11-i), true
		if err := c.install(p.now, toySecrets([32]byte{}, i == 0)); err != nil {
			t.Fatal(err)
		}
		c.confirm(p.now)
	}
	return p
}

// carry takes what one has to say to the other.
func (p *pair) carry(from, to *state) {
	for {
		n, seg, _ := from.poll(p.now, p.buf[:])
		if n == 0 {
			return
		}
		for b := p.buf[:n]; len(b) > 0; {
			k := min(seg, len(b))
			if _, err := p.head.Decode(b[:k]); err == nil {
				to.receive(p.now, serverAt, internet.Markable, b[:k], &p.head)
				p.packets++
			}
			b = b[k:]
		}
	}
}

// "No allocation per packet": a stream of bulk from its Write to its Read, with all that the
// two ends say about it, and the same for short messages there and back.
func TestNoAllocationPerPacket(t *testing.T) {
	singleThreaded(t) // and its pools forget things at random
	p := newPair(t)
	here := p.a.streams.open(p.a)
	here.send.write([]byte("x"))
	p.a.streams.schedule(here)
	p.carry(p.a, p.b)
	there := p.b.streams.byID[here.id]
	in := make([]byte, 64<<10)
	read := func(c *state, s *Stream) {
		for {
			n := s.receive.take(in)
			if n == 0 {
				return
			}
			c.onRead(p.now, s, n)
		}
	}
	write := func(c *state, s *Stream, b []byte) {
		s.send.write(b)
		c.streams.schedule(s)
	}
	out := make([]byte, 60<<10)
	bulk := func() {
		write(p.a, here, out)
		for range 4 {
			p.carry(p.a, p.b)
			read(p.b, there)
			p.now = p.now.add(time.Millisecond)
			p.a.timeout(p.now)
			p.b.timeout(p.now)
			p.carry(p.b, p.a)
		}
	}
	chat := func() {
		write(p.a, here, out[:64])
		p.carry(p.a, p.b)
		read(p.b, there)
		write(p.b, there, out[:64])
		p.carry(p.b, p.a)
		read(p.a, here)
		p.now = p.now.add(time.Millisecond)
	}
	for name, do := range map[string]func(){"bulk": bulk, "chat": chat} {
		for range 200 {
			do()
		}
		p.packets = 0
		allocs := testing.AllocsPerRun(200, do)
		perRun := float64(p.packets) / 201
		t.Logf("%s: %.2f allocations for %.1f packets", name, allocs, perRun)
		if allocs > 0 {
			t.Errorf("%s: %.2f allocations for %.1f packets, want none", name, allocs, perRun)
		}
	}
}
