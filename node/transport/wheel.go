package transport

import (
	"math/bits"
	"sync"
	"time"
)

const (
	wheelSlots  = 256
	wheelLevels = 4
	tick        = instant(time.Millisecond)
)

// A wheel holds the deadlines of all connections of an endpoint, to a
// millisecond: 4 levels of 256 slots, each level 256 times coarser than the one
// below, with a bitmap of the slots in use. One timer of the runtime drives it, and
// only while a deadline is pending. A connection is in it at most once, for the
// earliest of its deadlines, and is its own list node.
//
// Setting a deadline later than the one that is set does nothing: the
// connection is woken early, finds nothing due and sets the later one. So a
// connection that moves its deadline with every packet rarely touches the wheel.
type wheel struct {
	mu     sync.Mutex
	now    int64 // in ticks; slots up to it are done
	slots  [wheelLevels][wheelSlots]*timerNode
	used   [wheelLevels][wheelSlots / 64]uint64
	armed  int64 // tick for which the timer is set; 0 if it isn't
	timer  *time.Timer
	clock  clock
	closed bool
}

// A timerNode is a connection's place in the wheel.
type timerNode struct {
	conn       *Conn
	next, prev *timerNode
	at         int64 // tick; 0 if not in the wheel
	level      int   // level<<8 | slot
}

func (w *wheel) init(c clock, fire func()) {
	w.clock = c
	w.now = int64(c.now() / tick)
	w.timer = time.AfterFunc(time.Hour, fire)
	w.timer.Stop()
}

// set makes the node fire at the deadline, unless it fires earlier anyway.
func (w *wheel) set(n *timerNode, deadline instant) {
	at := int64((deadline + tick - 1) / tick)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || n.at != 0 && n.at <= at {
		return
	}
	if n.at != 0 {
		w.unlink(n)
	}
	w.link(n, max(at, w.now+1))
	w.arm()
}

// remove takes the node out.
func (w *wheel) remove(n *timerNode) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.at != 0 {
		w.unlink(n)
	}
}

// expired takes out all nodes whose time has come and appends their connections.
func (w *wheel) expired(now instant, due []*Conn) []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := int64(now / tick)
	w.armed = 0
	for {
		at, ok := w.upcoming()
		if !ok || at > until {
			break
		}
		w.now = at
		// Coarser slots that begin now are spread over the finer ones, the coarsest first.
		for level := wheelLevels - 1; level > 0; level-- {
			if at&(1<<(8*level)-1) == 0 {
				w.cascade(level, int(at>>(8*level))%wheelSlots)
			}
		}
		for n := w.slots[0][at%wheelSlots]; n != nil; n = w.slots[0][at%wheelSlots] {
			w.unlink(n)
			due = append(due, n.conn)
		}
	}
	w.now = max(w.now, until)
	w.arm()
	return due
}

func (w *wheel) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.timer.Stop()
}

// arm sets the timer for the next slot in use.
func (w *wheel) arm() {
	at, ok := w.upcoming()
	if !ok || w.closed || w.armed != 0 && w.armed <= at {
		return
	}
	w.armed = at
	w.timer.Reset(max(0, (instant(at) * tick).sub(w.clock.now())))
}

// upcoming is the tick of the next slot in use, of any level.
func (w *wheel) upcoming() (int64, bool) {
	best, found := int64(0), false
	for level := range w.slots {
		shift := 8 * level
		from := w.now >> shift
		// The slot of the present tick is done, on every level.
		i, ok := w.nextUsed(level, int((from+1)%wheelSlots))
		if !ok {
			continue
		}
		ahead := (int64(i) - from - 1) & (wheelSlots - 1)
		at := (from + 1 + ahead) << shift
		if !found || at < best {
			best, found = at, true
		}
	}
	return best, found
}

// nextUsed is the first slot in use of a level, going round from a slot.
func (w *wheel) nextUsed(level, from int) (int, bool) {
	u := &w.used[level]
	for k := 0; k <= len(u); k++ {
		i := (from/64 + k) % len(u)
		word := u[i]
		if k == 0 {
			word &= ^uint64(0) << (from % 64)
		} else if k == len(u) {
			word &= 1<<(from%64) - 1
		}
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word), true
		}
	}
	return 0, false
}

func (w *wheel) link(n *timerNode, at int64) {
	n.at = at
	level := 0
	// A deadline beyond the wheel waits in its last slot and is looked at again.
	slotAt := min(at, w.now+1<<(8*wheelLevels)-1<<(8*(wheelLevels-1)))
	for level < wheelLevels-1 && slotAt>>(8*level)-w.now>>(8*level) >= wheelSlots {
		level++
	}
	n.level = level<<8 | int(slotAt>>(8*level))%wheelSlots
	slot := &w.slots[n.level>>8][n.level&255]
	n.next, n.prev = *slot, nil
	if *slot != nil {
		(*slot).prev = n
	}
	*slot = n
	w.used[level][(n.level&255)/64] |= 1 << (n.level & 63)
}

func (w *wheel) unlink(n *timerNode) {
	level, i := n.level>>8, n.level&255
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		w.slots[level][i] = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	}
	if w.slots[level][i] == nil {
		w.used[level][i/64] &^= 1 << (i % 64)
	}
	n.next, n.prev, n.at = nil, nil, 0
}

func (w *wheel) cascade(level, i int) {
	n := w.slots[level][i]
	w.slots[level][i] = nil
	w.used[level][i/64] &^= 1 << (i % 64)
	for n != nil {
		next := n.next
		w.link(n, n.at)
		n = next
	}
}
