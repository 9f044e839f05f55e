package bench

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A link is what happens to the datagrams of one direction.
type link struct {
	delay time.Duration
	rate  float64 // bytes per second
	queue int     // bytes that wait for the rate before more are dropped
	loss  float64
}

// A relay carries datagrams between clients and a server, over a link each way.
type relay struct {
	link   link
	front  *net.UDPConn // for clients
	server netip.AddrPort

	mu    sync.Mutex
	backs map[netip.AddrPort]*net.UDPConn // a socket towards the server for each client
}

func newRelay(t testing.TB, server string, l link) *relay {
	r := &relay{link: l, front: listen(t), server: netip.MustParseAddrPort(server), backs: make(map[netip.AddrPort]*net.UDPConn)}
	up := r.way(1)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := r.front.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			back := r.back(t, from)
			up(buf[:n], func(b []byte) { back.WriteToUDPAddrPort(b, r.server) })
		}
	}()
	return r
}

func listen(t testing.TB) *net.UDPConn {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadBuffer(4 << 20)
	t.Cleanup(func() { s.Close() })
	return s
}

func (r *relay) addr() string { return r.front.LocalAddr().String() }

// back is the socket by which the server answers a client.
func (r *relay) back(t testing.TB, client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.backs[client]; s != nil {
		return s
	}
	s, down := listen(t), r.way(2)
	r.backs[client] = s
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			down(buf[:n], func(b []byte) { r.front.WriteToUDPAddrPort(b, client) })
		}
	}()
	return s
}

// way is one direction of the link. The n-th datagram meets the same fate in every run.
func (r *relay) way(seed uint64) func(b []byte, deliver func([]byte)) {
	random := rand.New(rand.NewPCG(seed, 1))
	type letter struct {
		at      time.Time
		b       []byte
		deliver func([]byte)
	}
	line := make(chan letter, 1<<16)
	go func() {
		for l := range line {
			time.Sleep(time.Until(l.at))
			l.deliver(l.b)
		}
	}()
	var free time.Time // when the link has sent what it holds
	return func(b []byte, deliver func([]byte)) {
		now := time.Now()
		if random.Float64() < r.link.loss || float64(len(b))+max(0, free.Sub(now).Seconds())*r.link.rate > float64(r.link.queue) {
			return
		}
		if free.Before(now) {
			free = now
		}
		free = free.Add(time.Duration(float64(len(b)) / r.link.rate * float64(time.Second)))
		select {
		case line <- letter{free.Add(r.link.delay), append([]byte(nil), b...), deliver}:
		default: // more than the queue and the delay hold
		}
	}
}
