package transport

import (
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/node/simnet"
)

func TestMarkState(t *testing.T) {
	type step struct {
		acked   int64
		ect, ce uint64
		sent    int64
	}
	for name, c := range map[string]struct {
		steps []step
		fresh int64 // packets that met congestion
		off   bool
	}{
		"all as it should be":     {[]step{{2, 2, 0, 3}, {3, 5, 0, 9}}, 0, false},
		"congestion":              {[]step{{2, 1, 1, 3}, {4, 3, 3, 9}}, 3, false},
		"an older count":          {[]step{{4, 3, 3, 9}, {0, 1, 1, 9}}, 3, false},
		"an acknowledgement lost": {[]step{{1, 4, 0, 9}}, 0, false},
		"nothing is counted":      {[]step{{1, 0, 0, 3}}, 0, true},
		"some marks are lost":     {[]step{{4, 4, 0, 4}, {4, 7, 0, 9}}, 0, true},
		"more than was sent":      {[]step{{1, 1, 9, 9}}, 0, true},
		"far more than was sent":  {[]step{{1, 1<<62 - 1, 1<<62 - 1, 9}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			var m markState
			fresh := int64(0)
			for _, s := range c.steps {
				m.acked += s.acked
				fresh += m.told(s.ect, s.ce, s.sent)
				m.settle()
			}
			if fresh != c.fresh || m.off != c.off {
				t.Errorf("%d packets met congestion, off %v; want %d, %v", fresh, m.off, c.fresh, c.off)
			}
			if m.off != (m.next() == internet.Unmarked) {
				t.Errorf("off %v, and the next packet's mark is %d", m.off, m.next())
			}
			m.moved()
			if m.settle(); m.off {
				t.Error("off on another path")
			}
		})
	}
	var m markState
	if m.onSilence(); !m.off {
		t.Error("nothing arrives that is marked, and on we mark")
	}
}

// Marks go through a connection, and where they get lost both ends stop.
func TestMarksOnTheWay(t *testing.T) {
	link := simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 200_000, Mark: 20_000}
	for name, bleach := range map[string]bool{"kept": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, link, func(t *testing.T, w *world) {
				link := link
				link.Bleach = bleach
				w.net.SetLink(link)
				w.net.Record()
				w.serve()
				c := w.dial(t)
				transfer(t, c, 2<<20, 20*time.Second)
				dropped := 0
				for _, e := range w.net.Trace() {
					if e.What == "queue" {
						dropped++
					}
				}
				c.mu.Lock()
				m := c.st.recovery.marks
				c.mu.Unlock()
				t.Logf("%d dropped; %+v", dropped, m)
				if m.off != bleach {
					t.Errorf("off %v, want %v", m.off, bleach)
				}
				if !bleach && (m.seenCE == 0 || m.ect+m.ce == 0) {
					t.Errorf("%+v: want marks both ways", m)
				}
			})
		})
	}
}
