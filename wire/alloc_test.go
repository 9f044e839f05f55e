package wire_test

import (
	"bytes"
	"testing"

	"sotto/wire"
)

// Appending to a buffer with room allocates nothing, nor does decoding into a value
// that is used again; a marshal allocates once. What a packet costs depends on it.
func TestAllocations(t *testing.T) {
	packet := wire.Packet{Type: wire.PacketTypeData, Destination: 7, Number: 1, Payload: bytes.Repeat([]byte{1}, 1200)}
	segment := wire.Segment{Type: wire.SegmentTypeAck, Ack: wire.AckSegment{Largest: 9, Ranges: make([]wire.AckRange, 5)}}
	for _, test := range []struct {
		name string
		m    interface {
			AppendBinary([]byte) ([]byte, error)
			MarshalBinary() ([]byte, error)
			Decode([]byte) (int, error)
		}
	}{{"packet", &packet}, {"segment", &segment}} {
		t.Run(test.name, func(t *testing.T) {
			b, err := test.m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 0, 2*len(b))
			for _, op := range []struct {
				name string
				want float64
				do   func() error
			}{
				{"append", 0, func() error { _, err := test.m.AppendBinary(buf); return err }},
				{"decode", 0, func() error { _, err := test.m.Decode(b); return err }},
				{"marshal", 1, func() error { _, err := test.m.MarshalBinary(); return err }},
			} {
				got := testing.AllocsPerRun(100, func() {
					if err := op.do(); err != nil {
						t.Fatal(err)
					}
				})
				if got != op.want {
					t.Errorf("%s: %v allocations, want %v", op.name, got, op.want)
				}
			}
		})
	}
}

func BenchmarkPacket(b *testing.B) {
	m := wire.Packet{Type: wire.PacketTypeData, Destination: 7, Number: 1, Payload: bytes.Repeat([]byte{1}, 1200)}
	buf, err := m.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = m.AppendBinary(buf[:0])
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Decode(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
