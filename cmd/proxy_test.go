package cmd_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Misfortunes are the chances, per datagram and direction, of what a bad
// network does to it.
type misfortunes struct {
	loss, duplicate, reorder, corrupt float64
}

// A badPath is a UDP relay on loopback between clients and one server, as a
// NAT would be: each client's datagrams leave from a socket of its own. What
// happens to the n-th datagram of a direction depends on the seed alone.
type badPath struct {
	front  *net.UDPConn
	target netip.AddrPort
	chance misfortunes
	seed   uint64

	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn
	running sync.WaitGroup
}

// newBadPath starts a relay to target; close ends it.
func newBadPath(target netip.AddrPort, chance misfortunes, seed uint64) (*badPath, error) {
	front, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	p := &badPath{front: front, target: target, chance: chance, seed: seed, clients: map[netip.AddrPort]*net.UDPConn{}}
	p.running.Go(p.outward)
	return p, nil
}

func (p *badPath) addr() netip.AddrPort { return p.front.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *badPath) close() {
	p.front.Close()
	p.mu.Lock()
	for _, c := range p.clients {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// outward relays what clients send.
func (p *badPath) outward() {
	fates := map[netip.AddrPort]*fate{}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		back, err := p.clientSocket(from)
		if err != nil {
			return
		}
		if fates[from] == nil {
			fates[from] = p.newFate(2 * uint64(len(fates)))
		}
		fates[from].relay(buf[:n], func(b []byte) { back.Write(b) })
	}
}

// clientSocket gives the socket from which a client's datagrams leave, and
// starts relaying the server's answers when it is new.
func (p *badPath) clientSocket(client netip.AddrPort) (*net.UDPConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[client]; c != nil {
		return c, nil
	}
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(p.target))
	if err != nil {
		return nil, err
	}
	f := p.newFate(2*uint64(len(p.clients)) + 1)
	p.clients[client] = c
	p.running.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := c.Read(buf)
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				continue // an ICMP refusal while the server is away
			}
			f.relay(buf[:n], func(b []byte) { p.front.WriteToUDPAddrPort(b, client) })
		}
	})
	return c, nil
}

// A fate decides over the datagrams of one direction, one after the other.
type fate struct {
	chance misfortunes
	rand   *rand.Rand
}

func (p *badPath) newFate(direction uint64) *fate {
	return &fate{chance: p.chance, rand: rand.New(rand.NewPCG(p.seed, direction))}
}

// relay passes b on, or not, or twice, or late, or altered. send may be called
// later, from another goroutine.
func (f *fate) relay(b []byte, send func([]byte)) {
	lost := f.rand.Float64() < f.chance.loss
	twice := f.rand.Float64() < f.chance.duplicate
	late := f.rand.Float64() < f.chance.reorder
	altered := f.rand.Float64() < f.chance.corrupt
	bit := f.rand.IntN(8 * max(len(b), 1))
	delay := time.Duration(1+f.rand.IntN(15)) * time.Millisecond
	if lost {
		return
	}
	b = append([]byte(nil), b...)
	if altered && len(b) > 0 {
		b[bit/8] ^= 1 << (bit % 8)
	}
	if late {
		time.AfterFunc(delay, func() { send(b) })
	} else {
		send(b)
	}
	if twice {
		send(b)
	}
}

// cmdBadPath starts a bad path to a port of loopback:
//
//	badpath NAME PORT LOSS DUPLICATE REORDER CORRUPT
//
// puts the port that leads to PORT into $NAME. The last four are chances
// between 0 and 1, per datagram and direction.
func cmdBadPath(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 6 {
		ts.Fatalf("usage: badpath NAME PORT LOSS DUPLICATE REORDER CORRUPT")
	}
	target, err := netip.ParseAddrPort("127.0.0.1:" + args[1])
	ts.Check(err)
	var chances [4]float64
	for i, a := range args[2:] {
		chances[i], err = strconv.ParseFloat(a, 64)
		ts.Check(err)
	}
	p, err := newBadPath(target, misfortunes{chances[0], chances[1], chances[2], chances[3]}, 1)
	ts.Check(err)
	ts.Defer(p.close)
	ts.Setenv(args[0], strconv.Itoa(int(p.addr().Port())))
}

// cmdLongMessage writes a file with one line, a send of that many bytes:
//
//	longmessage FILE WHO BYTES
func cmdLongMessage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: longmessage FILE WHO BYTES")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	line := "send " + args[1] + " " + strings.Repeat("x", max(n-3, 0)) + "end\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(line), 0o600))
}
