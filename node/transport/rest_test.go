package transport

import (
	"testing"
	"time"
	"unsafe"

	"sotto/node/simnet"
)

// "Idle connection: at most 8 KiB." After a silence nothing is left of a connection but its
// state: no records of packets, no ciphers. The next message finds everything again.
func TestRest(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 1792 {
		t.Errorf("a Conn has %d bytes, want at most 1792: the allocator's next size is 2048", size)
	}
	simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		for range 3 {
			transfer(t, c, 50_000, time.Minute)
			time.Sleep(restAfter + time.Second)
			for _, c := range append(w.server.conns.all(), c) {
				c.mu.Lock()
				if !c.st.resting || c.st.recovery.sent.ring != nil || c.st.work != nil {
					t.Errorf("initiator %v: resting %v, records of %d packets", c.st.initiator, c.st.resting, len(c.st.recovery.sent.ring))
				}
				if at := c.st.nextTimeout(); at.sub(c.end.clock.now()) < time.Minute {
					t.Errorf("initiator %v: woken again in %v", c.st.initiator, at.sub(c.end.clock.now()))
				}
				c.mu.Unlock()
			}
		}
	})
}
