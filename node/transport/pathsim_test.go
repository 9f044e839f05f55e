package transport

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"sotto/wire"
)

// A pathsim is a bottleneck with senders in front of it, as a list of events: no
// goroutine, no clock, and the same course for the same seed. The senders are what a
// connection has for the purpose, recovery with a congestion controller and a
// pacer; the receivers are ackStates. Packets carry nothing.
//
//	flow 1 ──┐                        ┌─► acks 1 ─┐
//	         ├─ loss ► queue ► rate ► delay       ├─ delay, loss ► flow 1, 2
//	flow 2 ──┘                        └─► acks 2 ─┘
type pathsim struct {
	path pathSpec
	now  instant
	todo simEvents
	seq  int

	up, down *rand.Rand
	burst    [2]bool
	free     instant // when the bottleneck has sent what it holds

	noise     *rand.Rand
	stallNext instant
	awakeAt   instant

	queueTime float64 // integral of queued bytes over seconds
	queueAt   instant
	queued    int
}

type pathSpec struct {
	rate    float64       // bits per second
	queue   int           // bytes before the bottleneck
	mark    int           // congestion is marked when so many bytes wait; 0: never
	delay   time.Duration // one way
	loss    float64       // chance loss, each way
	burstIn float64       // probability that a burst begins; all is lost in it
	burstEx float64       // and that it ends
	on, off time.Duration // blackouts
	jitter  time.Duration // up to so much more, in order
	stall   time.Duration // and while the receiver does something else, up to so long every three times as long
	late    time.Duration // the sender sees what happens up to so late
	seed    uint64
}

type simEvent struct {
	at  instant
	seq int
	do  func()
}

type simEvents []simEvent

func (h simEvents) Len() int { return len(h) }
func (h simEvents) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h simEvents) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *simEvents) Push(x any)   { *h = append(*h, x.(simEvent)) }
func (h *simEvents) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func newPathsim(p pathSpec) *pathsim {
	return &pathsim{path: p, now: instant(time.Second), up: rand.New(rand.NewPCG(p.seed, 1)), down: rand.New(rand.NewPCG(p.seed, 2)), noise: rand.New(rand.NewPCG(p.seed, 3))}
}

func (s *pathsim) at(t instant, do func()) {
	s.seq++
	heap.Push(&s.todo, simEvent{max(t, s.now), s.seq, do})
}

// run lets time pass.
func (s *pathsim) run(d time.Duration) {
	end := s.now.add(d)
	for len(s.todo) > 0 && s.todo[0].at <= end {
		e := heap.Pop(&s.todo).(simEvent)
		s.now = e.at
		e.do()
	}
	s.now = end
}

// dark reports whether the path is in a blackout.
func (s *pathsim) dark() bool {
	return s.path.off > 0 && time.Duration(s.now-instant(time.Second))%(s.path.on+s.path.off) >= s.path.on
}

// lose decides the fate of a datagram, with the same number of draws for each.
func (s *pathsim) lose(direction int, r *rand.Rand) bool {
	chance, turn := r.Float64(), r.Float64()
	if s.burst[direction] {
		s.burst[direction] = turn >= s.path.burstEx
	} else {
		s.burst[direction] = turn < s.path.burstIn
	}
	return s.dark() || s.burst[direction] || chance < s.path.loss
}

// account adds up the queue until now.
func (s *pathsim) account() {
	backlog := max(0, float64(s.free-s.queueAt)) // drains at 1 ns per ns
	span := float64(s.now - s.queueAt)
	drained := min(backlog, span)
	area := drained * (backlog + backlog - drained) / 2 // ns²
	s.queueTime += area / 1e18 * s.path.rate / 8
	s.queueAt = s.now
}

// awake is when the receiver gets to see what arrives at a time. Times only grow.
func (s *pathsim) awake(t instant) instant {
	for s.path.stall > 0 && t >= s.stallNext {
		s.awakeAt = max(s.awakeAt, s.stallNext+instant(s.noise.Int64N(int64(s.path.stall))))
		s.stallNext += instant(3 * s.path.stall)
	}
	if s.path.jitter > 0 {
		t += instant(s.noise.Int64N(int64(s.path.jitter)))
	}
	s.awakeAt = max(s.awakeAt, t)
	return s.awakeAt
}

// lateBy is when the sender gets to see what is to happen at a time.
func (s *pathsim) lateBy(t instant) instant {
	if s.path.late > 0 {
		t += instant(s.noise.Int64N(int64(s.path.late)))
	}
	return t
}

const simHead = 28 // IP and UDP

// send puts a packet of a flow on the path.
func (s *pathsim) send(f *simFlow, number int64, size int, ackNow bool) {
	if s.lose(0, s.up) {
		f.lost++
		return
	}
	s.account()
	bytes := float64(size + simHead)
	backlog := max(0, float64(s.free-s.now)) / 1e9 * s.path.rate / 8
	if backlog+bytes > float64(s.path.queue) {
		f.dropped++
		return
	}
	congested := s.path.mark > 0 && backlog > float64(s.path.mark)
	s.free = max(s.free, s.now) + instant(bytes*8/s.path.rate*1e9)
	s.at(s.awake(s.free.add(s.path.delay)), func() { f.arrive(number, size, ackNow, congested) })
}

