package transport

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/simnet"
	"sotto/wire"
)

// The cases of the QUIC interop runner that have no story of their own elsewhere. Its path:
// 15 ms each way, 10 Mbit/s, a queue of 25 packets.
var interopLink = simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 25 * 1250}

// transfer: files of 2, 3 and 5 MB at the same time.
func TestInteropTransfer(t *testing.T) {
	simulate(t, 1, interopLink, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		var wg sync.WaitGroup
		for _, mb := range []int{2, 3, 5} {
			wg.Go(func() { transfer(t, c, mb<<20, 14*time.Second) })
		}
		wg.Wait()
	})
}

// handshake loss: 30% each way, in bursts of up to three, 50 connections, with handshake
// messages of four packets in both directions. A dial may be in vain once, no more.
func TestInteropHandshakeLoss(t *testing.T) {
	link := simnet.Link{Delay: 15 * time.Millisecond, Loss: 0.1, Burst: 0.08, BurstSize: 3}
	simulate(t, 5, link, func(t *testing.T, w *world) {
		w.server.cfg.Responder = toyResponder{size: 4200}
		w.serve()
		slowest := time.Duration(0)
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			c, err := w.client.Dial(ctx, serverAt, &toyInitiator{size: 4200})
			cancel()
			if err != nil {
				t.Fatalf("dial: %v; server %+v", err, w.server.Counters())
			}
			slowest = max(slowest, time.Since(began))
			transfer(t, c, 1000, time.Minute)
			c.CloseWithCode(0, "")
		}
		t.Logf("the slowest dial took %v", slowest)
		if slowest > 10*time.Second {
			t.Errorf("a dial took %v", slowest)
		}
	})
}

// The longest handshake messages there are, in as many packets as they take, each with the
// token of the RETRY, and on a path that takes no packet beyond 1,200 bytes.
func TestInteropLongMessagesSmallMTU(t *testing.T) {
	const size = wire.KexMax - 2
	simulate(t, 1, simnet.Link{Delay: 15 * time.Millisecond, Loss: 0.05, MTU: basePacket}, func(t *testing.T, w *world) {
		w.server.cfg.Responder = toyResponder{size: size}
		w.serve()
		r := record(w.net)
		c, err := w.client.Dial(t.Context(), serverAt, &toyInitiator{size: size})
		if err != nil {
			t.Fatal(err)
		}
		transfer(t, c, 300_000, time.Minute)
		pieces := 0
		for _, b := range r.to(serverAt) {
			var p wire.Packet
			if _, err := p.Decode(b); err != nil || p.Type != wire.PacketTypeHello || p.Destination == 0 {
				continue
			}
			pieces++
			if len(p.Hello.Token) != tokenSize || len(b) != wire.HelloMin {
				t.Errorf("a HELLO of %d bytes with a token of %d, want %d and %d", len(b), len(p.Hello.Token), wire.HelloMin, tokenSize)
			}
		}
		if least := size/(basePacket-100) + 1; pieces < least {
			t.Errorf("%d HELLOs with a token, want at least %d", pieces, least)
		}
	})
}

// retry: the first HELLO is answered with a token and nothing is kept; one run begins.
// amplification limit: the packets 2 to 7 to the server are lost. Until the token has
// come back the server says no more than it heard.
func TestInteropRetryAndAmplificationLimit(t *testing.T) {
	simulate(t, 1, interopLink, func(t *testing.T, w *world) {
		w.serve()
		var mu sync.Mutex
		var sent, heard, said int
		proven := false
		w.net.Intercept(func(from, to netip.AddrPort, b []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			if to != serverAt {
				said += len(b)
				if !proven && said > heard {
					t.Errorf("%d bytes said, %d heard from an address that hasn't proven itself", said, heard)
				}
				return true
			}
			if sent++; sent >= 2 && sent <= 7 {
				return false
			}
			heard += len(b)
			var p wire.Packet
			if _, err := p.Decode(b); err == nil && p.Type == wire.PacketTypeHello && len(p.Hello.Token) > 0 {
				proven = true
			} else if n := w.server.Counters().Begun; !proven && n != 0 {
				t.Errorf("%d runs begun before a token came back", n)
			}
			return true
		})
		began := time.Now()
		c := w.dial(t)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the dial took %v", took)
		}
		transfer(t, c, 10_000, time.Minute)
		if got := w.server.Counters(); got.Retried == 0 || got.Begun != 1 {
			t.Errorf("%d retries and %d runs, want one run", got.Retried, got.Begun)
		}
	})
}

// IPv6, and a connection from an IPv6 socket to an IPv4 one.
func TestInteropIPv6(t *testing.T) {
	listen := func(at string) net.PacketConn {
		sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		if err != nil {
			t.Skip("no such address here: ", err)
		}
		return sock
	}
	for _, c := range []struct{ server, client string }{{"[::1]:0", "[::1]:0"}, {"127.0.0.1:0", "[::]:0"}} {
		server, err := NewEndpoint(listen(c.server), Config{Responder: toyResponder{size: 4000}})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		client, err := NewEndpoint(listen(c.client), Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		dialled, accepted := connect(t, client, server, &toyInitiator{size: 4000})
		done := make(chan struct{})
		go func() { defer close(done); echo(accepted) }()
		if got, err := roundTrip(t.Context(), dialled, random(100_000, 1)); err != nil || len(got) != 100_000 {
			t.Errorf("%s to %s: %d bytes came back, %v", c.client, c.server, len(got), err)
		}
		dialled.CloseWithCode(0, "")
		<-done
	}
}
