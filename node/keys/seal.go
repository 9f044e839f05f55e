package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"sotto/wire"
)

// TagSize is how many bytes a seal adds to what it holds.
const TagSize = 16

// ErrSealed says that something does not open: it was made for another key or
// another purpose, or was changed. It never says which.
var ErrSealed = errors.New("the seal does not open")

// A OnceKey is a key and an iv of AES-256-GCM that seal one thing and never another.
// A fixed iv for each key is safe only because of that.
type OnceKey struct {
	key [32]byte
	iv  [12]byte
}

// NewOnceKey takes a key and an iv.
func NewOnceKey(key [32]byte, iv [12]byte) *OnceKey { return &OnceKey{key, iv} }

// ExpandOnceKey derives a key and an iv from a pseudorandom key.
func ExpandOnceKey(prk []byte, key, iv Label) *OnceKey {
	k := new(OnceKey)
	key.Expand(prk, k.key[:])
	iv.Expand(prk, k.iv[:])
	return k
}

// Clear overwrites the key.
func (k *OnceKey) Clear() { clear(k.key[:]); clear(k.iv[:]) }

// String shows nothing.
func (k *OnceKey) String() string { return "key" }

// GoString keeps %#v from showing what String hides.
func (k *OnceKey) GoString() string { return k.String() }

func (k *OnceKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.key[:])
	if err != nil {
		panic("keys: " + err.Error()) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("keys: " + err.Error())
	}
	return aead
}

// Seal returns the ciphertext of a plaintext, 16 bytes longer.
func (k *OnceKey) Seal(aad, plaintext []byte) []byte {
	return k.aead().Seal(make([]byte, 0, len(plaintext)+TagSize), k.iv[:], plaintext, aad)
}

// Open returns the plaintext, or ErrSealed.
func (k *OnceKey) Open(aad, ciphertext []byte) ([]byte, error) {
	if len(ciphertext) < TagSize {
		return nil, ErrSealed
	}
	plaintext, err := k.aead().Open(nil, k.iv[:], ciphertext, aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// NewKeyTo draws a key and returns it with its OAEP, which only the holder of the
// private key can undo.
func (k *PublicKey) NewKeyTo(random io.Reader, l Label) (once *OnceKey, ek [384]byte, err error) {
	once = new(OnceKey)
	if err := fill(random, once.key[:]); err != nil {
		return nil, ek, fmt.Errorf("seal %s: %w", l, err)
	}
	if err := fill(random, once.iv[:]); err != nil {
		return nil, ek, fmt.Errorf("seal %s: %w", l, err)
	}
	secret, err := (&wire.SealKey{Key: once.key, Iv: once.iv}).MarshalBinary()
	if err != nil {
		return nil, ek, fmt.Errorf("seal %s: %w", l, err)
	}
	defer clear(secret)
	b, err := rsa.EncryptOAEP(sha256.New(), random, &k.rsa, secret, l.Bytes())
	if err != nil {
		return nil, ek, fmt.Errorf("seal %s: %w", l, err)
	}
	copy(ek[:], b)
	return once, ek, nil
}

// KeyFrom undoes NewKeyTo.
func (i *Identity) KeyFrom(l Label, ek *[384]byte) (*OnceKey, error) {
	b, err := i.decrypt(l.Bytes(), ek[:])
	if err != nil {
		return nil, err
	}
	defer clear(b)
	var secret wire.SealKey
	if n, err := secret.Decode(b); err != nil || n != len(b) {
		return nil, ErrSealed
	}
	return NewOnceKey(secret.Key, secret.Iv), nil
}

func (i *Identity) decrypt(label, ek []byte) ([]byte, error) {
	b, err := rsa.DecryptOAEP(sha256.New(), nil, i.rsa, ek, label)
	if err != nil {
		return nil, ErrSealed
	}
	return b, nil
}

// Seal seals a body to the key under a label. The body is an encoded struct,
// already padded.
func (k *PublicKey) Seal(random io.Reader, l Label, body []byte) (*wire.Sealed, error) {
	once, ek, err := k.NewKeyTo(random, l)
	if err != nil {
		return nil, err
	}
	defer once.Clear()
	return &wire.Sealed{Ek: ek, Ct: once.Seal(sealedAad(k, l, ek), body)}, nil
}

// Open opens what was sealed to this identity under a label, or returns ErrSealed.
func (i *Identity) Open(l Label, s *wire.Sealed) ([]byte, error) {
	once, err := i.KeyFrom(l, &s.Ek)
	if err != nil {
		return nil, err
	}
	defer once.Clear()
	return once.Open(sealedAad(i.public, l, s.Ek), s.Ct)
}

func sealedAad(to *PublicKey, l Label, ek [384]byte) []byte {
	aad, err := (&wire.SealedAad{To: to.id, Ek: ek}).AppendBinary(l.Bytes())
	if err != nil {
		panic("keys: " + err.Error()) // nothing in it has bounds to break
	}
	return aad
}
