package keys

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxPassword is the longest password in bytes, in Unicode form NFC.
const MaxPassword = 128

// ErrBadPassword says that a password can't be one.
var ErrBadPassword = errors.New("a password has 1 to 128 bytes of text")

// A Stretch says how much work a guess at a password costs. The zero value is
// what the protocol says; anything else is for tests.
type Stretch struct {
	Time, MemoryKiB uint32
	Threads         uint8
}

// standard is Argon2id as protocol.md sections 3 and 4 have it. There is no other on any
// wire or disk.
var standard = Stretch{Time: 3, MemoryKiB: 64 << 10, Threads: 4}

// WeakForTests costs nothing, and protects nothing.
var WeakForTests = Stretch{Time: 1, MemoryKiB: 32, Threads: 1}

// NormalPassword brings a password into Unicode form NFC, so that it is the same
// on all keyboards, and checks its length. The caller clears the result.
func NormalPassword(password []byte) ([]byte, error) {
	// The form NFC of a text is at least a third of its length.
	if len(password) == 0 || len(password) > 3*MaxPassword || !utf8.Valid(password) {
		return nil, ErrBadPassword
	}
	normal := norm.NFC.Append(make([]byte, 0, 4*MaxPassword), password...)
	if len(normal) > MaxPassword {
		clear(normal)
		return nil, ErrBadPassword
	}
	return normal, nil
}

// Key stretches a password into a pseudorandom key of 32 bytes.
func (s Stretch) Key(password []byte, salt [16]byte) ([]byte, error) {
	normal, err := NormalPassword(password)
	if err != nil {
		return nil, err
	}
	defer clear(normal)
	return s.argon2id(normal, salt, 32), nil
}

// Output stretches the output of an OPRF to as many bytes. The salt is zero, as RFC
// 9807 section 7 has it: each user's OPRF key is a salt that the server keeps secret.
func (s Stretch) Output(oprf [64]byte) [64]byte {
	b := s.argon2id(oprf[:], [16]byte{}, uint32(len(oprf)))
	defer clear(b)
	return [64]byte(b)
}

func (s Stretch) argon2id(secret []byte, salt [16]byte, size uint32) []byte {
	if s == (Stretch{}) {
		s = standard
	}
	return argon2.IDKey(secret, salt[:], s.Time, s.MemoryKiB, s.Threads, size)
}
