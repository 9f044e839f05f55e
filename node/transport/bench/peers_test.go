package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sotto/node/transport"
)

// A peer is a transport under measurement. Each connection carries one stream, which its
// initiator opens by writing.
type peer struct {
	name string
	udp  bool
	// serve runs handle on the stream of each connection until the test is over.
	serve func(t testing.TB, handle func(io.ReadWriteCloser)) string
	// dialer makes an end for any number of connections. Closing what dial returns
	// closes the stream, abandon the connection.
	dialer func(t testing.TB) func(addr string) (s io.ReadWriteCloser, abandon func(), err error)
}

var peers = []peer{
	{"ours", true, serveOurs, dialOurs},
	{"quic-go", true, serveQUIC, dialQUIC},
	{"tcp-tls", false, serveTLS, dialTLS},
}

// each runs a benchmark for every peer.
func each(b *testing.B, f func(b *testing.B, p peer)) {
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) { f(b, p) })
	}
}

const idle = 10 * time.Minute

func endpoint(t testing.TB, cfg transport.Config) *transport.Endpoint {
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.IdleTimeout = idle
	e, err := transport.NewEndpoint(sock, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func serveOurs(t testing.TB, handle func(io.ReadWriteCloser)) string {
	e := endpoint(t, transport.Config{Responder: responder{}, Backlog: 1024})
	go func() {
		for {
			c, err := e.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				if s, err := c.AcceptStream(context.Background()); err == nil {
					handle(s)
				}
			}()
		}
	}()
	return e.LocalAddr().String()
}

func dialOurs(t testing.TB) func(string) (io.ReadWriteCloser, func(), error) {
	e := endpoint(t, transport.Config{})
	return func(addr string) (io.ReadWriteCloser, func(), error) {
		c, err := e.Dial(context.Background(), netip.MustParseAddrPort(addr), &initiator{})
		if err != nil {
			return nil, nil, err
		}
		s, err := c.OpenStream(context.Background())
		return s, func() { c.CloseWithCode(0, "") }, err
	}
}

// quic-go with its defaults, but for an idle time that the measurement of memory outlasts.
func quicConfig() *quic.Config { return &quic.Config{MaxIdleTimeout: idle} }

func quicTransport(t testing.TB) *quic.Transport {
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: sock}
	t.Cleanup(func() { tr.Close(); sock.Close() })
	return tr
}

func serveQUIC(t testing.TB, handle func(io.ReadWriteCloser)) string {
	tr := quicTransport(t)
	l, err := tr.Listen(serverTLS(t), quicConfig())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				if s, err := c.AcceptStream(context.Background()); err == nil {
					handle(s)
				}
			}()
		}
	}()
	return tr.Conn.LocalAddr().String()
}

func dialQUIC(t testing.TB) func(string) (io.ReadWriteCloser, func(), error) {
	tr := quicTransport(t)
	return func(addr string) (io.ReadWriteCloser, func(), error) {
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
		c, err := tr.Dial(context.Background(), to, clientTLS(), quicConfig())
		if err != nil {
			return nil, nil, err
		}
		s, err := c.OpenStreamSync(context.Background())
		return s, func() { c.CloseWithError(0, "") }, err
	}
}

func serveTLS(t testing.TB, handle func(io.ReadWriteCloser)) string {
	l, err := tls.Listen("tcp4", "127.0.0.1:0", serverTLS(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return l.Addr().String()
}

func dialTLS(testing.TB) func(string) (io.ReadWriteCloser, func(), error) {
	return func(addr string) (io.ReadWriteCloser, func(), error) {
		c, err := tls.Dial("tcp4", addr, clientTLS())
		if err != nil {
			return nil, nil, err
		}
		return halfCloser{c}, func() { c.Close() }, nil
	}
}

// A halfCloser ends only what it sends, as the streams of the others do.
type halfCloser struct{ *tls.Conn }

func (h halfCloser) Close() error { return h.CloseWrite() }

func serverTLS(t testing.TB) *tls.Config {
	m := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, m, m, serverKey.Public(), serverKey)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: serverKey}},
		NextProtos:   []string{"bench"}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
	}
}

// clientTLS knows the server by its key, as ours does.
func clientTLS() *tls.Config {
	return &tls.Config{
		NextProtos: []string{"bench"}, MinVersion: tls.VersionTLS13, InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			return s.PeerCertificates[0].CheckSignature(x509.PureEd25519, s.PeerCertificates[0].RawTBSCertificate, s.PeerCertificates[0].Signature)
		},
	}
}
