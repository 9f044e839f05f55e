package internet

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"

	"sotto/wire"
)

// packet is a handshake packet with its tag.
func packet(t testing.TB, c *Checker, payload []byte) []byte {
	t.Helper()
	m := wire.Packet{Type: wire.PacketTypeHello, Number: 1, Payload: payload}
	m.Hello.Source = 7
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	c.Sum(b)
	return b
}

func TestChecker(t *testing.T) {
	c := NewChecker()
	for _, payload := range [][]byte{nil, {0}, {1}, bytes.Repeat([]byte{7}, 100), append(bytes.Repeat([]byte{7}, 100), make([]byte, 1000)...)} {
		p := packet(t, c, payload)
		if !c.Check(p) {
			t.Fatalf("payload of %d: the tag doesn't check", len(payload))
		}
		for i := range p {
			for bit := range 8 {
				p[i] ^= 1 << bit
				if c.Check(p) {
					t.Fatalf("payload of %d: bit %d of byte %d flipped and not noticed", len(payload), bit, i)
				}
				p[i] ^= 1 << bit
			}
		}
	}
	for n := range TagSize {
		if c.Check(make([]byte, n)) {
			t.Errorf("%d bytes check", n)
		}
	}
}

// The tag doesn't cover trailing zeros; the length in the head does.
func TestPaddingCannotBeCut(t *testing.T) {
	c := NewChecker()
	p := packet(t, c, append([]byte{1, 2, 3}, make([]byte, 100)...))
	cut := append(bytes.Clone(p[:len(p)-TagSize-50]), p[len(p)-TagSize:]...)
	if !c.Check(cut) {
		t.Fatal("the tag covers the zeros")
	}
	var m wire.Packet
	if _, err := m.Decode(cut); err == nil {
		t.Error("a packet cut within its padding decodes")
	}
}

func TestPacketIOOverUDP(t *testing.T) {
	a, b := udp(t), udp(t)
	var want [][]byte
	for i := range 5 {
		want = append(want, bytes.Repeat([]byte{byte(i + 1)}, 500))
	}
	want = append(want, []byte("short"))
	if err := a.WriteBatch([]Out{{Buf: bytes.Join(want, nil), Seg: 500, To: b.LocalAddr()}}); err != nil {
		t.Fatal(err)
	}
	in := []In{{Buf: make([]byte, BufferSize)}, {Buf: make([]byte, BufferSize)}}
	for len(want) > 0 {
		n, err := b.ReadBatch(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range in[:n] {
			if m.From != a.LocalAddr() {
				t.Errorf("from %v, want %v", m.From, a.LocalAddr())
			}
			for rest := m.Buf[:m.N]; len(rest) > 0; {
				k := min(m.Seg, len(rest))
				if len(want) == 0 || !bytes.Equal(rest[:k], want[0]) {
					t.Fatalf("got a datagram of %d bytes that isn't the next one", k)
				}
				rest, want = rest[k:], want[1:]
			}
		}
	}
	b.Close()
	if _, err := b.ReadBatch(in); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read from a closed socket: got %v, want net.ErrClosed", err)
	}
}

func udp(t testing.TB) PacketIO {
	t.Helper()
	sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPacketIO(sock)
	t.Cleanup(func() { p.Close() })
	return p
}
