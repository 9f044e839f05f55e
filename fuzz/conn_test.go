package fuzz

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sotto/node/internet"
	"sotto/node/session"
	"sotto/node/simnet"
	"sotto/node/transport"
	"sotto/wire"
)

// FuzzConn lets a peer that has the keys, and a stranger that hasn't, say anything
// to an endpoint. The input is a script of steps, each of a byte for what to do, a
// byte for how long the next part is, and that part:
//
//	0  a datagram of a stranger
//	1  a sealed packet whose payload is the part
//	2  the same, with a number that leaves some out
//	3  a HELLO whose handshake message is the part
//	4  time passes
//
// Whatever happens: nothing panics or hangs, and an honest connection to the same
// endpoint works afterwards.
func FuzzConn(f *testing.F) {
	seal := func(segments ...wire.Segment) []byte {
		var b []byte
		for i := range segments {
			b, _ = segments[i].AppendBinary(b)
		}
		return append([]byte{1, byte(len(b))}, b...)
	}
	data := wire.Segment{Type: wire.SegmentTypeData, Data: wire.DataSegment{Stream: 0, Offset: 3, Bytes: []byte("hello")}}
	fin := wire.Segment{Type: wire.SegmentTypeDataFin, Data: wire.DataSegment{Stream: 0, Bytes: []byte("abc")}}
	ack := wire.Segment{Type: wire.SegmentTypeAck, Ack: wire.AckSegment{Largest: 2, Run: 1}}
	f.Add([]byte{})
	f.Add([]byte{0, 40, 1, 2, 3})
	f.Add(append(seal(data, ack), seal(fin)...))
	for kind := range wire.SegmentType(19) {
		f.Add(append(seal(wire.Segment{Type: kind}), 4, 1, 200))
	}
	f.Add(append([]byte{3, 8}, "M1 hello"...))
	f.Add(bytes.Repeat(seal(data, fin, ack), 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { converse(t, script) })
	})
}

var (
	honestAt   = netip.MustParseAddrPort("10.0.0.1:1")
	serverAt   = netip.MustParseAddrPort("10.0.0.2:2")
	eveAt      = netip.MustParseAddrPort("10.0.0.3:3")
	strangerAt = netip.MustParseAddrPort("10.0.0.4:4")
)

// converse plays a script.
func converse(t *testing.T, script []byte) {
	net := simnet.New(1)
	net.SetLink(simnet.Link{Delay: time.Millisecond})
	endpoint := func(at netip.AddrPort, r transport.Responder) *transport.Endpoint {
		sock, err := net.Listen(at)
		if err != nil {
			t.Fatal(err)
		}
		e, err := transport.NewEndpoint(sock, transport.Config{Responder: r, Random: rand.NewChaCha8([32]byte{byte(at.Port())})})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	server := endpoint(serverAt, openDoor{})
	var wg sync.WaitGroup
	wg.Go(func() { echoAll(server, &wg) })

	eve, err := net.Listen(eveAt)
	if err != nil {
		t.Fatal(err)
	}
	if p := newPeer(t, net, eve); p != nil {
		p.play(script)
	}
	honest := endpoint(honestAt, nil)
	ask(t, honest)
	honest.Close()
	server.Close()
	eve.Close()
	wg.Wait()
}

// ask has one message echoed.
func ask(t *testing.T, e *transport.Endpoint) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := e.Dial(ctx, serverAt, &knock{})
	if err != nil {
		t.Fatalf("an honest dial: %v", err)
	}
	s, err := c.OpenStream(ctx)
	if err != nil {
		t.Fatalf("an honest connection: %v", err)
	}
	s.SetDeadline(time.Now().Add(time.Minute))
	s.Write([]byte("are you there?"))
	s.Close()
	if got, err := io.ReadAll(s); string(got) != "are you there?" || err != nil {
		t.Fatalf("an honest connection: got %q, %v", got, err)
	}
}

func echoAll(e *transport.Endpoint, wg *sync.WaitGroup) {
	for {
		c, err := e.Accept(context.Background())
		if err != nil {
			return
		}
		wg.Go(func() {
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				wg.Go(func() {
					io.Copy(s, s)
					s.Close()
				})
			}
		})
	}
}

