package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Network joins sockets. Its methods may be called from several goroutines.
type Network struct {
	seed  uint64
	began time.Time

	mu        sync.Mutex
	standard  Link
	special   map[[2]netip.Addr]Link
	ways      map[[2]netip.Addr]*direction
	socks     map[netip.AddrPort]*Sock
	next      uint16
	intercept func(from, to netip.AddrPort, b []byte) bool
	tracing   bool
	trace     []Event
}

// An Event is the fate of one datagram.
type Event struct {
	At       time.Duration // since the network began
	From, To netip.AddrPort
	Size     int
	What     string // "sent", "got", or why it was dropped
}

func (e Event) String() string {
	return fmt.Sprintf("%12v %v > %v %d %s", e.At, e.From, e.To, e.Size, e.What)
}

// New makes a network whose accidents all come from a seed.
func New(seed uint64) *Network {
	return &Network{
		seed: seed, began: time.Now(), next: 40000,
		special: make(map[[2]netip.Addr]Link),
		ways:    make(map[[2]netip.Addr]*direction),
		socks:   make(map[netip.AddrPort]*Sock),
	}
}

// SetLink sets what happens between hosts that have no link of their own.
func (n *Network) SetLink(l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.standard = l
	for k, d := range n.ways {
		if _, ok := n.special[k]; !ok {
			d.link = l
		}
	}
}

// SetLinkBetween sets what happens to datagrams from one host to another.
func (n *Network) SetLinkBetween(from, to netip.Addr, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := [2]netip.Addr{from, to}
	n.special[k] = l
	if d := n.ways[k]; d != nil {
		d.link = l
	}
}

// Intercept gives every datagram to f before it enters its link: f may change
// the bytes in place, and drops the datagram by returning false. It is called
// without locks and may send.
func (n *Network) Intercept(f func(from, to netip.AddrPort, b []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.intercept = f
}

// Record starts the trace.
func (n *Network) Record() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tracing = true
}

// Trace is what happened since Record, sorted by time, then sender.
func (n *Network) Trace() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := slices.Clone(n.trace)
	slices.SortStableFunc(t, func(a, b Event) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		return strings.Compare(a.From.String()+a.What, b.From.String()+b.What)
	})
	return t
}

// Listen makes a socket with an address. Port 0 chooses one.
func (n *Network) Listen(at netip.AddrPort) (*Sock, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = n.free(at.Addr())
	}
	if n.socks[at] != nil {
		return nil, fmt.Errorf("simnet: address %v is in use", at)
	}
	s := &Sock{net: n, at: at, wake: make(chan struct{}, 1), done: make(chan struct{})}
	n.socks[at] = s
	return s, nil
}

func (n *Network) free(a netip.Addr) netip.AddrPort {
	for {
		n.next++
		if at := netip.AddrPortFrom(a, n.next); n.socks[at] == nil {
			return at
		}
	}
}

// Send puts a datagram on its way as if it came from an address, which need not
// be anybody's.
func (n *Network) Send(from, to netip.AddrPort, b []byte) { n.send(from, to, b, 0) }

func (n *Network) send(from, to netip.AddrPort, b []byte, mark byte) {
	b = slices.Clone(b)
	n.mu.Lock()
	intercept := n.intercept
	n.mu.Unlock()
	if intercept != nil && !intercept(from, to, b) {
		return
	}
	n.inject(from, to, b, mark)
}

// Inject is Send past Intercept.
func (n *Network) Inject(from, to netip.AddrPort, b []byte) { n.inject(from, to, b, 0) }

func (n *Network) inject(from, to netip.AddrPort, b []byte, mark byte) {
	b = slices.Clone(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	k := [2]netip.Addr{from.Addr(), to.Addr()}
	d := n.ways[k]
	if d == nil {
		l, ok := n.special[k]
		if !ok {
			l = n.standard
		}
		d = newDirection(n.seed, k[0], k[1], l)
		n.ways[k] = d
	}
	f := d.fate(now, len(b), mark)
	if f.why != "" {
		n.note(now, from, to, len(b), f.why)
		return
	}
	n.note(now, from, to, len(b), "sent")
	if f.bitPos >= 0 {
		b[f.bitPos/8] ^= 1 << (f.bitPos % 8)
	}
	time.AfterFunc(f.at.Sub(now), func() { n.deliver(from, to, b, f.mark) })
	if !f.again.IsZero() {
		time.AfterFunc(f.again.Sub(now), func() { n.deliver(from, to, slices.Clone(b), f.mark) })
	}
}

func (n *Network) deliver(from, to netip.AddrPort, b []byte, mark byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.socks[to]
	what := "got"
	if s == nil || s.forgotten(time.Now()) {
		what = "nobody"
	} else if !s.put(from, b, mark) {
		what = "full"
	}
	n.note(time.Now(), from, to, len(b), what)
}

func (n *Network) note(at time.Time, from, to netip.AddrPort, size int, what string) {
	if n.tracing {
		n.trace = append(n.trace, Event{At: at.Sub(n.began), From: from, To: to, Size: size, What: what})
	}
}

// Rebind gives a socket another outer address, as a NAT does that forgot it: what
// is sent to the old one is lost.
func (n *Network) Rebind(s *Sock, at netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = n.free(at.Addr())
	}
	delete(n.socks, s.at)
	s.at = at
	n.socks[at] = s
}

// NAT puts a socket behind a NAT that forgets it when it has sent nothing for so
// long: until then what comes in is lost, and then it has another port.
func (n *Network) NAT(s *Sock, memory time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.memory, s.sentAt = memory, time.Now()
}

// leave is the address from which a socket sends now.
func (n *Network) leave(s *Sock) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if s.forgotten(now) {
		delete(n.socks, s.at)
		s.at = n.free(s.at.Addr())
		n.socks[s.at] = s
	}
	s.sentAt = now
	return s.at
}

// close takes a socket off the network.
func (n *Network) close(s *Sock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.socks[s.at] == s {
		delete(n.socks, s.at)
	}
}

// address is the socket's outer address.
func (n *Network) address(s *Sock) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return s.at
}
