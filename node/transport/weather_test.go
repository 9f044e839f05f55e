package transport

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

// A weather is a network of routers in any kind of weather, with the pure states of
// connections at its hosts, as a list of events: no goroutine, no clock, no socket, and
// the same course for the same seed (transport.md 5.21, level 1).
//
//	host ─ NAT ─┐            ┌─ host
//	            router ─ router
//	host ───────┘        └─ router ─ NAT ─ host
//
// A pipe is one direction between two neighbours, with a rate, a queue, and misfortunes
// of its own. Hosts are named by address; a host that moves has a new one.
type weather struct {
	now    instant
	todo   simEvents
	seq    int
	random *rand.Rand
	log    *simLog
	calm   bool // the misfortunes are over

	pipes [][]*pipe // by node and neighbour; nil where there is none
	ways  [][]int   // the neighbour on the shortest way, by node and where to
	hosts []*host   // the first is everybody's server, and stays where it is
	at    map[netip.Addr]*host
	ends  []*end
}

// A pipe carries datagrams from one node to a neighbour.
type pipe struct {
	random *rand.Rand // its own: what happens elsewhere changes nothing here
	rate   float64    // bytes per second; 0: no limit
	queue  int
	delay  time.Duration
	jitter time.Duration
	loss   float64
	twice  float64
	late   float64 // share that is overtaken
	spoil  float64
	mtu    int
	burst  int // losses still to come
	bursts float64
	down   bool
	marks  bool    // congestion
	bleach bool    // loses such marks
	free   instant // when it has sent what it holds
	drops  int
}

// A host has one address, and connections behind it. Others see the address of its NAT.
type host struct {
	node   int // of the router it is attached to
	addr   netip.Addr
	port   uint16 // of the NAT; changes when that forgets
	ends   []*end
	asleep bool
}

func (h *host) outer() netip.AddrPort { return netip.AddrPortFrom(h.addr, h.port) }

// A simLog is what happened, for whoever has to find out why, and a hash of it, by
// which runs are compared.
type simLog struct {
	sum   uint64
	lines []string // the newest ones
}

const logKept = 400

// mix adds numbers to the hash.
func (l *simLog) mix(numbers ...int64) {
	for _, n := range numbers {
		l.sum = (l.sum ^ uint64(n)) * 0x100000001b3 // FNV
		l.sum ^= l.sum >> 29
	}
}

func (l *simLog) add(now instant, format string, args ...any) {
	l.mix(int64(now))
	if len(l.lines) == logKept {
		l.lines = l.lines[:copy(l.lines, l.lines[logKept/2:])]
	}
	l.lines = append(l.lines, fmt.Sprintf("%12v ", now.sub(clockStart))+fmt.Sprintf(format, args...))
}

func (w *weather) later(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.todo, simEvent{w.now.add(max(d, 0)), w.seq, do})
}

// run lets time pass until done reports true or the time is over. It reports which.
func (w *weather) run(limit time.Duration, done func() bool) bool {
	end := w.now.add(limit)
	for !done() {
		if len(w.todo) == 0 || w.todo[0].at > end {
			w.now = end
			return false
		}
		e := heap.Pop(&w.todo).(simEvent)
		w.now = e.at
		e.do()
	}
	return true
}

// route finds the shortest ways.
func (w *weather) route() {
	n := len(w.pipes)
	w.ways = make([][]int, n)
	for i := range w.ways {
		w.ways[i] = make([]int, n)
	}
	for to := range n {
		seen := make([]bool, n)
		seen[to] = true
		for queue := []int{to}; len(queue) > 0; queue = queue[1:] {
			for m := range n {
				if !seen[m] && w.pipes[m][queue[0]] != nil {
					seen[m], w.ways[m][to] = true, queue[0]
					queue = append(queue, m)
				}
			}
		}
	}
}

// A letter is a datagram on its way.
type letter struct {
	from, to netip.AddrPort
	bytes    []byte
	mark     internet.Mark
}