// A peer has the keys of a connection and no manners.
type peer struct {
	net    *simnet.Network
	keys   *session.Keys
	to     uint64
	number uint64
}

// newPeer runs the handshake by hand.
func newPeer(t *testing.T, n *simnet.Network, sock *simnet.Sock) *peer {
	const id = 7
	first := []byte("P1 hello")
	n.Send(eveAt, serverAt, handshakePacket(id, first))
	buf := make([]byte, 2048)
	sock.SetReadDeadline(time.Now().Add(time.Second))
	k, _, err := sock.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatalf("no answer to a good first message: %v", err)
	}
	var p wire.Packet
	if _, err := p.Decode(buf[:k]); err != nil {
		t.Fatal(err)
	}
	in := wire.ConnInput{Label: []byte("sotto/1 conn"), Initiator: id, Responder: p.Hello.Source, First: sha256.Sum256(first)}
	b, err := in.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := session.New(secrets(sha256.Sum256(b), true))
	if err != nil {
		t.Fatal(err)
	}
	return &peer{net: n, keys: keys, to: p.Hello.Source}
}

func (p *peer) play(script []byte) {
	for len(script) >= 2 {
		do, n := script[0], min(int(script[1]), len(script)-2)
		part := script[2 : 2+n]
		script = script[2+n:]
		switch do % 5 {
		case 0:
			p.net.Send(strangerAt, serverAt, part)
		case 1:
			p.send(part)
		case 2:
			p.number += uint64(n)
			p.send(part)
		case 3:
			p.net.Send(strangerAt, serverAt, handshakePacket(uint64(n)+100, part))
		case 4:
			time.Sleep(time.Duration(n) * 10 * time.Millisecond)
		}
	}
	time.Sleep(time.Second)
}

func (p *peer) send(payload []byte) {
	m := wire.Packet{Type: wire.PacketTypeData, Destination: p.to, Number: uint32(p.number), Payload: payload}
	b, err := m.MarshalBinary()
	if err != nil || p.keys.Seal(b, len(b)-len(payload)-session.TagSize, p.number) != nil {
		return
	}
	p.number++
	p.net.Send(eveAt, serverAt, b)
}

// handshakePacket is a HELLO with one message.
func handshakePacket(id uint64, message []byte) []byte {
	k := wire.Segment{Type: wire.SegmentTypeKex}
	k.Kex = wire.KexSegment{Total: uint16(len(message)), Bytes: message}
	payload, _ := k.MarshalBinary()
	m := wire.Packet{Type: wire.PacketTypeHello, Hello: wire.Origin{Source: id}, Payload: payload}
	m.Payload = append(payload, make([]byte, max(0, wire.HelloMin-m.Size()))...)
	b, _ := m.MarshalBinary()
	internet.NewChecker().Sum(b)
	return b
}

// A knock is a handshake of two messages that proves nothing.
type knock struct{ conn [32]byte }

func (k *knock) Bind(conn [32]byte)     { k.conn = conn }
func (k *knock) First() ([]byte, error) { return []byte("P1 hello"), nil }
func (k *knock) Next(context.Context, []byte) ([]byte, *session.Secrets, error) {
	return nil, secrets(k.conn, true), nil
}

// An openDoor lets everybody in who knocks.
type openDoor struct{}

func (openDoor) First(_ time.Time, _ netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	if bytes.HasPrefix(msg, []byte("P1")) {
		return transport.Proceed, nil
	}
	return transport.Retry, msg[:min(len(msg), 200)]
}

func (openDoor) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) transport.Handshake {
	return opened{conn}
}

type opened struct{ conn [32]byte }

func (o opened) Next(time.Time, []byte) ([]byte, *session.Secrets, error) {
	return []byte("P2"), secrets(o.conn, false), nil
}
func (opened) Peer() any { return nil }

func secrets(conn [32]byte, initiator bool) *session.Secrets {
	var s session.Secrets
	s.Send, s.Receive = sha256.Sum256(append(conn[:], 1)), sha256.Sum256(append(conn[:], 2))
	if !initiator {
		s.Send, s.Receive = s.Receive, s.Send
	}
	return &s
}
