package second

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Messages are written by appending and joining, and read with cryptobyte:
// its big-endian numbers and lengths in bytes are those of the document.

var errDecode = errors.New("does not decode")

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u24(v int) []byte    { return binary.BigEndian.AppendUint32(nil, uint32(v))[1:] }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// short is a field with one byte of length, long one with two.
func short[T ~string | ~[]byte](b T) []byte { return append([]byte{byte(len(b))}, b...) }
func long[T ~string | ~[]byte](b T) []byte  { return append(u16(len(b)), b...) }

// padded appends zeros until the length is a multiple of n.
func padded(b []byte, n int) []byte { return append(b, make([]byte, (n-len(b)%n)%n)...) }

// varint is the variable-length integer of RFC 9000, in its shortest form.
func varint(v uint64) []byte {
	switch {
	case v < 1<<6:
		return []byte{byte(v)}
	case v < 1<<14:
		return u16(int(v) | 1<<14)
	case v < 1<<30:
		return u32(uint32(v) | 2<<30)
	default:
		return u64(v | 3<<62)
	}
}

func readVarint(s *cryptobyte.String, v *uint64) bool {
	var first uint8
	if !s.ReadUint8(&first) {
		return false
	}
	var rest []byte
	if !s.ReadBytes(&rest, 1<<(first>>6)-1) {
		return false
	}
	*v = uint64(first & 0x3f)
	for _, b := range rest {
		*v = *v<<8 | uint64(b)
	}
	return len(varint(*v)) == 1+len(rest)
}
