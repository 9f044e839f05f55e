package internet

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func batchedOf(t testing.TB, sock *net.UDPConn) *batched {
	t.Helper()
	b, ok := newBatched(sock).(*batched)
	if !ok {
		t.Fatal("no batched PacketIO on Linux")
	}
	return b
}

// Merging is what makes receiving cheap: one read brings a whole run.
func TestKernelMergesRuns(t *testing.T) {
	b := batchedOf(t, listen(t, "127.0.0.1:0"))
	if f := FeaturesOf(b); !f.SendRuns || !f.ReceiveRuns {
		t.Skipf("a kernel without runs: %+v", f)
	}
	if err := b.WriteBatch([]Out{{Buf: datagrams(40, 1200, 5), Seg: 1200, To: b.LocalAddr()}}); err != nil {
		t.Fatal(err)
	}
	in := buffers(4)
	if _, err := b.ReadBatch(in); err != nil {
		t.Fatal(err)
	}
	if got, want := in[0].N, 40*1200+5; got != want || in[0].Seg != 1200 {
		t.Errorf("got %d bytes of datagrams of %d, want %d of 1200", got, in[0].Seg, want)
	}
}

// "EIO and EINVAL on a GSO send: resend this batch singly now, and stop using GSO
// on this socket." A socket that sends no checksums can't have its runs cut, so
// the kernel refuses in earnest here.
func TestRefusedRunGoesSingly(t *testing.T) {
	sock := listen(t, "127.0.0.1:0")
	from, to := batchedOf(t, sock), batchedOf(t, listen(t, "127.0.0.1:0"))
	if !FeaturesOf(from).SendRuns {
		t.Skip("a kernel without runs")
	}
	from.sock.raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
			t.Fatal(err)
		}
	})
	single := Out{Buf: []byte("single"), To: to.LocalAddr()}
	run := Out{Buf: datagrams(70, 300, 11), Seg: 300, To: to.LocalAddr()}
	for round := range 2 {
		if err := from.WriteBatch([]Out{single, run, single, run}); err != nil {
			t.Fatal(err)
		}
		got, _ := receive(t, to, 2*72)
		want := func(i int) int {
			switch i % 72 {
			case 0:
				return len("single")
			case 71:
				return 11
			}
			return 300
		}
		for i, d := range got {
			if len(d) != want(i) {
				t.Fatalf("round %d: datagram %d has %d bytes, want %d", round, i, len(d), want(i))
			}
		}
		if FeaturesOf(from).SendRuns {
			t.Errorf("round %d: runs are still tried", round)
		}
	}
}

// A connected socket is told by ICMP that nobody listens. That must neither end
// the reader nor lose what comes later.
func TestReaderOutlivesICMP(t *testing.T) {
	peer := listen(t, "127.0.0.1:0")
	there := peer.LocalAddr().(*net.UDPAddr)
	peer.Close()
	sock, err := net.DialUDP("udp", nil, there)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	b := batchedOf(t, sock)
	for range 3 {
		if err := b.WriteBatch([]Out{{Buf: []byte("anybody there?"), To: there.AddrPort()}}); err != nil {
			t.Fatal(err)
		}
	}
	again, err := net.ListenUDP("udp", there)
	if err != nil {
		t.Skip("the port is taken: ", err)
	}
	defer again.Close()
	if _, err := again.WriteToUDPAddrPort([]byte("now"), b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if got, _ := receive(t, b, 1); string(got[0]) != "now" {
		t.Errorf("got %q", got)
	}
}

// "Linux 7.0 to 7.1.4 corrupts some runs whose last datagram is as long as the
// others."
func TestBrokenEqualTails(t *testing.T) {
	for release, want := range map[string]bool{
		"6.18.44-fc-v595": false, "6.17.0-41-generic": false, "7.0.0": true, "7.0.2-6-pve": true, "7.0": true, "7.0-rc1": true,
		"7.1.4": true, "7.1.4-arch1-1": true, "7.1.5": false, "7.2.0": false, "17.0.1": false, "": false, "garbage": false,
	} {
		if got := brokenEqualTails(release); got != want {
			t.Errorf("brokenEqualTails(%q) = %v, want %v", release, got, want)
		}
	}
}

// On those kernels no run that the kernel cuts ends evenly, and all datagrams
// still arrive, with nothing beside them that could be a packet.
func TestOddTail(t *testing.T) {
	from, to := batchedOf(t, listen(t, "127.0.0.1:0")), batchedOf(t, listen(t, "127.0.0.1:0"))
	from.unevenEnd = true
	for _, run := range []struct{ n, size, tail int }{{2, 1200, 0}, {7, 1200, 0}, {8, 1200, 0}, {40, 1200, 0}, {40, 1200, 9}, {130, 500, 0}, {54, 1200, 0}, {20, 24, 0}} {
		b := datagrams(run.n, run.size, run.tail)
		if err := from.add(&Out{Buf: b, Seg: run.size, To: to.LocalAddr()}); err != nil {
			t.Fatal(err)
		}
		odd := 0
		for i := range from.write.n {
			h := &from.write.headers[i].Hdr
			even := h.Iovlen == 1 && len(from.write.outs[i].Buf)%run.size == 0
			if h.Control != nil && even {
				t.Errorf("run of %d by %d: message %d is a run that ends evenly", run.n, run.size, i)
			}
			if h.Iovlen == 2 {
				odd++
			}
		}
		if err := from.flush(); err != nil {
			t.Fatal(err)
		}
		count := run.n + odd
		if run.tail > 0 {
			count++
		}
		got, _ := receive(t, to, count)
		at := 0
		for _, d := range got {
			if len(d) == oddTail && run.size != oddTail {
				continue
			}
			if want := b[at:min(at+run.size, len(b))]; string(d) != string(want) {
				t.Fatalf("run of %d by %d: wrong datagram at %d", run.n, run.size, at)
			}
			at += len(d)
		}
		if at != len(b) {
			t.Errorf("run of %d by %d: %d bytes arrived of %d", run.n, run.size, at, len(b))
		}
	}
}

func TestFeatures(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		f := FeaturesOf(batchedOf(t, listen(t, address)))
		t.Logf("%s: %+v", address, f)
		if f.ReadBuffer == 0 || f.WriteBuffer == 0 || !f.Whole {
			t.Errorf("%s: %+v: want buffers, and datagrams that are never cut", address, f)
		}
	}
}

