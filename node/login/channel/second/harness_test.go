package second

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server"
	"sotto/node/server/deployment"
	"sotto/node/transport"
	"sotto/wire"
)

// This file starts the server and the client of the first implementation. It alone
// knows of them.

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
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	b := make([]byte, packetMax)
	n, err := l.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return b[:n], err
}

// A hostLink is a link to whoever sent last.
type hostLink struct {
	net.PacketConn
	to net.Addr
}

func newHostLink(t *testing.T) *hostLink {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &hostLink{PacketConn: c}
}

func (l *hostLink) send(datagram []byte) error {
	_, err := l.WriteTo(datagram, l.to)
	return err
}

func (l *hostLink) receive() ([]byte, error) {
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	b := make([]byte, packetMax)
	n, from, err := l.ReadFrom(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err == nil {
		l.to = from
	}
	return b[:n], err
}

// errOtherPassword is the first implementation's errPassword.
var errOtherPassword = channel.ErrPassword

// A caller is a client of the first implementation.
type caller struct {
	t        *testing.T
	server   wire.ServerKey
	user     string
	password []byte
	device   *keys.Device
}

func newCaller(t *testing.T, server serverKey, user string) *caller {
	c := &caller{t: t, user: user}
	if err := c.server.UnmarshalBinary(server.raw); err != nil {
		t.Fatal(err)
	}
	a, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c.device, err = keys.NewDevice(rand.Reader, c.server.Realm, user, a); err != nil {
		t.Fatal(err)
	}
	return c
}

// deviceKeys are what a server knows of the device.
func (c *caller) deviceKeys() []byte {
	public := c.device.Public()
	b, err := public.MarshalBinary()
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// call logs in and gives the scope that B6 says, and the account's keys if the password
// has brought them to light.
func (c *caller) call(at net.Addr) (scope byte, account []byte, err error) {
	client, err := channel.NewClient(channel.ClientConfig{
		Random: rand.Reader, Server: &c.server, User: c.user, Password: c.password, Device: c.device,
	})
	if err != nil {
		return 0, nil, err
	}
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	endpoint, err := transport.NewEndpoint(sock, transport.Config{})
	if err != nil {
		return 0, nil, err
	}
	defer endpoint.Close()
	ctx := c.t.Context()
	conn, err := endpoint.Dial(ctx, at.(*net.UDPAddr).AddrPort(), client)
	if err != nil {
		return 0, nil, err
	}
	control, err := conn.OpenStream(ctx)
	if err != nil {
		return 0, nil, err
	}
	if err := chat.NewWriter(control).Item(&wire.Signal{Type: wire.SignalTypeAck}); err != nil {
		return 0, nil, err
	}
	frame, err := chat.NewReader(control, chat.MaxPush).Frame()
	if err != nil {
		return 0, nil, err
	}
	b6, err := client.OpenB6(frame)
	if err != nil {
		return 0, nil, err
	}
	if err := directory.VerifyHead(&c.server, &b6.Head); err != nil {
		return 0, nil, err
	}
	if a := client.Account(); a != nil {
		public := a.Public()
		account, err = public.MarshalBinary()
	}
	return byte(b6.Scope), account, err
}
