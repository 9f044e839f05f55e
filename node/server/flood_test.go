package server

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/node/transport"
)

// TestFloodOfFirstPackets measures how long honest logins take while strangers,
// each packet from another address, send first packets that ask for an answer. It
// wants their 99th percentile at most doubled. It takes half a minute, and a
// machine with nothing else to do:
//
//	SOTTO_FLOOD=50000 go test -run TestFloodOfFirstPackets -v ./node/server
//
// is a flood of 50,000 packets a second.
func TestFloodOfFirstPackets(t *testing.T) {
	rate, err := strconv.Atoi(os.Getenv("SOTTO_FLOOD"))
	if err != nil || rate <= 0 {
		t.Skip("SOTTO_FLOOD is no number of packets a second")
	}
	eachTier(t, Limits{}, func(t *testing.T, w *world) {
		const lasts = 10 * time.Second
		w.logins("Alice", time.Second) // so that all that happens once has happened
		quiet := w.logins("Alice", lasts)
		stop, sent := w.flood(rate)
		flooded := w.logins("Alice", lasts)
		stop()
		t.Logf("quiet: %d logins, median %v, p99 %v", len(quiet), quantile(quiet, 0.5), quantile(quiet, 0.99))
		t.Logf("flood: %d logins, median %v, p99 %v, at %d first packets a second", len(flooded),
			quantile(flooded, 0.5), quantile(flooded, 0.99), sent()/int64(lasts/time.Second))
		t.Logf("the endpoint counted %+v", w.srv.endpoint.Counters())
		if got, most := quantile(flooded, 0.99), 2*quantile(quiet, 0.99); got > most {
			t.Errorf("under the flood p99 is %v, want at most %v", got, most)
		}
		if got := sent() / int64(lasts/time.Second); got < int64(rate)*9/10 {
			t.Errorf("the flood had %d packets a second, want %d: this machine is too slow for the test", got, rate)
		}
	})
}

// quantile returns a quantile of sorted times.
func quantile(times []time.Duration, q float64) time.Duration {
	return times[min(int(float64(len(times))*q), len(times)-1)]
}

// logins logs somebody in, one time after the other, and returns how long each
// login took, sorted.
func (w *world) logins(name string, lasts time.Duration) []time.Duration {
	w.t.Helper()
	var times []time.Duration
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		begun := time.Now()
		v := w.mustDial(name)
		times = append(times, time.Since(begun))
		v.login.Clear()
		v.leave()
		v.endpoint.Close()
	}
	slices.Sort(times)
	return times
}

// flood sends first packets at a rate until it is stopped, from many addresses of
// this machine. sent counts them.
func (w *world) flood(rate int) (stop func(), sent func() int64) {
	w.t.Helper()
	const sources, step = 250, 5 * time.Millisecond
	packets := w.firstPackets(64)
	var socks []internet.PacketIO
	for i := range sources {
		sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 7, byte(i), 1)})
		if err != nil {
			w.t.Fatal(err)
		}
		socks = append(socks, internet.NewPacketIO(sock))
	}
	over, ended := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	go func() {
		defer close(ended)
		tick := time.NewTicker(step)
		defer tick.Stop()
		begun := time.Now()
		for at := 0; ; {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			due := int64(time.Since(begun).Seconds() * float64(rate))
			for n.Load() < due {
				batch := make([]internet.Out, 16)
				for i := range batch {
					batch[i] = internet.Out{Buf: packets[(at+i)%len(packets)], To: w.addr}
				}
				socks[at%len(socks)].WriteBatch(batch)
				at++
				n.Add(int64(len(batch)))
			}
		}
	}()
	return func() {
		close(over)
		<-ended
		for _, s := range socks {
			s.Close()
		}
	}, n.Load
}

// firstPackets returns the first packets of so many clients.
func (w *world) firstPackets(n int) [][]byte {
	w.t.Helper()
	var packets [][]byte
	for range n {
		c := &captor{packets: make(chan []byte, 16), closed: make(chan struct{})}
		endpoint, err := transport.NewEndpoint(c, transport.Config{})
		if err != nil {
			w.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(w.t.Context())
		go func() {
			packets = append(packets, <-c.packets)
			cancel()
		}()
		if _, err := endpoint.Dial(ctx, w.addr, w.tier.login(w, "Bob")); err == nil {
			w.t.Fatal("a login without a network")
		}
		endpoint.Close()
	}
	return packets
}

// A captor is a socket that keeps what is sent.
type captor struct {
	packets chan []byte
	closed  chan struct{}
}

func (c *captor) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.closed
	return 0, nil, net.ErrClosed
}

func (c *captor) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case c.packets <- slices.Clone(b):
	default:
	}
	return len(b), nil
}

func (c *captor) Close() error {
	close(c.closed)
	return nil
}

func (c *captor) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:9"))
}

func (*captor) SetDeadline(time.Time) error      { return nil }
func (*captor) SetReadDeadline(time.Time) error  { return nil }
func (*captor) SetWriteDeadline(time.Time) error { return nil }
