package transport

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// searchPath answers probes as a path would that takes packets up to mtu, and
// returns how many it took until the search was over.
func searchPath(m *pmtud, now instant, mtu int, lose func() bool) (probes int) {
	for number := int64(0); ; number++ {
		size := m.wanted(now)
		if size == 0 {
			return probes
		}
		probes++
		m.sent()
		if m.wanted(now) != 0 {
			panic("two probes at a time")
		}
		if size <= mtu && !lose() {
			m.onAcked(now, number, size, true)
		} else {
			m.onLost(now, number, size, true)
		}
	}
}

func never() bool { return false }

// "First probe the outgoing interface's MTU less headers at once, then 1,452, then
// binary search to within 16 B; three tries per size."
func TestPMTUDSearch(t *testing.T) {
	for _, c := range []struct {
		link, peer, mtu int
		least           int // size at the end
		most            int // probes
	}{
		{1472, 65507, 1472, 1472, 1},
		{65507, 65507, 65507, 65507, 1},   // loopback
		{8972, 65507, 1452, 1452, 1 + 50}, // jumbo frames here, none beyond
		{1472, 65507, 1400, 1400 - 16, 20},
		{1472, 65507, 1200, 1200, 30},
		{1472, 1300, 1472, 1300, 1}, // the peer takes no more
		{0, 65507, 9000, 1452, 1},   // interface unknown
		{1000, 65507, 9000, 1200, 0},
	} {
		t.Run(fmt.Sprintf("interface %d, peer %d, path %d", c.link, c.peer, c.mtu), func(t *testing.T) {
			var m pmtud
			m.init(c.link, c.peer)
			probes := searchPath(&m, 1, c.mtu, never)
			if m.size < c.least || m.size > max(c.mtu, basePacket) {
				t.Errorf("size %d, want %d to %d", m.size, c.least, c.mtu)
			}
			if probes > c.most {
				t.Errorf("%d probes, want at most %d", probes, c.most)
			}
		})
	}
}

// Whatever the path takes, and with loss, what is found passes.
func TestPMTUDFindsWhatPasses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		link, mtu := basePacket+r.IntN(maxPacketSize-basePacket), basePacket+r.IntN(maxPacketSize-basePacket)
		var m pmtud
		m.init(link, maxPacketSize)
		probes := searchPath(&m, 1, mtu, never)
		if want := min(link, mtu); m.size > want || m.size < want-mtuExact {
			t.Fatalf("interface %d, path %d: found %d", link, mtu, m.size)
		}
		if probes > 60 {
			t.Fatalf("interface %d, path %d: %d probes", link, mtu, probes)
		}
		m.init(link, maxPacketSize)
		searchPath(&m, 1, mtu, func() bool { return r.IntN(3) == 0 })
		if m.size > mtu || m.size < basePacket {
			t.Fatalf("interface %d, path %d with loss: found %d", link, mtu, m.size)
		}
	}
}

// "Retry upward every 10 min."
func TestPMTUDSearchesAgain(t *testing.T) {
	var m pmtud
	now := instant(time.Second)
	m.init(1472, maxPacketSize)
	searchPath(&m, now, 1300, never)
	if n := searchPath(&m, now.add(9*time.Minute), 1472, never); n != 0 {
		t.Errorf("%d probes after nine minutes", n)
	}
	if searchPath(&m, now.add(11*time.Minute), 1472, never); m.size != 1472 {
		t.Errorf("size %d after the path became wider, want 1472", m.size)
	}
	if n := searchPath(&m, now.add(time.Hour), 1472, never); n != 0 {
		t.Errorf("%d probes although nothing larger is possible", n)
	}
}

// A probe that was only late counts after all.
func TestPMTUDLateProbe(t *testing.T) {
	var m pmtud
	m.init(1472, maxPacketSize)
	for n := range int64(mtuTries) {
		m.sent()
		m.onLost(1, n, 1472, true)
	}
	if m.wanted(1) != usualPacketSize {
		t.Fatalf("tries %d next, want %d", m.wanted(1), usualPacketSize)
	}
	m.sent()
	if !m.onAcked(1, 0, 1472, true) || m.size != 1472 {
		t.Errorf("size %d, want 1472", m.size)
	}
	if m.onAcked(1, 3, usualPacketSize, true) || m.size != 1472 || m.wanted(1) != 0 {
		t.Errorf("size %d, then wants %d", m.size, m.wanted(1))
	}
}

// foundPath is a search that ended well at 1472.
func foundPath() *pmtud {
	m := new(pmtud)
	m.init(1472, maxPacketSize)
	searchPath(m, 1, 1472, never)
	return m
}

