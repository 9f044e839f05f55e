package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	"sotto/node/login/channel"
	"sotto/node/transport"
	"sotto/wire"
)

// What the callee's side holds the transport clears.
var _ transport.Clearer = (*channel.PeerRun)(nil)

// A dialler is a tier of which nothing is asked but to dial.
type dialler struct {
	tier
	hands *clearedHands
}

func (d dialler) initiate(introduction) (handshake, error) { return d.hands, nil }

func (dialler) partner(any) (name string, device wire.KeyId, ok bool) { return "", device, false }

// clearedHands count how often they are cleared.
type clearedHands struct {
	handshake
	cleared int
}

func (h *clearedHands) Clear() {
	h.cleared++
	h.handshake.Clear()
}

// The key of an introduction doesn't outlive a dial that came to nothing.
func TestFailedDialIsCleared(t *testing.T) {
	p, err := channel.NewPeerInitiator(channel.PeerConfig{Random: rand.Reader}, channel.Introduction{
		Key: [32]byte{1}, Self: "Alice", Peer: "Bob", Expires: time.Now().Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := transport.NewEndpoint(sock, transport.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hands := &clearedHands{handshake: p}
	c := &Client{tier: dialler{hands: hands}, endpoint: e}
	at := wire.Located{Address: wire.NetAddress{Family: wire.IpFamilyV4, V4: wire.Ipv4{Ip: [4]byte{127, 0, 0, 1}}, Port: 9}}
	if _, _, err := c.dial(ctx, "Bob", at); !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v, want the context's", err)
	}
	if hands.cleared != 1 {
		t.Errorf("cleared %d times, want once", hands.cleared)
	}
}
