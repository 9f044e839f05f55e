package internet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An implementation of PacketIO; every one must pass every test here.
type implementation struct {
	name string
	make func(net.PacketConn) PacketIO
}

func implementations() []implementation {
	all := []implementation{{"plain", func(s net.PacketConn) PacketIO { return newPlain(s) }}}
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return all
	}
	defer sock.Close()
	if newBatched(sock) != nil {
		all = append(all, implementation{"batched", newBatched})
	}
	return all
}

// eachPair runs a test with every implementation sending to every other, over
// IPv4, IPv6 and from an IPv6 socket to an IPv4 one.
func eachPair(t *testing.T, test func(t *testing.T, from, to PacketIO)) {
	families := []struct{ name, from, to string }{
		{"ipv4", "127.0.0.1:0", "127.0.0.1:0"},
		{"ipv6", "[::1]:0", "[::1]:0"},
		{"both", "[::]:0", "127.0.0.1:0"},
	}
	for _, f := range families {
		for _, a := range implementations() {
			for _, b := range implementations() {
				t.Run(fmt.Sprintf("%s/%s to %s", f.name, a.name, b.name), func(t *testing.T) {
					test(t, a.make(listen(t, f.from)), b.make(listen(t, f.to)))
				})
			}
		}
	}
}

func listen(t testing.TB, address string) *net.UDPConn {
	t.Helper()
	sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Skip("no such address here: ", err)
	}
	t.Cleanup(func() { sock.Close() })
	return sock
}

func buffers(n int) []In {
	in := make([]In, n)
	for i := range in {
		in[i].Buf = make([]byte, BufferSize)
	}
	return in
}

// receive collects datagrams until there are n, or none comes any more.
func receive(t *testing.T, p PacketIO, n int) (got [][]byte, from netip.AddrPort) {
	t.Helper()
	stop := time.AfterFunc(5*time.Second, func() { p.Close() })
	defer stop.Stop()
	in := buffers(8)
	for len(got) < n {
		k, err := p.ReadBatch(in)
		if err != nil {
			t.Fatalf("after %d of %d datagrams: %v", len(got), n, err)
		}
		for _, m := range in[:k] {
			from = m.From
			for b := m.Buf[:m.N]; len(b) > 0; {
				d := b[:min(m.Seg, len(b))]
				got = append(got, bytes.Clone(d))
				b = b[len(d):]
			}
		}
	}
	return got, from
}

// datagrams makes n datagrams of a size that differ from each other, back to back,
// and one shorter one if tail is not 0.
func datagrams(n, size, tail int) []byte {
	b := make([]byte, n*size+tail)
	for i := range b {
		b[i] = byte(i * 7)
	}
	for i := range n {
		binary.BigEndian.PutUint32(b[i*size:], uint32(i))
	}
	return b
}

// Every datagram of a run arrives by itself, as long as it was sent, in the order
// of sending, from the address of the sender.
func TestRuns(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to PacketIO) {
		for _, run := range []struct{ n, size, tail int }{
			{1, 1200, 0}, {2, 31, 0}, {40, 1200, 0}, {40, 1200, 77}, {63, 1000, 1}, {64, 1000, 0}, {65, 500, 0},
			{150, 100, 9}, {4, 16000, 0}, {1, 65488, 0}, {3, 40000, 10},
		} {
			b := datagrams(run.n, run.size, run.tail)
			if err := from.WriteBatch([]Out{{Buf: b, Seg: run.size, To: to.LocalAddr()}}); err != nil {
				t.Fatal(err)
			}
			count := run.n
			if run.tail > 0 {
				count++
			}
			got, sender := receive(t, to, count)
			for i, d := range got {
				want := b[i*run.size : min((i+1)*run.size, len(b))]
				if !bytes.Equal(d, want) {
					t.Fatalf("run of %d by %d: datagram %d has %d bytes, want %d, or other ones", run.n, run.size, i, len(d), len(want))
				}
			}
			if len(got) != count {
				t.Errorf("run of %d by %d: got %d datagrams, want %d", run.n, run.size, len(got), count)
			}
			if got, want := sender.Port(), from.LocalAddr().Port(); got != want || sender.Addr().Is4In6() || !sender.Addr().IsLoopback() {
				t.Errorf("run of %d by %d came from %v, want port %d of this machine in its 4-byte form", run.n, run.size, sender, want)
			}
		}
	})
}

