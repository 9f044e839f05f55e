package second

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"sotto/node/server"
	"sotto/node/server/deployment"
)

// This file starts the server. It alone knows of the first implementation.

// A house is a server that runs, and has another key than the one it began with.
type house struct {
	t    *testing.T
	addr net.Addr
	d    *deployment.Deployment
	pin  []byte // of the server's first key
}

func newHouse(t *testing.T, users map[string]string) *house {
	dir := t.TempDir() + "/state"
	d, _, err := deployment.OpenOrCreate(dir, deployment.Default)
	if err != nil {
		t.Fatal(err)
	}
	for name, password := range users {
		if err := d.AddUser(t.Context(), name, []byte(password), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	h := &house{t: t}
	id := d.Keys.Host.Id()
	h.pin = id[:]
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := deployment.RotateKeys(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if h.d, err = deployment.Open(dir, deployment.Default); err != nil {
		t.Fatal(err)
	}
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = sock.LocalAddr()
	srv, err := server.New(t.Context(), server.Config{Engine: h.d.Engine, Host: h.d.Keys.Host, Socket: sock})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, h.d.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// invite makes an Invitation.
func (h *house) invite() []byte {
	in, err := h.d.Keys.Host.Invite(rand.Reader, time.Now().Add(time.Hour))
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := in.MarshalBinary()
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// A udpLink is a link over a real socket.
type udpLink struct{ net.Conn }

func (h *house) link() link {
	c, err := net.Dial("udp4", h.addr.String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return udpLink{c}
}

func (l udpLink) send(datagram []byte) error {
	_, err := l.Write(datagram)
	return err
}

func (l udpLink) receive() ([]byte, error) {
	if err := l.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return nil, err
	}
	b := make([]byte, packetMax)
	n, err := l.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return b[:n], err
}
