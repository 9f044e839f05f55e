package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// inboxSize is how many datagrams wait in a socket before more are dropped.
const inboxSize = 4096

// A Sock is a simulated UDP socket: a net.PacketConn, with the methods of
// *net.UDPConn that allocate nothing for addresses.
type Sock struct {
	net *Network

	// Guarded by the network's lock.
	at     netip.AddrPort
	memory time.Duration // of the NAT before it; 0: there is none
	sentAt time.Time

	mu       sync.Mutex
	inbox    []datagram
	deadline time.Time
	wake     chan struct{} // one token
	done     chan struct{}
	closed   bool
}

type datagram struct {
	from  netip.AddrPort
	bytes []byte
	mark  byte
}

func (s *Sock) put(from netip.AddrPort, b []byte, mark byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.inbox) >= inboxSize {
		return false
	}
	s.inbox = append(s.inbox, datagram{from, b, mark})
	s.token()
	return true
}

// forgotten reports whether its NAT has forgotten the socket.
func (s *Sock) forgotten(now time.Time) bool { return s.memory > 0 && now.Sub(s.sentAt) > s.memory }

func (s *Sock) token() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// ReadFromUDPAddrPort waits for a datagram.
func (s *Sock) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, _, err := s.ReadFromMarked(b)
	return n, from, err
}

// ReadFromMarked is ReadFromUDPAddrPort with the two bits about congestion (ECN) that the
// datagram's IP header would have.
func (s *Sock) ReadFromMarked(b []byte) (n int, from netip.AddrPort, mark byte, err error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return 0, netip.AddrPort{}, 0, net.ErrClosed
		}
		if len(s.inbox) > 0 {
			d := s.inbox[0]
			s.inbox[0] = datagram{}
			s.inbox = s.inbox[1:]
			if len(s.inbox) > 0 {
				s.token()
			}
			s.mu.Unlock()
			return copy(b, d.bytes), d.from, d.mark, nil
		}
		deadline := s.deadline
		s.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			t := time.NewTimer(time.Until(deadline))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-s.wake:
		case <-s.done:
		case <-late:
			return 0, netip.AddrPort{}, 0, os.ErrDeadlineExceeded
		}
	}
}

// WriteToUDPAddrPort sends a datagram.
func (s *Sock) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteToMarked(b, to, 0)
}

// WriteToMarked sends a datagram whose IP header would have these two bits about
// congestion.
func (s *Sock) WriteToMarked(b []byte, to netip.AddrPort, mark byte) (int, error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	s.net.send(s.net.leave(s), to, b, mark)
	return len(b), nil
}

// ReadFrom and WriteTo make it a net.PacketConn.
func (s *Sock) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo sends a datagram.
func (s *Sock) WriteTo(b []byte, to net.Addr) (int, error) {
	at, err := netip.ParseAddrPort(to.String())
	if err != nil {
		return 0, err
	}
	return s.WriteToUDPAddrPort(b, at)
}

// LocalAddr is the socket's outer address.
func (s *Sock) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.net.address(s)) }

// Close takes the socket off the network.
func (s *Sock) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.closed = true
	close(s.done)
	s.mu.Unlock()
	s.net.close(s)
	return nil
}

// SetDeadline sets the time after which reading gives up.
func (s *Sock) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetReadDeadline sets the time after which reading gives up.
func (s *Sock) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.token()
	return nil
}

// SetWriteDeadline does nothing: writing never waits.
func (s *Sock) SetWriteDeadline(time.Time) error { return nil }
