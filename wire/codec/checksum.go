package codec

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
)

// A Gap is a range of bytes that count as zero: where the checksum itself stands.
type Gap struct{ From, To int }

// Hole returns the gap of width bytes at offset at in something of size bytes. It
// is empty if the checksum stands outside.
func Hole(at, width, size int) Gap {
	if at < 0 || at+width > size {
		return Gap{}
	}
	return Gap{at, at + width}
}

// Internet returns the checksum of RFC 1071 over b. An odd last byte counts as if
// a zero followed it.
func Internet(b []byte, gap Gap) [2]byte {
	var sum uint64
	for i, c := range b {
		if i >= gap.From && i < gap.To {
			continue
		}
		if i%2 == 0 {
			sum += uint64(c) << 8
		} else {
			sum += uint64(c)
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	var out [2]byte
	binary.BigEndian.PutUint16(out[:], ^uint16(sum))
	return out
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var zeros [64]byte

// CRC32C returns the CRC with the polynomial of Castagnoli, big-endian.
func CRC32C(b []byte, gap Gap) [4]byte {
	sum := crc32.Update(0, castagnoli, b[:gap.From])
	sum = crc32.Update(sum, castagnoli, zeros[:gap.To-gap.From])
	sum = crc32.Update(sum, castagnoli, b[gap.To:])
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], sum)
	return out
}

// SHA256 returns the hash.
func SHA256(b []byte, gap Gap) (out [32]byte) {
	digest(sha256.New(), b, gap, out[:0])
	return out
}

// MD5 returns the hash. It is there for formats that have it; it protects
// nothing.
func MD5(b []byte, gap Gap) (out [16]byte) {
	digest(md5.New(), b, gap, out[:0])
	return out
}

func digest(h hash.Hash, b []byte, gap Gap, out []byte) {
	h.Write(b[:gap.From])
	h.Write(zeros[:gap.To-gap.From])
	h.Write(b[gap.To:])
	h.Sum(out)
}
