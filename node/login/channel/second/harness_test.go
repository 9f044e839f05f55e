package second

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
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

func (h *house) link() link { return dialLink(h.t, h.addr) }

func dialLink(t *testing.T, to net.Addr) link {
	c, err := net.Dial("udp4", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
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

// A callee is a client of the first implementation whom another one may dial.
type callee struct {
	caller
	addr     net.Addr
	endpoint *transport.Endpoint
}

// callees gives the endpoint what it asks of a Responder.
type callees struct{ *channel.Introductions }

func (c callees) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	v, b := c.Introductions.First(now, from, msg)
	return transport.Verdict(v), b
}

func (c callees) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return c.Introductions.Begin(now, from, conn)
}

// newCallee makes a user who has been introduced to one with the given DeviceKeys.
func newCallee(t *testing.T, server serverKey, user string, peer string, device, id, key []byte) *callee {
	c := &callee{caller: *newCaller(t, server, user)}
	shown := new(wire.DeviceKeys)
	if err := shown.UnmarshalBinary(device); err != nil {
		t.Fatal(err)
	}
	log := func(folded string, id wire.KeyId) (*wire.DeviceKeys, bool) {
		return shown, folded == keys.Fold(peer) && id == keys.DeviceId(shown)
	}
	intros := channel.NewIntroductions(channel.PeerConfig{Random: rand.Reader, Device: c.device, Devices: log})
	in := channel.Introduction{Id: [16]byte(id), Key: [32]byte(key), Self: user, Peer: peer, Expires: time.Now().Add(time.Hour)}
	if err := intros.Add(time.Now(), in); err != nil {
		t.Fatal(err)
	}
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.addr = sock.LocalAddr()
	if c.endpoint, err = transport.NewEndpoint(sock, transport.Config{Responder: callees{intros}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.endpoint.Close() })
	return c
}

// answer takes a call, says back what the caller says on his first stream, and gives
// his name and device.
func (c *callee) answer() (user string, device []byte, err error) {
	ctx := c.t.Context()
	conn, err := c.endpoint.Accept(ctx)
	if err != nil {
		return "", nil, err
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return "", nil, err
	}
	if _, err := io.Copy(stream, stream); err != nil {
		return "", nil, err
	}
	peer := conn.Peer().(*channel.IntroducedPeer)
	return peer.User, peer.Device[:], stream.Close()
}
