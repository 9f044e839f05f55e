package main

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A tamperer stands between one client and the server, as a router does, and
// relays their datagrams. When it is armed it flips one bit of the next packet
// to the client that is long enough to carry something.
type tamperer struct {
	front  *net.UDPConn // towards the client
	back   *net.UDPConn // towards the server
	armed  atomic.Bool
	bits   atomic.Int64 // flipped so far
	closed sync.WaitGroup
	client atomic.Pointer[netip.AddrPort]
}

func newTamperer(server netip.AddrPort) (*tamperer, error) {
	loopback := net.UDPAddrFromAddrPort(netip.AddrPortFrom(server.Addr(), 0))
	front, err := net.ListenUDP("udp", loopback)
	if err != nil {
		return nil, err
	}
	back, err := net.DialUDP("udp", loopback, net.UDPAddrFromAddrPort(server))
	if err != nil {
		front.Close()
		return nil, err
	}
	t := &tamperer{front: front, back: back}
	t.closed.Go(t.outward)
	t.closed.Go(t.inward)
	return t, nil
}

// addr is what the client takes for the server.
func (t *tamperer) addr() netip.AddrPort { return t.front.LocalAddr().(*net.UDPAddr).AddrPort() }

func (t *tamperer) close() error {
	err := errors.Join(t.front.Close(), t.back.Close())
	t.closed.Wait()
	return err
}

func (t *tamperer) outward() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := t.front.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		t.client.Store(&from)
		t.back.Write(b[:n])
	}
}

func (t *tamperer) inward() {
	b := make([]byte, 1<<16)
	for {
		n, err := t.back.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		to := t.client.Load()
		if err != nil || to == nil {
			continue
		}
		if n > 200 && t.armed.CompareAndSwap(true, false) {
			b[n/2] ^= 0x10
			t.bits.Add(1)
		}
		t.front.WriteToUDPAddrPort(b[:n], *to)
	}
}
