package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"sotto/wire"
)

// NewSeed draws a private key of either kind: for NewSigner or NewSealer.
func NewSeed(random io.Reader) (seed wire.Seed, err error) {
	if err := fill(random, seed[:]); err != nil {
		return wire.Seed{}, fmt.Errorf("generate key: %w", err)
	}
	return seed, nil
}

// A Signer is an Ed25519 key pair. It is safe for concurrent use until it is cleared.
type Signer struct {
	private ed25519.PrivateKey
	public  wire.VerifyKey
}

// NewSigner takes a key pair from its seed.
func NewSigner(seed wire.Seed) *Signer {
	private := ed25519.NewKeyFromSeed(seed[:])
	return &Signer{private: private, public: wire.VerifyKey(private[ed25519.SeedSize:])}
}

// Public returns the public half.
func (s *Signer) Public() wire.VerifyKey { return s.public }

// String shows the public half.
func (s *Signer) String() string { return fmt.Sprintf("signer %x", s.public) }

// GoString keeps %#v from showing what String hides.
func (s *Signer) GoString() string { return s.String() }

// Sign signs a body under a label.
func (s *Signer) Sign(l Label, body []byte) wire.EdSignature {
	return wire.EdSignature(ed25519.Sign(s.private, l.With(body)))
}

// SignText signs a text of a format that isn't ours and has no labels, such as a
// checkpoint. A zero byte ends every label, so no text without one is taken for
// something that was signed under a label; with one it is not signed.
func (s *Signer) SignText(text []byte) (wire.EdSignature, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return wire.EdSignature{}, errors.New("sign text: it has a zero byte")
	}
	return wire.EdSignature(ed25519.Sign(s.private, text)), nil
}

// seed returns the private half. All of it is secret.
func (s *Signer) seed() wire.Seed { return wire.Seed(s.private.Seed()) }

// Clear overwrites the private half. The signer can't be used any more.
func (s *Signer) Clear() { clear(s.private) }

// VerifyEd checks a signature under a label. The error is ErrSignature.
func VerifyEd(l Label, pub wire.VerifyKey, body []byte, sig *wire.EdSignature) error {
	return verifyEd(pub, l.With(body), sig)
}

// VerifyText checks what SignText makes.
func VerifyText(pub wire.VerifyKey, text []byte, sig *wire.EdSignature) error {
	if bytes.IndexByte(text, 0) >= 0 {
		return ErrSignature
	}
	return verifyEd(pub, text, sig)
}

func verifyEd(pub wire.VerifyKey, message []byte, sig *wire.EdSignature) error {
	if isWeak(pub) || !ed25519.Verify(pub[:], message, sig[:]) {
		return ErrSignature
	}
	return nil
}

// weak are the encodings, without the sign, of the points of small order. Anybody can make
// signatures that such a key verifies: one in eight of them, over whatever bytes. The
// first of them is what a key that was never set looks like.
var weak = [...]wire.VerifyKey{
	{},
	{0: 1},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
	nearModulus(-1),
	nearModulus(0),
	nearModulus(1),
}

// nearModulus is p + n for the field's p = 2^255 - 19.
func nearModulus(n int) (k wire.VerifyKey) {
	for i := range k {
		k[i] = 0xff
	}
	k[0], k[31] = byte(0xed+n), 0x7f
	return k
}

func isWeak(pub wire.VerifyKey) bool {
	pub[31] &= 0x7f
	for _, w := range weak {
		if pub == w {
			return true
		}
	}
	return false
}
