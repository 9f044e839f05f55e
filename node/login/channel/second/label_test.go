package second

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// label is what stands before everything signed, hashed or derived.
func label(name string) []byte { return append([]byte("sotto/1 "+name), 0) }

// hashOf is H(name, parts).
func hashOf(name string, parts ...[]byte) []byte {
	h := sha256.Sum256(cat(label(name), cat(parts...)))
	return h[:]
}

// must gives v, where err could only come of a length that is constant here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// expand is HKDF-Expand(prk, name).
func expand(prk []byte, name string, n int) []byte {
	return must(hkdf.Expand(sha256.New, prk, string(label(name)), n))
}

func extract(salt, ikm []byte) []byte { return must(hkdf.Extract(sha256.New, ikm, salt)) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func gcm(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

// A signer is a Seed of the kind that signs.
type signer struct{ ed25519.PrivateKey }

func newSigner(seed []byte) signer { return signer{ed25519.NewKeyFromSeed(seed)} }

func (s signer) public() []byte { return s.PrivateKey.Public().(ed25519.PublicKey) }

func (s signer) sign(name string, body []byte) []byte {
	return ed25519.Sign(s.PrivateKey, cat(label(name), body))
}

func verify(pub []byte, name string, body, sig []byte) bool {
	return ed25519.Verify(pub, cat(label(name), body), sig)
}

const (
	verifyKeyLen     = 32
	sealingKeyLen    = 1216
	encapsulationLen = 1120
	signatureLen     = 64
	publicLen        = verifyKeyLen + sealingKeyLen // DeviceKeys and AccountKeys
)

// newSealer makes a Seed of the kind that opens into the private key.
func newSealer(seed []byte) hpke.PrivateKey { return must(hpke.MLKEM768X25519().NewPrivateKey(seed)) }

// encapsulate draws a secret for the holder of a SealingKey.
func encapsulate(pub []byte, name string) (enc, secret []byte, err error) {
	key, err := hpke.MLKEM768X25519().NewPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	enc, s, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.ExportOnly(), label(name))
	if err != nil {
		return nil, nil, err
	}
	secret, err = s.Export(string(label(name)), 32)
	return enc, secret, err
}

func decapsulate(key hpke.PrivateKey, name string, enc []byte) ([]byte, error) {
	r, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.ExportOnly(), label(name))
	if err != nil {
		return nil, err
	}
	return r.Export(string(label(name)), 32)
}

var errOpen = errors.New("a box does not open")