// Marks of congestion come through, of single datagrams and of runs; who can't read them
// finds none.
func TestMarks(t *testing.T) {
	eachPair(t, func(t *testing.T, from, to PacketIO) {
		for _, mark := range []Mark{Markable, Unmarked, Congested, Marked1} {
			want := mark
			if !FeaturesOf(from).Marks || !FeaturesOf(to).Marks {
				want = Unmarked
			}
			err := from.WriteBatch([]Out{
				{Buf: []byte("single"), To: to.LocalAddr(), Mark: mark},
				{Buf: datagrams(3, 400, 7), Seg: 400, To: to.LocalAddr(), Mark: mark},
			})
			if err != nil {
				t.Fatal(err)
			}
			in := buffers(8)
			for count := 0; count < 5; {
				n, err := to.ReadBatch(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range in[:n] {
					count += (m.N + m.Seg - 1) / m.Seg
					if m.Mark != want {
						t.Errorf("a datagram sent with mark %d came with %d, want %d", mark, m.Mark, want)
					}
				}
			}
		}
	})
}

// Messages to several receivers go in one batch, and more of them than one system
// call moves.
func TestManyReceivers(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			from := impl.make(listen(t, "127.0.0.1:0"))
			var to []PacketIO
			for range 3 {
				to = append(to, impl.make(listen(t, "127.0.0.1:0")))
			}
			var out []Out
			for i := range 90 {
				out = append(out, Out{Buf: datagrams(2, 50+i, 0), Seg: 50 + i, To: to[i%3].LocalAddr()})
			}
			if err := from.WriteBatch(out); err != nil {
				t.Fatal(err)
			}
			for r, p := range to {
				got, _ := receive(t, p, 60)
				for i, d := range got {
					if want := 50 + i/2*3 + r; len(d) != want {
						t.Fatalf("receiver %d: datagram %d has %d bytes, want %d", r, i, len(d), want)
					}
				}
			}
		})
	}
}

// A datagram that can't go anywhere is lost, and those around it are not.
func TestRefusedDatagramIsLost(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			from, to := impl.make(listen(t, "127.0.0.1:0")), impl.make(listen(t, "127.0.0.1:0"))
			there := to.LocalAddr()
			err := from.WriteBatch([]Out{
				{Buf: []byte("one"), To: there},
				{Buf: make([]byte, 65520), To: there}, // longer than any datagram
				{Buf: make([]byte, 3*65520), Seg: 65520, To: there},
				{Buf: []byte("to port 0"), To: netip.AddrPortFrom(there.Addr(), 0)},           // no such port
				{Buf: []byte("wrong family"), To: netip.MustParseAddrPort("[2001:db8::1]:9")}, // not from an IPv4 socket
				{Buf: []byte("nowhere")},
				{Buf: datagrams(3, 400, 0), Seg: 400, To: netip.AddrPortFrom(there.Addr(), 0)},
				{Buf: nil, To: there},
				{Buf: []byte("two"), To: there},
			})
			if err != nil {
				t.Error("WriteBatch:", err)
			}
			got, _ := receive(t, to, 2)
			if string(got[0]) != "one" || string(got[1]) != "two" {
				t.Errorf("got %q", got)
			}
			if f := FeaturesOf(from); impl.name == "batched" && !f.SendRuns {
				t.Error("runs are not sent any more")
			}
		})
	}
}

// Close ends a ReadBatch that waits, and every later call.
func TestCloseEndsReadBatch(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			p := impl.make(listen(t, "127.0.0.1:0"))
			to := p.LocalAddr()
			done := make(chan error)
			go func() {
				in := buffers(2)
				for {
					if _, err := p.ReadBatch(in); err != nil {
						done <- err
						return
					}
					if in[0].N == 1 {
						done <- nil // the reader is there; it will wait now
					}
				}
			}()
			if err := p.WriteBatch([]Out{{Buf: []byte{1}, To: to}}); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Error("Close:", err)
			}
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("ReadBatch of a closed socket: %v, want net.ErrClosed", err)
			}
			if _, err := p.ReadBatch(buffers(1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("ReadBatch after Close: %v, want net.ErrClosed", err)
			}
			if err := p.WriteBatch([]Out{{Buf: []byte{1}, To: to}}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("WriteBatch after Close: %v, want net.ErrClosed", err)
			}
		})
	}
}