// post sends a datagram of a host.
func (w *weather) post(from *host, to netip.AddrPort, b []byte, mark internet.Mark) {
	w.arrive(from.node, letter{from.outer(), to, append([]byte(nil), b...), mark})
}

// arrive takes a datagram at a node: to its host, or on to the next node.
func (w *weather) arrive(node int, l letter) {
	h := w.at[l.to.Addr()]
	if h == nil {
		return // it has moved
	}
	if h.node == node {
		w.later(lastHop, func() {
			if h.outer() == l.to {
				h.take(w, l)
			}
		})
		return
	}
	hop := w.ways[node][h.node]
	p := w.pipes[node][hop]
	copies, why := p.fate(w.now, len(l.bytes), &l.mark)
	if why != "" {
		p.drops++
		w.log.add(w.now, "%d>%d %d bytes %v>%v: %s", node, hop, len(l.bytes), l.from, l.to, why)
		return
	}
	for _, c := range copies {
		l := l
		if c.bit >= 0 {
			l.bytes = append([]byte(nil), l.bytes...)
			l.bytes[c.bit/8] ^= 1 << (c.bit % 8)
		}
		w.later(c.after, func() { w.arrive(hop, l) })
	}
}

// lastHop is the time between a host and its router.
const lastHop = 50 * time.Microsecond

type delivery struct {
	after time.Duration
	bit   int // to flip; -1: none
}

// fate decides on one datagram, with the same draws for each.
func (p *pipe) fate(now instant, size int, mark *internet.Mark) (copies []delivery, why string) {
	r := p.random
	lost, burst, twice, late, spoil := r.Float64(), r.Float64(), r.Float64(), r.Float64(), r.Float64()
	jitter := time.Duration(r.Float64() * float64(p.jitter))
	behind := time.Duration(r.Float64() * float64(50*time.Millisecond))
	bit, length := r.IntN(size*8), 1+r.IntN(8)

	leave := now
	if p.rate > 0 {
		p.free = max(p.free, now)
		if p.free.sub(now).Seconds()*p.rate+float64(size) > float64(p.queue) {
			return nil, "queue"
		}
		if p.marks && *mark == internet.Markable && p.free.sub(now).Seconds()*p.rate > float64(p.queue)/4 {
			*mark = internet.Congested
		}
		p.free += duration(float64(size), p.rate)
		leave = p.free
	}
	if p.bleach {
		*mark = internet.Unmarked
	}
	if p.burst == 0 && burst < p.bursts {
		p.burst = length
	}
	switch {
	case p.down:
		return nil, "down"
	case size > p.mtu:
		return nil, "too long"
	case p.burst > 0:
		p.burst--
		return nil, "burst"
	case lost < p.loss:
		return nil, "lost"
	}
	d := delivery{leave.sub(now) + p.delay + jitter, -1}
	if late < p.late {
		d.after += behind
	}
	if spoil < p.spoil {
		d.bit = bit
	}
	copies = append(copies, d)
	if twice < p.twice {
		copies = append(copies, delivery{d.after + behind, -1})
	}
	return copies, ""
}

// take gives a datagram to the end that it is for.
func (h *host) take(w *weather, l letter) {
	if h.asleep {
		return
	}
	var p wire.Packet
	if _, err := p.Decode(l.bytes); err != nil || p.Type != wire.PacketTypeData {
		return
	}
	for _, e := range h.ends {
		if e.st.local == p.Destination {
			w.log.mix(int64(w.now), int64(len(l.bytes)), int64(p.Number), int64(p.Destination))
			e.st.receive(w.now, l.from, l.mark, l.bytes, &p)
			e.act()
		}
	}
}

