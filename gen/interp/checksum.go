package interp

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"sotto/gen/types"
)

// checksum computes the bytes of a checksum field that stands at [from, to) and covers some of in.
func checksum(c *types.Checksum, in []byte, cover [2]int, from, to int) []byte {
	covered := make([]byte, 0, cover[1]-cover[0])
	for i := cover[0]; i < cover[1]; i++ {
		b := in[i]
		if from <= i && i < to {
			b = 0
		}
		covered = append(covered, b)
	}
	var sum []byte
	switch c.Kind {
	case types.Internet:
		sum = binary.BigEndian.AppendUint16(nil, internet(covered))
	case types.CRC32C:
		sum = binary.BigEndian.AppendUint32(nil, crc32.Checksum(covered, crc32.MakeTable(crc32.Castagnoli)))
	case types.SHA256:
		h := sha256.Sum256(covered)
		sum = h[:]
	case types.MD5:
		h := md5.Sum(covered)
		sum = h[:]
	}
	return sum[:to-from]
}

// internet is the checksum of RFC 1071: the complement of the one's complement sum of 16-bit words.
func internet(b []byte) uint16 {
	var sum uint32
	for i, c := range b {
		if i%2 == 0 {
			sum += uint32(c) << 8
		} else {
			sum += uint32(c)
		}
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func (d *structDecoder) compareChecksums() *Error {
	for _, m := range d.s.Members {
		f, ok := m.(*types.Field)
		if !ok || f.Checksum == nil || d.from[f] == d.to[f] {
			continue
		}
		want := checksum(f.Checksum, d.r.in, d.cover(f), d.from[f]/8, d.to[f]/8)
		if got := d.r.in[d.from[f]/8 : d.to[f]/8]; !bytes.Equal(got, want) {
			return fail(join(d.path, f.Name), d.from[f], Checksum, "does not agree with what it covers")
		}
	}
	return nil
}

// cover is the range of bytes that a checksum field covers.
func (d *structDecoder) cover(f *types.Field) [2]int {
	c := f.Checksum
	if c.From == nil {
		return [2]int{d.start / 8, d.to[nil] / 8}
	}
	return [2]int{d.from[c.From] / 8, d.to[c.To] / 8}
}
