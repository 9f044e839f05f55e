package transport_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"sotto/node/session"
	"sotto/node/transport"
)

// A handshake of two messages, as short as can be and of no use: everybody who
// sees it knows the secrets. A real one is in login/classic.
type hello struct{ conn [32]byte }

func (h *hello) Bind(conn [32]byte)     { h.conn = conn }
func (h *hello) First() ([]byte, error) { return []byte("hello"), nil }
func (h *hello) Next(context.Context, []byte) ([]byte, *session.Secrets, error) {
	return nil, secrets(h.conn, 0, 1), nil
}

type door struct{}

func (door) First(time.Time, netip.AddrPort, []byte) (transport.Verdict, []byte) {
	return transport.Proceed, nil
}
func (door) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) transport.Handshake {
	return welcome{conn}
}

type welcome struct{ conn [32]byte }

func (w welcome) Next(time.Time, []byte) ([]byte, *session.Secrets, error) {
	return []byte("welcome"), secrets(w.conn, 1, 0), nil
}
func (welcome) Peer() any { return "a guest" }

func secrets(conn [32]byte, send, receive byte) *session.Secrets {
	return &session.Secrets{
		Send:    sha256.Sum256(append(conn[:], send)),
		Receive: sha256.Sum256(append(conn[:], receive)),
	}
}

func endpoint(r transport.Responder) *transport.Endpoint {
	sock, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	e, err := transport.NewEndpoint(sock, transport.Config{Responder: r})
	if err != nil {
		panic(err)
	}
	return e
}

func Example() {
	ctx := context.Background()
	server, client := endpoint(door{}), endpoint(nil)
	defer server.Close()
	defer client.Close()

	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, _ := server.Accept(ctx)
		stream, _ := conn.AcceptStream(ctx)
		question, _ := io.ReadAll(stream)
		fmt.Printf("%s asks: %s\n", conn.Peer(), question)
		fmt.Fprint(stream, "it does")
		stream.Close()
	}()

	conn, err := client.Dial(ctx, server.LocalAddr(), &hello{})
	if err != nil {
		fmt.Println(err)
		return
	}
	stream, _ := conn.OpenStream(ctx)
	fmt.Fprint(stream, "does it work?")
	stream.Close()
	answer, _ := io.ReadAll(stream)
	<-served
	fmt.Printf("the answer: %s\n", answer)
	// Output:
	// a guest asks: does it work?
	// the answer: it does
}