// "Black hole only when three separate loss bursts each contain nothing smaller than
// any packet acknowledged since."
func TestPMTUDBlackHole(t *testing.T) {
	type event struct {
		lost, acked int64 // packet number
		size        int
	}
	lost := func(n int64, size int) event { return event{lost: n, size: size} }
	acked := func(n int64, size int) event { return event{acked: n, size: size} }
	for _, c := range []struct {
		name   string
		events []event
		fallen bool
	}{
		{"three bursts, only small ones arrive", []event{
			lost(10, 1472), lost(11, 1472), acked(12, 300), lost(20, 1472), acked(21, 1100), lost(30, 1472), acked(31, 100)}, true},
		{"one long burst", []event{lost(10, 1472), lost(11, 1472), lost(12, 1472), lost(13, 1472), acked(14, 300)}, false},
		{"two bursts", []event{lost(10, 1472), acked(12, 300), lost(20, 1472), acked(21, 300)}, false},
		{"ordinary loss", []event{
			lost(10, 1472), acked(12, 1472), lost(20, 1472), acked(22, 1472), lost(30, 1472), acked(32, 1472), lost(40, 1472), acked(41, 1472)}, false},
		{"as large ones arrived before the loss was noticed", []event{
			acked(15, 1472), lost(10, 1472), acked(25, 1472), lost(20, 1472), acked(35, 1472), lost(30, 1472)}, false},
		{"small ones lost with them", []event{
			lost(10, 1472), lost(11, 200), acked(12, 300), lost(20, 200), lost(21, 1472), acked(22, 300), lost(30, 1472), lost(31, 90), acked(32, 100)}, false},
		{"one large one arrives in between", []event{
			lost(10, 1472), acked(12, 300), lost(20, 1472), acked(21, 1472), acked(22, 100), lost(30, 1472), acked(31, 100)}, false},
		{"something smaller arrives, the lost ones are larger still", []event{
			lost(10, 1472), acked(12, 1300), lost(20, 1472), acked(21, 1250), lost(30, 1460), acked(31, 1300)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := foundPath()
			fallen := false
			for _, e := range c.events {
				if e.lost != 0 {
					m.onLost(1, e.lost, e.size, false)
				} else {
					m.onAcked(1, e.acked, e.size, false)
				}
				fallen = fallen || m.endLosses(1)
			}
			if fallen != c.fallen {
				t.Errorf("fallen %v, want %v", fallen, c.fallen)
			}
			if want := map[bool]int{true: basePacket, false: 1472}[c.fallen]; m.size != want {
				t.Errorf("size %d, want %d", m.size, want)
			}
		})
	}
}

// "Black hole detection that fires on ordinary loss: quinn #1855, s2n-quic #1680."
// With a quarter of all packets lost, large and small, the size stays.
func TestPMTUDOrdinaryLossIsNoBlackHole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		m := foundPath()
		sizes := map[int64]int{}
		for n := int64(1); n < 3000; n++ {
			sizes[n] = 1472
			if r.IntN(10) == 0 {
				sizes[n] = 40 + r.IntN(1400)
			}
			// Loss of packet n-3 is noticed when n arrives.
			if old := n - 3; old > 0 && old%4 == 0 {
				m.onLost(1, old, sizes[old], false)
				if m.endLosses(1) {
					t.Fatalf("fell at packet %d", n)
				}
			}
			if n%4 != 0 {
				m.onAcked(1, n, sizes[n], false)
			}
		}
	}
}

// "Or two PTOs with only full-size packets out; then fall to 1,200 and search again
// at once."
func TestPMTUDTimeouts(t *testing.T) {
	m := foundPath()
	if m.onTimeout(2, 1472, time.Second) || m.onTimeout(3, 100, time.Second) || m.onTimeout(3, 1472, 10*time.Millisecond) || m.size != 1472 {
		t.Fatal("fell too early")
	}
	if !m.onTimeout(3, 1472, time.Second) || m.size != basePacket {
		t.Fatalf("size %d after two timeouts, want %d", m.size, basePacket)
	}
	if searchPath(m, 1, 1380, never); m.size < 1380-mtuExact || m.size > 1380 {
		t.Errorf("found %d on a path of 1380", m.size)
	}
	m = new(pmtud)
	m.init(1472, maxPacketSize)
	if m.onTimeout(5, 1300, time.Second) {
		t.Error("fell below what passes always")
	}
}

// The sizes that arrived are known exactly for the latest numbers.
func TestAckedSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		var a ackedSizes
		type ack struct {
			n    int64
			size int
		}
		var all []ack
		for i := range int64(50) {
			x := ack{i + r.Int64N(5), 1 + r.IntN(5)}
			all = append(all, x)
			a.add(x.n, x.size)
			if a.n == len(a.pairs) {
				continue // the oldest may be forgotten
			}
			for from := range int64(60) {
				want := 0
				for _, y := range all {
					if y.n > from {
						want = max(want, y.size)
					}
				}
				if got := a.since(from); got > want || from >= i && got != want {
					t.Fatalf("since %d: got %d, want %d", from, got, want)
				}
			}
		}
	}
	var a ackedSizes
	if n := testing.AllocsPerRun(100, func() { a.add(1, 2); a.add(2, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