// Addresses survive the way through the kernel's form.
func TestAddresses(t *testing.T) {
	var z zones
	loopback := "lo"
	if i, err := net.InterfaceByIndex(1); err == nil {
		loopback = i.Name
	}
	for _, c := range []struct {
		family  int
		address string
		ok      bool
	}{
		{unix.AF_INET, "192.0.2.7:4242", true},
		{unix.AF_INET, "[::ffff:192.0.2.7]:4242", true},
		{unix.AF_INET, "[2001:db8::1]:1", false},
		{unix.AF_INET6, "192.0.2.7:65535", true},
		{unix.AF_INET6, "[2001:db8::1]:1", true},
		{unix.AF_INET6, "[fe80::1%" + loopback + "]:53", true},
	} {
		to := netip.MustParseAddrPort(c.address)
		var raw unix.RawSockaddrInet6
		n := encodeAddress(&raw, c.family, to, &z)
		if (n != 0) != c.ok {
			t.Errorf("encodeAddress(%s) for family %d: length %d", to, c.family, n)
			continue
		}
		if got, want := decodeAddress(&raw, &z), unmap(to); c.ok && got != want {
			t.Errorf("%s came back as %s", want, got)
		}
	}
	var raw unix.RawSockaddrInet6
	if n := encodeAddress(&raw, unix.AF_INET6, netip.AddrPort{}, &z); n != 0 {
		t.Error("an invalid address has a form")
	}
}

func benchmarkVariants() []implementation {
	with := func(merge, runs bool) func(net.PacketConn) PacketIO {
		return func(sock net.PacketConn) PacketIO {
			b := newBatched(sock).(*batched)
			b.runs.Store(runs && b.got.SendRuns)
			if !merge {
				b.sock.raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 0) })
			}
			return b
		}
	}
	return []implementation{
		{"runs", with(true, true)},
		{"runs, not merged", with(false, true)},
		{"batches", with(false, false)},
		{"one at a time", func(s net.PacketConn) PacketIO { return newPlain(s) }},
	}
}

// What LinkSize says fits into one datagram, and not a byte more does.
func TestLinkSize(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		b := batchedOf(t, listen(t, address))
		size := LinkSize(b.LocalAddr())
		if size < 1200 || size > maxRunBytes {
			t.Fatalf("%s: %d", address, size)
		}
		err := b.WriteBatch([]Out{{Buf: make([]byte, size+1), To: b.LocalAddr()}, {Buf: make([]byte, size), To: b.LocalAddr()}})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := receive(t, b, 1); len(got[0]) != size && size < maxRunBytes-1 {
			t.Errorf("%s: %d bytes arrived, want %d", address, len(got[0]), size)
		}
	}
	if got := LinkSize(netip.AddrPort{}); got != 0 {
		t.Errorf("LinkSize of no address is %d", got)
	}
}
