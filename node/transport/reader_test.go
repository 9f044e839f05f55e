package transport

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/internet"
)

// A server on several sockets with one address: each client lands on one of them,
// and all are served.
func TestSeveralSockets(t *testing.T) {
	socks, err := internet.ListenShared(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), 3)
	if err != nil {
		t.Fatal(err)
	}
	server, err := NewEndpoint(socks[0], Config{Responder: toyResponder{}, Sockets: socks[1:]})
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, server)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			client, err := NewEndpoint(loopback(t), Config{})
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := client.Dial(ctx, server.LocalAddr(), &toyInitiator{size: 2000})
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := roundTrip(ctx, c, random(100_000, uint64(i))); err != nil || len(got) != 100_000 {
				t.Errorf("client %d: %d bytes back, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
}
