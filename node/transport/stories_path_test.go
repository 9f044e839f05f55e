package transport

import (
	"net/netip"
	"testing"
	"time"

	"sotto/node/simnet"
)

// The interop runner's blackhole: 5 s on, 2 s off.
func TestBlackhole(t *testing.T) {
	link := simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 25 * 1250}
	simulate(t, 1, link, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		stop := make(chan struct{})
		w.wg.Go(func() {
			for on := false; ; on = !on {
				wait := 5 * time.Second
				if !on {
					wait = 2 * time.Second
				}
				down := link
				down.Down = !on
				w.net.SetLink(down)
				select {
				case <-time.After(wait):
				case <-stop:
					return
				}
			}
		})
		transfer(t, c, 4<<20, 60*time.Second)
		close(stop)
	})
}

// A NAT that forgets the client: first after a second, then every five.
func TestRebindingStory(t *testing.T) {
	link := simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 25 * 1250}
	for name, host := range map[string]func(i int) netip.Addr{
		"port":    func(i int) netip.Addr { return clientAt.Addr() },
		"address": func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}) },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, link, func(t *testing.T, w *world) {
				w.serve()
				c := w.dial(t)
				stop := make(chan struct{})
				w.wg.Go(func() {
					wait := time.Second
					for i := 1; ; i++ {
						select {
						case <-time.After(wait):
						case <-stop:
							return
						}
						w.net.Rebind(w.sock, netip.AddrPortFrom(host(i), 0))
						wait = 5 * time.Second
					}
				})
				transfer(t, c, 8<<20, 60*time.Second)
				close(stop)
			})
		})
	}
}

// A laptop that sleeps for an hour, behind a NAT that forgets it meanwhile.
func TestSleepOfAnHour(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		w.client.cfg.IdleTimeout = 2 * time.Hour
		w.server.cfg.IdleTimeout = 2 * time.Hour
		w.serve()
		c := w.dial(t)
		transfer(t, c, 1000, time.Minute)
		time.Sleep(time.Hour)
		w.net.Rebind(w.sock, netip.AddrPortFrom(clientAt.Addr(), 0))
		transfer(t, c, 100_000, time.Minute)
	})
}

// Packets grow to what the path takes, and shrink when it becomes narrower.
func TestPathMTU(t *testing.T) {
	link := simnet.Link{Delay: 10 * time.Millisecond, Rate: 2_500_000, MTU: 1400}
	size := func(c *Conn) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.st.mtu.size
	}
	simulate(t, 1, link, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		transfer(t, c, 4<<20, time.Minute)
		if got := size(c); got > 1400 || got < 1400-2*mtuExact {
			t.Errorf("packets of %d bytes on a path that takes 1400", got)
		}
		link.MTU = 1250
		w.net.SetLink(link)
		transfer(t, c, 4<<20, time.Minute)
		if got := size(c); got > 1250 {
			t.Errorf("packets of %d bytes on a path that takes 1250", got)
		}
	})
	// Loss alone doesn't make them shrink.
	link.MTU, link.Loss = 1400, 0.05
	simulate(t, 2, link, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		for range 5 {
			transfer(t, c, 2<<20, time.Minute)
		}
		if got := size(c); got < 1400-2*mtuExact {
			t.Errorf("packets of %d bytes on a lossy path that takes 1400", got)
		}
	})
}
