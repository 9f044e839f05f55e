package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"io"

	"sotto/wire"
)

// A Label says what a signature, a seal, a hash or a derived key is for, so that
// none of them can be taken for another. It is the NAME in "sotto/1 NAME" and one
// zero byte, which stand before the input; see spec/classic/keys.wire. The zero
// byte can't be part of a name, so no label is the beginning of another.
type Label string

// Labels of this package.
const (
	labelKey          Label = "key"
	labelFingerprint  Label = "fingerprint"
	labelSafetyNumber Label = "safety number"
	labelFile         Label = "file key"

	labelServerKey     Label = "server key"
	labelAccount       Label = "account"
	labelAccountKey    Label = "account key"
	labelDevice        Label = "device"
	labelRotationOld   Label = "rotation old"
	labelRotationNew   Label = "rotation new"
	labelInvitation    Label = "invitation"
	labelInvitationKey Label = "invitation key"
)

// Bytes returns the label as it stands before an input.
func (l Label) Bytes() []byte {
	return append(append(make([]byte, 0, len("sotto/1 ")+len(l)+1), "sotto/1 "...), append([]byte(l), 0)...)
}

// With returns the label and the body behind it.
func (l Label) With(body []byte) []byte {
	return append(l.Bytes(), body...)
}

// Hash returns SHA-256 over the label and the body.
func (l Label) Hash(body []byte) wire.Hash {
	return wire.Hash(l.digest(sha256.New(), body))
}

// MAC returns HMAC-SHA-256 over the label and the body.
func (l Label) MAC(key, body []byte) [32]byte {
	return [32]byte(l.digest(hmac.New(sha256.New, key), body))
}

func (l Label) digest(h hash.Hash, body []byte) []byte {
	h.Write(l.Bytes())
	h.Write(body)
	return h.Sum(nil)
}

// Expand fills out with HKDF-Expand of a pseudorandom key. The labels of two
// keys from one secret must differ.
func (l Label) Expand(prk, out []byte) { expand(prk, string(l.Bytes()), out) }

func expand(prk []byte, info string, out []byte) {
	b, err := hkdf.Expand(sha256.New, prk, info, len(out))
	if err != nil {
		panic("keys: " + err.Error()) // more than 255 hashes wanted: nobody asks for that much
	}
	copy(out, b)
	clear(b)
}

// Extract returns HKDF-Extract with SHA-256.
func Extract(secret, salt []byte) []byte {
	prk, err := hkdf.Extract(sha256.New, secret, salt)
	if err != nil {
		panic("keys: " + err.Error()) // only where a FIPS mode refuses short secrets: ours have 32 bytes
	}
	return prk
}

// fill reads random bytes. A source that fails or ends is an error, never
// a reason to go on with less.
func fill(random io.Reader, b []byte) error {
	_, err := io.ReadFull(random, b)
	return err
}
