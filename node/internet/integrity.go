package internet

import (
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/blake2s"
)

// TagSize is the length of every packet's integrity tag.
const TagSize = 16

// checkKey is the constant of this version under which handshake packets carry
// their tag. It is public: the tag finds corruption, not forgers.
var checkKey = [32]byte([]byte("sotto/1 packet\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))

// A Checker makes and checks the tags of handshake packets. It is not safe for
// concurrent use.
type Checker struct {
	mac hash.Hash
	sum [TagSize]byte
}

// NewChecker returns a Checker for packets of this version.
func NewChecker() *Checker { return &Checker{mac: NewMAC(checkKey)} }

// NewMAC returns keyed BLAKE2s-128.
func NewMAC(key [32]byte) hash.Hash {
	mac, err := blake2s.New128(key[:])
	if err != nil {
		panic("internet: " + err.Error()) // only for keys of a wrong length
	}
	return mac
}

// Sum writes the tag into the last TagSize bytes of a packet.
func (c *Checker) Sum(packet []byte) {
	copy(packet[len(packet)-TagSize:], c.tag(packet))
}

// Check reports whether a packet carries the right tag.
func (c *Checker) Check(packet []byte) bool {
	if len(packet) < TagSize {
		return false
	}
	return subtle.ConstantTimeCompare(c.tag(packet), packet[len(packet)-TagSize:]) == 1
}

// tag covers all bytes before the tag but trailing zeros: a HELLO is mostly
// padding, and in a flood of them the hash is what costs. The length in the
// packet's head keeps the number of zeros from being changed.
func (c *Checker) tag(packet []byte) []byte {
	c.mac.Reset()
	c.mac.Write(trimZeros(packet[:len(packet)-TagSize]))
	return c.mac.Sum(c.sum[:0])
}

func trimZeros(b []byte) []byte {
	for len(b) >= 8 && binary.LittleEndian.Uint64(b[len(b)-8:]) == 0 {
		b = b[:len(b)-8]
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
