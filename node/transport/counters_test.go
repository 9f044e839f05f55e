package transport

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/node/simnet"
	"sotto/wire"
)

// Every packet of a connection that is dropped is counted, by reason.
func TestDropsAreCounted(t *testing.T) {
	message := wire.Segment{Type: wire.SegmentTypeDatagram}
	for name, c := range map[string]struct {
		do   func(v *victim)
		want Counters
	}{
		"forged": {func(v *victim) {
			b := v.pack(data(1, 0, "x"))
			b[len(b)-1] ^= 1
			v.give(b)
		}, Counters{Forged: 1}},
		"replayed": {func(v *victim) {
			b := v.pack(data(1, 0, "x"))
			v.give(append([]byte(nil), b...))
			v.give(b)
		}, Counters{Replayed: 1}},
		"too old": {func(v *victim) {
			b := v.pack(data(1, 0, "x"))
			v.number += 5000
			v.send(data(1, 0, "x"))
			v.give(b)
		}, Counters{Replayed: 1}},
		"early": {func(v *victim) {
			v.st.keys, v.st.hs = nil, &handshake{}
			for range maxEarly + 3 {
				v.send(data(1, 0, "x"))
			}
		}, Counters{Early: 3}},
		"scattered": {func(v *victim) {
			for i := range uint64(maxGaps + 5) {
				v.send(data(1, 2*i+1, "x"))
			}
		}, Counters{Scattered: 5}},
		"unread": {func(v *victim) {
			for range maxDatagrams + 2 {
				v.send(message)
			}
		}, Counters{Unread: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t)
			c.do(v)
			if got := v.st.count.snapshot(); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// And those of an endpoint, of which the attacks' tests see the rest.
func TestEndpointCountsDrops(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		a, _ := joined(t, w)
		w.net.SetLink(simnet.Link{Down: true})
		a.mu.Lock()
		a.flushing = true // as if it were sending, so that what is to be sent piles up
		a.mu.Unlock()
		for range maxDatagrams + 7 {
			a.SendDatagram([]byte("x"))
		}
		if got := w.client.Counters().Unsent; got != 7 {
			t.Errorf("%d messages counted as displaced, want 7", got)
		}
		r, now := w.server.readers[0], w.server.clock.now()
		for i := range retryPerSecond + 10 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, byte(i >> 16), byte(i >> 8), byte(i)}), 9)
			r.datagram(now, from, internet.Unmarked, hello(uint64(i+1), 0, nil, 0, 8, []byte("M1 hello")))
		}
		if got := w.server.Counters(); got.Crowded < 10 || got.Crowded > 12 || got.Retried+got.Crowded != retryPerSecond+11 {
			t.Errorf("%d answered and %d not, want at most %d answered", got.Retried, got.Crowded, retryPerSecond)
		}
		unknown := wire.Packet{Type: wire.PacketTypeData, Destination: 1<<63 | 5, Payload: make([]byte, 40)}
		b, _ := unknown.MarshalBinary()
		for range resetsPerSecond + 5 {
			r.datagram(now, eveAt, internet.Unmarked, b)
		}
		if got := w.server.Counters(); got.Resets != resetsPerSecond || got.Withheld != 5 {
			t.Errorf("%d resets sent and %d withheld, want %d and 5", got.Resets, got.Withheld, resetsPerSecond)
		}
	})
}

// "Separate budgets for packets with and without a valid cookie": runs that began without
// one take neither all places nor all workers.
func TestRunsWithoutTokenLeaveRoom(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve()
		w.server.cfg.Responder = toyResponder{think: 100 * time.Millisecond}
		began := time.Now()
		w.dial(t)
		idle := time.Since(began)
		s := &w.server.strangers
		stop := make(chan struct{})
		var wg sync.WaitGroup
		// A thousand a second, each from a network of its own, each an honest first message.
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{40, byte(i >> 8), byte(i), 1}), 9)
				w.net.Send(from, serverAt, hello(uint64(i+1), 0, nil, 0, 8, []byte("P1 hello")))
			}
		})
		time.Sleep(3 * time.Second)
		s.mu.Lock()
		n, unproven := s.order.Len(), s.unproven
		s.mu.Unlock()
		if unproven > maxUnproven || unproven < maxJobs {
			t.Errorf("%d half-open without a token of %d, want at most %d", unproven, n, maxUnproven)
		}
		w.server.workers.mu.Lock()
		waiting := len(w.server.workers.lines[1])
		w.server.workers.mu.Unlock()
		if waiting == 0 || waiting > maxJobs {
			t.Errorf("%d of them wait for a worker, want some and at most %d", waiting, maxJobs)
		}
		began = time.Now()
		w.dial(t)
		if took := time.Since(began); took > 3*idle {
			t.Errorf("a dial with a token took %v, %v when idle", took, idle)
		}
		close(stop)
		wg.Wait()
		// Of one network no more than so many a second.
		time.Sleep(5 * time.Second)
		before := w.server.Counters().Begun
		for i := range 60 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{50, 1, 1, byte(i)}), 9)
			w.net.Send(from, serverAt, hello(uint64(i+1), 0, nil, 0, 8, []byte("P1 hello")))
		}
		time.Sleep(100 * time.Millisecond)
		if got := w.server.Counters().Begun - before; got != runsPerSecond {
			t.Errorf("%d runs begun of one network in a second, want %d", got, runsPerSecond)
		}
		time.Sleep(handshakeLimit + 10*time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.order.Len() != 0 || s.unproven != 0 {
			t.Errorf("%d half-open left, of which %d unproven", s.order.Len(), s.unproven)
		}
	})
}
