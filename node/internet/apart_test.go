package internet

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"sotto/wire"
)

// Packets of strangers come in at a socket of their own, all others at the one that
// their destination names, whoever sends them.
func TestApart(t *testing.T) {
	for name, at := range map[string]string{
		"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0", "any IPv4": "0.0.0.0:0", "any": "[::]:0",
	} {
		for _, n := range []int{1, 3} {
			t.Run(name, func(t *testing.T) { testApart(t, netip.MustParseAddrPort(at), n) })
		}
	}
}

func testApart(t *testing.T, at netip.AddrPort, n int) {
	socks, err := ListenShared(t.Context(), at, n)
	if err != nil {
		t.Skip(err) // a machine without IPv6
	}
	var all []PacketIO
	strangers := Apart(socks)
	if strangers == nil {
		t.Skip("no socket of their own for strangers here")
	}
	for _, s := range socks {
		all = append(all, NewPacketIO(s))
	}
	all = append(all, strangers)
	for _, p := range all {
		defer p.Close()
	}
	to := strangers.LocalAddr()
	if to != all[0].LocalAddr() {
		t.Fatalf("strangers come in at %v, others at %v", to, all[0].LocalAddr())
	}
	if to.Addr().IsUnspecified() {
		to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
	}
	for i := range 12 {
		from := NewPacketIO(listen(t, netip.AddrPortFrom(at.Addr(), 0).String()))
		for _, p := range []wire.Packet{
			{Type: wire.PacketTypeHello, Hello: wire.Origin{Source: uint64(i)}},
			{Type: wire.PacketTypeHello, Destination: uint64(i)<<40 | 1<<32, Hello: wire.Origin{Source: 5}},
			{Type: wire.PacketTypeData, Destination: 1<<63 | uint64(i), AckNow: true, Payload: []byte("sealed")},
			{Type: wire.PacketTypeReset, Destination: uint64(i + 1)},
		} {
			b, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := from.WriteBatch([]Out{{Buf: b, To: to}}); err != nil {
				t.Fatal(err)
			}
			want := int(uint32(p.Destination)) % n
			if p.Destination == 0 {
				want = n
			}
			in := buffers(1)
			if _, err := all[want].ReadBatch(in); err != nil {
				t.Fatal(err)
			}
			if string(in[0].Buf[:in[0].N]) != string(b) || in[0].From.Port() != from.LocalAddr().Port() {
				t.Errorf("socket %d of %d got something else than %v", want, n, &p)
			}
			// Answers come from the one address that there is.
			if err := all[want].WriteBatch([]Out{{Buf: b, To: in[0].From}}); err != nil {
				t.Fatal(err)
			}
			if _, err := from.ReadBatch(in); err != nil {
				t.Fatal(err)
			}
			if in[0].From != to {
				t.Errorf("an answer from %v, want %v", in[0].From, to)
			}
		}
		from.Close()
	}
}

// A reader that waits in the kernel is told of the end.
func TestApartClose(t *testing.T) {
	a := Apart([]net.PacketConn{listen(t, "127.0.0.1:0")})
	if a == nil {
		t.Skip("no socket of their own for strangers here")
	}
	over := make(chan error)
	go func() {
		_, err := a.ReadBatch(buffers(2))
		over <- err
	}()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-over; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

// A simulated socket has no second one.
func TestNothingApart(t *testing.T) {
	if a := Apart([]net.PacketConn{struct{ net.PacketConn }{listen(t, "127.0.0.1:0")}}); a != nil {
		t.Error("a socket that isn't the kernel's was divided")
	}
}
