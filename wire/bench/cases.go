package bench

import "testing"

// A Case is one measurement. Each has a loop of its own with direct calls, so that what can be inlined is.
type Case struct {
	Message, Operation, Way string
	Run                     func(b *testing.B)
}

// What is decoded stands in package variables, so that no store is left out for want of a reader.
var (
	packet  Packet
	segment Segment
	hello   Hello
	sink    int
)

// Cases returns all measurements; of each message and operation hand comes first.
func Cases() []Case {
	p, s, h := NewPacket(), NewSegment(), NewHello()
	inPacket, inSegment, inHello := packetBytes(p), segmentBytes(s), helloBytes(h)
	return []Case{
		{"packet", "append", "hand", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = handAppendPacket(buf[:0], p)
			}
		}},
		{"packet", "append", "wiregen", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = p.AppendBinary(buf[:0])
			}
		}},
		{"packet", "append", "cryptobyte", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = cryptobyteAppendPacket(buf[:0], p)
			}
		}},
		{"packet", "append", "encoding/binary", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = binaryAppendPacket(buf[:0], p)
			}
		}},
		{"packet", "marshal", "hand", func(b *testing.B) {
			for b.Loop() {
				buf, _ := handAppendPacket(nil, p)
				sink += len(buf)
			}
		}},
		{"packet", "marshal", "wiregen", func(b *testing.B) {
			for b.Loop() {
				buf, _ := p.MarshalBinary()
				sink += len(buf)
			}
		}},
		{"packet", "marshal", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				buf, _ := cryptobyteAppendPacket(nil, p)
				sink += len(buf)
			}
		}},
		{"packet", "marshal", "encoding/binary", func(b *testing.B) {
			for b.Loop() {
				buf, _ := binaryAppendPacket(nil, p)
				sink += len(buf)
			}
		}},
		{"packet", "decode", "hand", func(b *testing.B) {
			for b.Loop() {
				if handDecodePacket(inPacket, &packet) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"packet", "decode", "wiregen", func(b *testing.B) {
			for b.Loop() {
				if n, err := packet.Decode(inPacket); n != len(inPacket) || err != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"packet", "decode", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				if cryptobyteDecodePacket(inPacket, &packet) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"packet", "decode", "encoding/binary", func(b *testing.B) {
			for b.Loop() {
				if binaryDecodePacket(inPacket, &packet) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"segment", "append", "hand", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = handAppendSegment(buf[:0], s)
			}
		}},
		{"segment", "append", "wiregen", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = s.AppendBinary(buf[:0])
			}
		}},
		{"segment", "append", "cryptobyte", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = cryptobyteAppendSegment(buf[:0], s)
			}
		}},
		{"segment", "append", "encoding/binary", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = binaryAppendSegment(buf[:0], s)
			}
		}},
		{"segment", "marshal", "hand", func(b *testing.B) {
			for b.Loop() {
				buf, _ := handAppendSegment(nil, s)
				sink += len(buf)
			}
		}},
		{"segment", "marshal", "wiregen", func(b *testing.B) {
			for b.Loop() {
				buf, _ := s.MarshalBinary()
				sink += len(buf)
			}
		}},
		{"segment", "marshal", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				buf, _ := cryptobyteAppendSegment(nil, s)
				sink += len(buf)
			}
		}},
		{"segment", "marshal", "encoding/binary", func(b *testing.B) {
			for b.Loop() {
				buf, _ := binaryAppendSegment(nil, s)
				sink += len(buf)
			}
		}},
		{"segment", "decode", "hand", func(b *testing.B) {
			for b.Loop() {
				if handDecodeSegment(inSegment, &segment) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"segment", "decode", "wiregen", func(b *testing.B) {
			for b.Loop() {
				if n, err := segment.Decode(inSegment); n != len(inSegment) || err != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"segment", "decode", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				if cryptobyteDecodeSegment(inSegment, &segment) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"segment", "decode", "encoding/binary", func(b *testing.B) {
			for b.Loop() {
				if binaryDecodeSegment(inSegment, &segment) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"hello", "append", "hand", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = handAppendHello(buf[:0], h)
			}
		}},
		{"hello", "append", "wiregen", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = h.AppendBinary(buf[:0])
			}
		}},
		{"hello", "append", "cryptobyte", func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = cryptobyteAppendHello(buf[:0], h)
			}
		}},
		{"hello", "marshal", "hand", func(b *testing.B) {
			for b.Loop() {
				buf, _ := handAppendHello(nil, h)
				sink += len(buf)
			}
		}},
		{"hello", "marshal", "wiregen", func(b *testing.B) {
			for b.Loop() {
				buf, _ := h.MarshalBinary()
				sink += len(buf)
			}
		}},
		{"hello", "marshal", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				buf, _ := cryptobyteAppendHello(nil, h)
				sink += len(buf)
			}
		}},
		{"hello", "decode", "hand", func(b *testing.B) {
			for b.Loop() {
				if handDecodeHello(inHello, &hello) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"hello", "decode", "wiregen", func(b *testing.B) {
			for b.Loop() {
				if n, err := hello.Decode(inHello); n != len(inHello) || err != nil {
					b.Fatal("refused")
				}
			}
		}},
		{"hello", "decode", "cryptobyte", func(b *testing.B) {
			for b.Loop() {
				if cryptobyteDecodeHello(inHello, &hello) != nil {
					b.Fatal("refused")
				}
			}
		}},
	}
}
