package keys

import (
	"crypto/hpke"
	"errors"
	"fmt"

	"sotto/wire"
)

// secretSize is the size of what an encapsulation leaves to both sides.
const secretSize = 32

// What HPKE is made of, see spec/identity.wire.
var (
	kem = hpke.MLKEM768X25519()
	kdf = hpke.HKDFSHA256()
)

// A Sealer is an X-Wing key pair: somebody to whom things can be sealed. It is safe
// for concurrent use until it is cleared.
type Sealer struct {
	seed    wire.Seed
	private hpke.PrivateKey
	public  wire.SealingKey
}

// NewSealer takes a key pair from its seed.
func NewSealer(seed wire.Seed) *Sealer {
	s := &Sealer{seed: seed}
	var err error
	if s.private, err = kem.NewPrivateKey(s.seed[:]); err != nil {
		panic("keys: " + err.Error()) // any 32 bytes are a key
	}
	s.public = wire.SealingKey(s.private.PublicKey().Bytes())
	return s
}

// Public returns the public half.
func (s *Sealer) Public() wire.SealingKey { return s.public }

// String shows the beginning of the public half.
func (s *Sealer) String() string { return fmt.Sprintf("sealer %x", s.public[:8]) }

// GoString keeps %#v from showing what String hides.
func (s *Sealer) GoString() string { return s.String() }

// Clear overwrites the seed and lets go of what was made of it. The sealer can't be
// used any more.
func (s *Sealer) Clear() {
	if s.private == nil {
		return
	}
	clear(s.seed[:])
	if b, err := s.private.Bytes(); err == nil {
		clear(b) // its copy of the seed
	}
	s.private = nil
}

// Decapsulate returns the secret of an encapsulation that was made for this key under the
// label. An encapsulation that was made for another key, or changed, usually has a
// secret, too, but one that nobody knows: ErrSealed only says that there can't be one.
func (s *Sealer) Decapsulate(l Label, enc *wire.Encapsulation) (secret [secretSize]byte, err error) {
	if s.private == nil {
		return secret, ErrSealed
	}
	r, err := hpke.NewRecipient(enc[:], s.private, kdf, hpke.ExportOnly(), l.Bytes())
	if err != nil {
		return secret, ErrSealed
	}
	b, err := r.Export(string(l.Bytes()), secretSize)
	if err != nil {
		return secret, ErrSealed
	}
	defer clear(b)
	return [secretSize]byte(b), nil
}

// Encapsulate makes a secret that only the holder of a key can find in enc, under the
// label. The error says that the key is none.
func Encapsulate(to *wire.SealingKey, l Label) (enc wire.Encapsulation, secret [secretSize]byte, err error) {
	key, err := kem.NewPublicKey(to[:])
	if err != nil {
		return enc, secret, fmt.Errorf("encapsulate %s: not a sealing key", l)
	}
	b, sender, err := hpke.NewSender(key, kdf, hpke.ExportOnly(), l.Bytes())
	if err != nil {
		return enc, secret, fmt.Errorf("encapsulate %s: not a sealing key", l)
	}
	exported, err := sender.Export(string(l.Bytes()), secretSize)
	if err != nil {
		return enc, secret, fmt.Errorf("encapsulate %s: %w", l, err)
	}
	defer clear(exported)
	return wire.Encapsulation(b), [secretSize]byte(exported), nil
}

// SealTo seals a plaintext to a key under a label and what else both sides know, by
// HPKE with AES-256-GCM.
func SealTo(to *wire.SealingKey, l Label, known, aad, plaintext []byte) (enc wire.Encapsulation, ct []byte, err error) {
	key, err := kem.NewPublicKey(to[:])
	if err != nil {
		return enc, nil, fmt.Errorf("seal %s: not a sealing key", l)
	}
	b, sender, err := hpke.NewSender(key, kdf, hpke.AES256GCM(), l.With(known))
	if err != nil {
		return enc, nil, fmt.Errorf("seal %s: not a sealing key", l)
	}
	if ct, err = sender.Seal(aad, plaintext); err != nil {
		return enc, nil, fmt.Errorf("seal %s: %w", l, err)
	}
	return wire.Encapsulation(b), ct, nil
}

// Open opens what SealTo sealed to this key, or returns ErrSealed.
func (s *Sealer) Open(l Label, known []byte, enc *wire.Encapsulation, aad, ct []byte) ([]byte, error) {
	if s.private == nil {
		return nil, ErrSealed
	}
	r, err := hpke.NewRecipient(enc[:], s.private, kdf, hpke.AES256GCM(), l.With(known))
	if err != nil {
		return nil, ErrSealed
	}
	plaintext, err := r.Open(aad, ct)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// CheckSealingKey reports whether something can be sealed to a key.
func CheckSealingKey(k *wire.SealingKey) error {
	if _, err := kem.NewPublicKey(k[:]); err != nil {
		return errors.New("not a sealing key")
	}
	return nil
}
