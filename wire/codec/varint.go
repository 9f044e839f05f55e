package codec

import "encoding/binary"

// MaxVarint is the largest value of a QUIC varint, and MaxMLS of the form of it
// that MLS uses for lengths.
const (
	MaxVarint = 1<<62 - 1
	MaxMLS    = 1<<30 - 1
)

// VarintSize returns how many bytes v takes as a QUIC varint (RFC 9000 section
// 16). The result for more than MaxVarint has no meaning.
func VarintSize(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 8
}

// AppendVarint appends v, at most MaxVarint, in its shortest form.
func AppendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return append(b, byte(v>>8)|0x40, byte(v))
	case v < 1<<30:
		return append(b, byte(v>>24)|0x80, byte(v>>16), byte(v>>8), byte(v))
	}
	return binary.BigEndian.AppendUint64(b, v|3<<62)
}

// Varint reads a QUIC varint from the front of b and returns how many bytes it
// took, or 0 if b ends before it does.
func Varint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch b[0] >> 6 {
	case 0:
		return uint64(b[0]), 1
	case 1:
		if len(b) >= 2 {
			return uint64(binary.BigEndian.Uint16(b)) & (1<<14 - 1), 2
		}
	case 2:
		if len(b) >= 4 {
			return uint64(binary.BigEndian.Uint32(b)) & (1<<30 - 1), 4
		}
	case 3:
		if len(b) >= 8 {
			return binary.BigEndian.Uint64(b) & (1<<62 - 1), 8
		}
	}
	return 0, 0
}

// VarintMLS is Varint for the lengths of MLS (RFC 9420 section 2.1.2), which have
// no form of 8 bytes; n is -1 for one.
func VarintMLS(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0]>>6 == 3 {
		return 0, -1
	}
	return Varint(b)
}

// LEB128Size returns how many bytes v takes as unsigned LEB128.
func LEB128Size(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// AppendLEB128 appends v in its shortest form.
func AppendLEB128(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// LEB128 reads an unsigned LEB128 number from the front of b and returns how
// many bytes it took: 0 if b ends before it does, and -1 if it doesn't fit in 64
// bits.
func LEB128(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	return v, max(n, -1)
}

// BadVarint says what is wrong with a varint that read as n bytes of value v.
//
//go:noinline
func BadVarint(message, field string, at, have, n int) error {
	switch {
	case n == 0:
		return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrShort, "%d bytes of a varint", uint64(have), 0}, missing: 1}
	case n < 0:
		return Fail(message, field, at, &reason{ErrRange, "the varint is longer than its form allows", 0, 0})
	}
	return Fail(message, field, at, &reason{ErrNotCanonical, "a varint of %d bytes fits in fewer", uint64(n), 0})
}
