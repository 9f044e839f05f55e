package transport

import (
	"net/netip"
	"time"
)

// A path is an address of the peer. Connections belong to IDs; a path is only
// where to send (transport.md 5.16).
type path struct {
	to     netip.AddrPort
	proven bool // somebody there has our packets
	factor int  // until then we send at most factor times the bytes that came
	in     int
	out    int

	challenge   [8]byte
	challengeAt instant // since when an answer is awaited; never if none is
	tries       int
	pending     bool // the challenge has to be sent
}

const (
	challengeTries = 3
	rebindFactor   = 3 // for a peer whose old address was proven
)

// room is how many bytes may be sent on the path.
func (p *path) room() int {
	if p.proven {
		return 1 << 30
	}
	return max(0, p.factor*p.in-p.out)
}

// ask prepares a challenge.
func (p *path) ask(now instant, random func() uint64) {
	v := random()
	for i := range p.challenge {
		p.challenge[i] = byte(v >> (8 * i))
	}
	p.pending, p.challengeAt, p.tries = true, now, 0
}

// timeout repeats a challenge that was not answered. It reports false when the
// path has to be given up.
func (p *path) timeout(now instant, wait time.Duration) bool {
	if p.challengeAt == 0 || now < p.challengeAt.add(wait) {
		return true
	}
	p.tries++
	p.pending, p.challengeAt = true, now
	return p.tries < challengeTries
}

// sameHost reports whether two addresses differ in the port at most: a NAT that
// forgot us, not a peer that moved.
func sameHost(a, b netip.AddrPort) bool { return a.Addr() == b.Addr() }