// Several goroutines may write at once.
func TestWritersAtOnce(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			from, to := impl.make(listen(t, "127.0.0.1:0")), impl.make(listen(t, "127.0.0.1:0"))
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for range 10 {
						b := bytes.Repeat([]byte{byte(w)}, 5*(100+w))
						if err := from.WriteBatch([]Out{{Buf: b, Seg: 100 + w, To: to.LocalAddr()}}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			got, _ := receive(t, to, 4*10*5)
			wg.Wait()
			for _, d := range got {
				if len(d) != 100+int(d[0]) || bytes.Count(d, d[:1]) != len(d) {
					t.Fatalf("a datagram of %d bytes that begins with %d: writers are mixed up", len(d), d[0])
				}
			}
		})
	}
}

// An unfriendlySock reports an error of the network before each datagram.
type unfriendlySock struct {
	*net.UDPConn
	failed bool
}

func (s *unfriendlySock) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	if s.failed = !s.failed; s.failed {
		return 0, netip.AddrPort{}, &net.OpError{Op: "read", Err: syscall.ECONNREFUSED}
	}
	return s.UDPConn.ReadFromUDPAddrPort(b)
}

// Anybody can make a socket report that a port is unreachable. A reader must
// survive that.
func TestPlainReaderOutlivesICMP(t *testing.T) {
	p := newPlain(&unfriendlySock{UDPConn: listen(t, "127.0.0.1:0")})
	for range 2 {
		if err := p.WriteBatch([]Out{{Buf: []byte("hello"), To: p.LocalAddr()}}); err != nil {
			t.Fatal(err)
		}
		if got, _ := receive(t, p, 1); string(got[0]) != "hello" {
			t.Fatalf("got %q", got)
		}
	}
}

// Nothing is allocated per datagram, in either direction.
func TestAllocations(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			p := impl.make(listen(t, "[::1]:0"))
			in := buffers(8)
			out := []Out{{Buf: datagrams(20, 1200, 0), Seg: 1200, To: p.LocalAddr()}, {Buf: datagrams(1, 64, 0), To: p.LocalAddr()}}
			allocs := testing.AllocsPerRun(200, func() {
				if err := p.WriteBatch(out); err != nil {
					t.Fatal(err)
				}
				for want := 20*1200 + 64; want > 0; {
					n, err := p.ReadBatch(in)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range in[:n] {
						want -= m.N
					}
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations for 21 datagrams there and back, want 0", allocs)
			}
		})
	}
}

// BenchmarkPacketIO moves runs of 40 datagrams of 1,200 bytes over loopback. The
// variants are the three ways to do so: runs that the kernel cuts and merges, many
// datagrams per system call, and one at a time.
func BenchmarkPacketIO(b *testing.B) {
	for _, v := range benchmarkVariants() {
		b.Run(v.name, func(b *testing.B) {
			from, to := v.make(listen(b, "127.0.0.1:0")), v.make(listen(b, "127.0.0.1:0"))
			const n, size = 40, 1200
			out := []Out{{Buf: datagrams(n, size, 0), Seg: size, To: to.LocalAddr()}}
			in := buffers(8)
			b.SetBytes(n * size)
			b.ReportAllocs()
			for b.Loop() {
				if err := from.WriteBatch(out); err != nil {
					b.Fatal(err)
				}
				for want := n * size; want > 0; {
					k, err := to.ReadBatch(in)
					if err != nil {
						b.Fatal(err)
					}
					for _, m := range in[:k] {
						want -= m.N
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/datagram")
		})
	}
}

// What the kernel drops is counted: datagrams that find no room, and those that go nowhere.
func TestDrops(t *testing.T) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			from, full := impl.make(listen(t, "127.0.0.1:0")), impl.make(listen(t, "127.0.0.1:0"))
			nowhere := netip.AddrPortFrom(full.LocalAddr().Addr(), 0)
			from.WriteBatch([]Out{{Buf: []byte("a"), To: nowhere}, {Buf: datagrams(3, 400, 0), Seg: 400, To: nowhere}})
			if got := DropsOf(from); got.Refused != 4 || got.Overflow != 0 {
				t.Errorf("%+v, want 4 refused", got)
			}
			if impl.name == "plain" {
				return // it can't see what the kernel drops on receiving
			}
			for range 1000 {
				from.WriteBatch([]Out{{Buf: make([]byte, 64000), To: full.LocalAddr()}})
			}
			if got := DropsOf(full); got.Overflow == 0 || got.Overflow > 1000 {
				t.Errorf("%+v after a thousand large datagrams that nobody read", got)
			}
		})
	}
}
