package server

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/node/transport"
)

// TestFloodOfFirstPackets measures how long honest logins take while strangers,
// a process of their own at many addresses, send first packets that ask for an
// answer. It wants the 99th percentile at most doubled by what the server has to do
// for that. What the flooding process itself takes of the machine that all share
// is not the server's matter, so the measure is a flood of the same size that goes
// elsewhere; without any flood is told, too. The test takes a minute, and a machine
// with nothing else to do, or to be first on one that has:
//
//	go test -c ./node/server
//	SOTTO_FLOOD=50000 chrt -r 1 ./server.test -test.run TestFloodOfFirstPackets -test.v
//
// is a flood of 50,000 packets a second.
func TestFloodOfFirstPackets(t *testing.T) {
	rate, err := strconv.Atoi(os.Getenv("SOTTO_FLOOD"))
	if err != nil || rate <= 0 {
		t.Skip("SOTTO_FLOOD is no number of packets a second")
	}
	eachTier(t, Limits{}, func(t *testing.T, w *world) {
		const lasts = 10 * time.Second
		elsewhere, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer elsewhere.Close()
		tell := func(what string, times []time.Duration, sent int) time.Duration {
			p99 := quantile(times, 0.99)
			t.Logf("%-22s %4d logins, median %v, p99 %v, at %d first packets a second", what, len(times), quantile(times, 0.5), p99, sent)
			return p99
		}
		w.logins("Alice", time.Second) // so that all that happens once has happened
		tell("no flood:", w.logins("Alice", lasts), 0)

		stop := w.flood(netip.MustParseAddrPort(elsewhere.LocalAddr().String()), rate)
		times := w.logins("Alice", lasts)
		usual := tell("a flood elsewhere:", times, stop())

		stop = w.flood(w.addr, rate)
		times = w.logins("Alice", lasts)
		sent := stop()
		if got := tell("a flood of the server:", times, sent); got > 2*usual {
			t.Errorf("under the flood p99 is %v, want at most twice %v", got, usual)
		}
		if sent < rate*9/10 {
			t.Errorf("the flood had %d packets a second, want %d: this machine is too slow for the test", sent, rate)
		}
		count := w.srv.endpoint.Counters()
		t.Logf("%d first packets answered, %d not, %d lost before they were read", count.Retried, count.Crowded, count.Overflow)
	})
}

// quantile returns a quantile of sorted times.
func quantile(times []time.Duration, q float64) time.Duration {
	return times[min(int(float64(len(times))*q), len(times)-1)]
}

// logins logs somebody in, 25 times a second if he is quick enough, and returns
// how long each login took, sorted.
func (w *world) logins(name string, lasts time.Duration) []time.Duration {
	w.t.Helper()
	var times []time.Duration
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(lasts); time.Now().Before(end); <-tick.C {
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

// A flood is what the process that floods a server is told.
type flood struct {
	To      netip.AddrPort
	Rate    int      // packets a second
	Packets [][]byte // one after the other
}

// floodVariable makes the test program that process.
const floodVariable = "SOTTO_FLOODS"

// flood starts a process that sends a server's first packets to an address. stop ends it and returns how many
// packets a second it sent.
func (w *world) flood(to netip.AddrPort, rate int) (stop func() int) {
	w.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floodVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	if err := gob.NewEncoder(in).Encode(flood{to, rate, w.firstPackets(64)}); err != nil {
		w.t.Fatal(err)
	}
	return func() int {
		in.Close()
		if err := cmd.Wait(); err != nil {
			w.t.Fatal(err)
		}
		sent, err := strconv.Atoi(out.String())
		if err != nil {
			w.t.Fatal(err)
		}
		return sent
	}
}

// run floods until its input ends, and says how many packets a second it sent.
func (f *flood) run() error {
	if err := gob.NewDecoder(os.Stdin).Decode(f); err != nil {
		return err
	}
	var socks []internet.PacketIO
	for i := range 250 {
		sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 7, byte(i), 1)})
		if err != nil {
			return err
		}
		socks = append(socks, internet.NewPacketIO(sock))
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		io.Copy(io.Discard, os.Stdin)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun, sent := time.Now(), 0
	batch := make([]internet.Out, 16)
	for {
		select {
		case <-tick.C:
		case <-over:
			_, err := fmt.Print(int(float64(sent) / time.Since(begun).Seconds()))
			return err
		}
		for due := int(time.Since(begun).Seconds() * float64(f.Rate)); sent < due; sent += len(batch) {
			for i := range batch {
				batch[i] = internet.Out{Buf: f.Packets[(sent+i)%len(f.Packets)], To: f.To}
			}
			socks[sent/len(batch)%len(socks)].WriteBatch(batch)
		}
	}
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