// newPipe makes a pipe in some weather: most are good.
func newPipe(seed, id uint64, r *rand.Rand) *pipe {
	p := &pipe{
		random: rand.New(rand.NewPCG(seed, id)), mtu: basePacket + r.IntN(300),
		delay: time.Duration(1+r.IntN(40)) * time.Millisecond,
	}
	if r.IntN(2) == 0 {
		p.rate = 20_000 * float64(1+r.IntN(100))
		p.queue = 8_000 + r.IntN(60_000)
	}
	if r.IntN(8) == 0 {
		p.mtu = 20_000
	}
	p.marks, p.bleach = r.IntN(2) == 0, r.IntN(8) == 0
	for _, share := range []*float64{&p.loss, &p.twice, &p.late, &p.spoil} {
		if r.IntN(3) == 0 {
			*share = r.Float64() * 0.1
		}
	}
	if r.IntN(4) == 0 {
		p.bursts = r.Float64() * 0.02
	}
	if r.IntN(3) == 0 {
		p.jitter = time.Duration(r.IntN(20)) * time.Millisecond
	}
	return p
}

// newWeather makes a random tree of routers with one more link now and then, and hosts at
// random places.
func newWeather(seed uint64) *weather {
	r := rand.New(rand.NewPCG(seed, 7))
	w := &weather{now: clockStart, random: r, log: new(simLog), at: make(map[netip.Addr]*host)}
	routers := 2 + r.IntN(4)
	for range routers {
		w.pipes = append(w.pipes, make([]*pipe, routers))
	}
	join := func(a, b int) {
		if a != b && w.pipes[a][b] == nil {
			w.pipes[a][b] = newPipe(seed, uint64(a*routers+b), r)
			w.pipes[b][a] = newPipe(seed, uint64(b*routers+a), r)
		}
	}
	for i := 1; i < routers; i++ {
		join(i, r.IntN(i))
	}
	join(r.IntN(routers), r.IntN(routers))
	w.route()
	for range 2 + r.IntN(3) {
		h := new(host)
		w.settle(h)
		w.hosts = append(w.hosts, h)
	}
	return w
}

// settle puts a host somewhere, with an address that nobody had before.
func (w *weather) settle(h *host) {
	delete(w.at, h.addr)
	h.node, h.port = w.random.IntN(len(w.pipes)), uint16(1024+w.random.IntN(1<<15))
	w.seq++
	h.addr = netip.AddrFrom4([4]byte{10, byte(h.node), byte(w.seq >> 8), byte(w.seq)})
	w.at[h.addr] = h
}

// mishap is something that happens to the network at large, and how long it takes to
// pass; some things stay.
func (w *weather) mishap() {
	r := w.random
	h := w.hosts[1+r.IntN(len(w.hosts)-1)]
	passes := time.Duration(100+r.IntN(4000)) * time.Millisecond
	switch r.IntN(7) {
	case 0:
		h.port++
		w.log.add(w.now, "the NAT before %v forgets it", h.outer())
	case 1:
		before := h.addr
		w.settle(h)
		w.log.add(w.now, "%v moves and is %v", before, h.outer())
	case 2:
		h.asleep = true
		w.log.add(w.now, "%v sleeps for %v", h.addr, passes)
		w.later(passes, func() { h.asleep = false; h.wake() })
	case 3:
		if p := w.somePipe(); !p.down {
			p.down = true
			w.log.add(w.now, "a pipe is cut for %v", passes)
			w.later(passes, func() { p.down = false })
		}
	case 4:
		p := w.somePipe()
		p.mtu = basePacket
		w.log.add(w.now, "a pipe becomes narrow")
	case 5:
		p := w.somePipe()
		before := p.loss
		p.loss = 0.5
		w.log.add(w.now, "a pipe loses half for %v", passes)
		w.later(passes, func() { p.loss = before })
	case 6:
		for _, e := range h.ends {
			e.st.update(w.now)
			w.log.add(w.now, "end %s changes its key", e.name)
		}
	}
}

func (w *weather) somePipe() *pipe {
	var all []*pipe
	for _, row := range w.pipes {
		for _, p := range row {
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all[w.random.IntN(len(all))]
}
