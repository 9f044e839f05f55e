package bench

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
)

// TestGenerated compares bench_gen.go with what the compiler makes now.
func TestGenerated(t *testing.T) {
	text, err := os.ReadFile("bench.wire")
	if err != nil {
		t.Fatal(err)
	}
	made, err := gen.Compile([]*diag.Source{{Name: "bench.wire", Text: string(text)}}, gen.Options{Package: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile("bench_gen.go"); err != nil || len(made) != 1 || !bytes.Equal(have, made[0].Text) {
		t.Errorf("bench_gen.go is not current (%v); run: go generate ./wire/bench", err)
	}
}

// A way to encode and decode a message.
type way[M any] struct {
	name   string
	encode func(b []byte, m *M) ([]byte, error)
	decode func(b []byte, m *M) error
}

// All ways give the same bytes, read them back, and refuse any part of them and more than them.
func TestWays(t *testing.T) {
	agree(t, NewPacket(), packetBytes, 90, true, []way[Packet]{
		{"wiregen", func(b []byte, m *Packet) ([]byte, error) { return m.AppendBinary(b) }, func(b []byte, m *Packet) error { return m.UnmarshalBinary(b) }},
		{"hand", handAppendPacket, handDecodePacket},
		{"cryptobyte", cryptobyteAppendPacket, cryptobyteDecodePacket},
		{"encoding/binary", binaryAppendPacket, binaryDecodePacket},
	})
	agree(t, NewSegment(), segmentBytes, 77, false, []way[Segment]{
		{"wiregen", func(b []byte, m *Segment) ([]byte, error) { return m.AppendBinary(b) }, func(b []byte, m *Segment) error { return m.UnmarshalBinary(b) }},
		{"hand", handAppendSegment, handDecodeSegment},
		{"cryptobyte", cryptobyteAppendSegment, cryptobyteDecodeSegment},
		{"encoding/binary", binaryAppendSegment, binaryDecodeSegment},
	})
	agree(t, NewHello(), helloBytes, 251, true, []way[Hello]{
		{"wiregen", func(b []byte, m *Hello) ([]byte, error) { return m.AppendBinary(b) }, func(b []byte, m *Hello) error { return m.UnmarshalBinary(b) }},
		{"hand", handAppendHello, handDecodeHello},
		{"cryptobyte", cryptobyteAppendHello, cryptobyteDecodeHello},
	})
}

// agree tries ways on a message that has so many bytes. If it is framed it says itself where it ends; otherwise only the
// 13 bytes of a header must be there.
func agree[M any](t *testing.T, m *M, slow func(*M) []byte, size int, framed bool, ways []way[M]) {
	t.Helper()
	want := slow(m)
	if len(want) != size {
		t.Errorf("%T has %d bytes, want %d", m, len(want), size)
	}
	least := 13
	if framed {
		least = size
	}
	for _, w := range ways {
		got, err := w.encode([]byte("before"), m)
		if err != nil || string(got) != "before"+string(want) {
			t.Errorf("%s: %T is encoded to %x, %v, want %x", w.name, m, got, err, want)
		}
		back := new(M)
		if err := w.decode(want, back); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: %x is decoded to %+v, %v, want %+v", w.name, want, back, err, m)
		}
		for n := range least {
			if w.decode(want[:n:n], new(M)) == nil {
				t.Errorf("%s: %d of the %d bytes of a %T are accepted", w.name, n, size, m)
			}
		}
		if framed && w.decode(append(bytes.Clone(want), 0), new(M)) == nil {
			t.Errorf("%s: a %T is accepted with a byte behind it", w.name, m)
		}
	}
}

// Generated code allocates nothing to append and decode, and once to marshal, no more bytes than code written by hand.
func TestAllocations(t *testing.T) {
	p, s, h := NewPacket(), NewSegment(), NewHello()
	allocations(t, p, packetBytes(p), handAppendPacket)
	allocations(t, s, segmentBytes(s), handAppendSegment)
	allocations(t, h, helloBytes(h), handAppendHello)
}

func allocations[M any, P interface {
	*M
	AppendBinary(b []byte) ([]byte, error)
	MarshalBinary() ([]byte, error)
	Decode(b []byte) (int, error)
}](t *testing.T, m P, in []byte, hand func(b []byte, m *M) ([]byte, error)) {
	t.Helper()
	buf := make([]byte, 0, len(in))
	var out M
	for _, op := range []struct {
		name string
		want float64
		do   func() error
	}{
		{"append", 0, func() error { _, err := m.AppendBinary(buf); return err }},
		{"decode", 0, func() error { _, err := P(&out).Decode(in); return err }},
		{"marshal", 1, func() error { _, err := m.MarshalBinary(); return err }},
	} {
		got := testing.AllocsPerRun(100, func() {
			if err := op.do(); err != nil {
				t.Fatal(err)
			}
		})
		if got != op.want {
			t.Errorf("%T, %s: %v allocations, want %v", m, op.name, got, op.want)
		}
	}
	ours, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err := hand(nil, m); err != nil || cap(ours) > cap(theirs) {
		t.Errorf("%T: marshalled into %d bytes, by hand into %d, %v", m, cap(ours), cap(theirs), err)
	}
}

func Benchmark(b *testing.B) {
	for _, c := range Cases() {
		b.Run(c.Message+"/"+c.Operation+"/"+c.Way, func(b *testing.B) {
			b.ReportAllocs()
			c.Run(b)
		})
	}
}