// A simFlow is a sender and its receiver.
type simFlow struct {
	sim   *pathsim
	r     recovery
	pace  pacer
	size  int
	left  int // bytes that the application still wants to send; negative: no end
	timer instant

	acks     ackState
	ackTimer instant

	sent, lost, dropped, acksSent int
	got                           int // bytes received
	came                          wire.MarksSegment
	since                         instant
}

func (*simFlow) itemAcked(*item) {}
func (*simFlow) itemLost(*item)  {}

func (s *pathsim) flow(cc congestion) *simFlow {
	f := &simFlow{sim: s, size: basePacket, left: -1, since: s.now}
	f.r = newRecovery(f, cc)
	s.at(s.now, f.poll)
	return f
}

func (f *simFlow) poll() {
	now := f.sim.now
	for {
		probe := f.r.probes > 0
		if f.left == 0 && !probe {
			f.r.appLimited()
			f.pace.idle()
			break
		}
		if !probe && f.r.room() < f.size {
			f.r.limited = true
			f.pace.idle()
			break
		}
		if !probe && !f.pace.ready(now) {
			break
		}
		p := f.r.sent.push()
		number := f.r.sent.next - 1
		p.size, p.probe = int32(f.size), probe
		if f.left > 0 {
			f.left = max(0, f.left-f.size)
		}
		ackNow := probe || f.left == 0 || number&15 == 0 && f.sim.path.late == 0
		f.r.onSent(now, p, ackNow)
		f.pace.sent(now, f.size, f.r.cc.rate(), f.size)
		f.sent++
		f.sim.send(f, number, f.size, ackNow)
	}
	f.arm()
}

// arm sets the timer, which ticks in milliseconds.
func (f *simFlow) arm() {
	at := f.r.deadline()
	if f.left != 0 && f.r.room() >= f.size {
		at = earliest(at, f.pace.deadline())
	}
	if at == 0 || f.timer != 0 && f.timer <= at {
		return
	}
	at = max((at+tick-1)/tick*tick, f.sim.now+1)
	f.timer = at
	f.sim.at(f.sim.lateBy(at), func() {
		if f.timer != at {
			return
		}
		f.timer = 0
		f.r.timeout(f.sim.now)
		f.poll()
	})
}

func (f *simFlow) arrive(number int64, size int, ackNow, congested bool) {
	now := f.sim.now
	f.got += size
	if congested {
		f.came.Ce++
		ackNow = true
	} else {
		f.came.Ect++
	}
	delay := min(max(f.r.rtt.smoothed/8, granularity), maxAckDelay)
	f.acks.receive(now, number, true, ackNow, delay)
	f.ack()
	if at := f.acks.deadline; at != 0 && (f.ackTimer == 0 || at < f.ackTimer) {
		f.ackTimer = at
		f.sim.at(at, func() { f.ackTimer = 0; f.ack() })
	}
}

func (f *simFlow) ack() {
	now := f.sim.now
	if !f.acks.owed(now) {
		return
	}
	m := new(wire.AckSegment)
	f.acks.segment(now, m, wire.AckRanges)
	f.acks.sent(now)
	f.acksSent++
	came := f.came
	if f.sim.lose(1, f.sim.down) {
		return
	}
	f.sim.at(f.sim.lateBy(now.add(f.sim.path.delay)), func() {
		if err := f.r.onAck(f.sim.now, m); err != nil {
			panic(err)
		}
		f.r.onMarks(f.sim.now, &came)
		f.poll()
	})
}

// want lets the application send so many bytes more, or without end if negative.
func (f *simFlow) want(bytes int) {
	f.left = bytes
	f.sim.at(f.sim.now, f.poll)
}

// measure forgets what was counted before now.
func (f *simFlow) measure() {
	f.sent, f.lost, f.dropped, f.got, f.acksSent, f.since = 0, 0, 0, 0, 0, f.sim.now
}

// goodput is in Mbit/s of packets, tags and heads included.
func (f *simFlow) goodput() float64 {
	return float64(f.got) * 8 / f.sim.now.sub(f.since).Seconds() / 1e6
}

func (f *simFlow) drops() float64 { return float64(f.dropped) / math.Max(1, float64(f.sent)) }

func (f *simFlow) String() string {
	return fmt.Sprintf("%.1f Mbit/s, %.2f%% dropped by the queue, %.2f%% lost, %d spurious, srtt %v, %.3f acks per packet",
		f.goodput(), 100*f.drops(), 100*float64(f.lost)/float64(max(1, f.sent)), f.r.spurious, f.r.rtt.smoothed.Round(100*time.Microsecond),
		float64(f.acksSent)/float64(max(1, f.sent)))
}

// standing is the mean queue in bytes since the beginning of the run.
func (s *pathsim) standing() float64 {
	s.account()
	return s.queueTime / s.now.sub(instant(time.Second)).Seconds()
}

func (p pathSpec) bdp() float64 { return p.rate / 8 * (2 * p.delay).Seconds() }
