package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"sotto/wire"
)

func testSigner(t testing.TB, n byte) *Signer {
	t.Helper()
	return NewSigner(wire.Seed{n, 1})
}

// "A signature made for one purpose verifies for no other."
func TestSignerLabels(t *testing.T) {
	s := testSigner(t, 1)
	sig := s.Sign(labelA, []byte("body"))
	if err := VerifyEd(labelA, s.Public(), []byte("body"), &sig); err != nil {
		t.Errorf("a good signature: %v", err)
	}
	text, err := s.SignText([]byte("sotto/1 log\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyText(s.Public(), []byte("sotto/1 log\n"), &text); err != nil {
		t.Errorf("a good signature of a text: %v", err)
	}
	changed := sig
	changed[40] ^= 1
	for name, err := range map[string]error{
		"another label":      VerifyEd(labelB, s.Public(), []byte("body"), &sig),
		"a longer label":     VerifyEd("a\x00b", s.Public(), []byte("ody"), &sig),
		"another body":       VerifyEd(labelA, s.Public(), []byte("bodY"), &sig),
		"label in the body":  VerifyEd("", s.Public(), []byte("a\x00body"), &sig),
		"another key":        VerifyEd(labelA, testSigner(t, 2).Public(), []byte("body"), &sig),
		"changed":            VerifyEd(labelA, s.Public(), []byte("body"), &changed),
		"body as a text":     VerifyText(s.Public(), labelA.With([]byte("body")), &sig),
		"text under a label": VerifyEd("log\n", s.Public(), nil, &text),
	} {
		if err != ErrSignature {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSignature)
		}
	}
	if _, err := s.SignText(labelA.With([]byte("body"))); err == nil {
		t.Error("what begins with a label was signed as a text")
	}
}

// s >= the group's order, s = 0, s = 1, halves exchanged; a signature of Ed25519ph or
// Ed25519ctx over the same bytes.
func TestAttack26And27OtherEdSignatures(t *testing.T) {
	s := testSigner(t, 1)
	body := []byte("body")
	good := s.Sign(labelA, body)
	order, ok := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	if !ok {
		t.Fatal("the order")
	}
	// with is the signature with another s, which is little-endian.
	with := func(number *big.Int) wire.EdSignature {
		sig := good
		b := number.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		copy(sig[32:], b)
		return sig
	}
	b := bytes.Clone(good[32:])
	slices.Reverse(b)
	number := new(big.Int).SetBytes(b)
	if sig := with(number); VerifyEd(labelA, s.Public(), body, &sig) != nil {
		t.Fatal("the good one is refused")
	}
	other := func(message []byte, options *ed25519.Options) wire.EdSignature {
		sig, err := s.private.Sign(nil, message, options)
		if err != nil {
			t.Fatal(err)
		}
		return wire.EdSignature(sig)
	}
	message := labelA.With(body)
	digest := sha512.Sum512(message)
	for name, sig := range map[string]wire.EdSignature{
		"s + order":   with(new(big.Int).Add(number, order)),
		"s = 0":       with(new(big.Int)),
		"s = 1":       with(big.NewInt(1)),
		"s = order":   with(order),
		"exchanged":   wire.EdSignature(append(bytes.Clone(good[32:]), good[:32]...)),
		"all zero":    {},
		"Ed25519ph":   other(digest[:], &ed25519.Options{Hash: crypto.SHA512}),
		"Ed25519ctx":  other(message, &ed25519.Options{Context: "sotto/1"}),
		"of a digest": other(digest[:], &ed25519.Options{}),
	} {
		if err := VerifyEd(labelA, s.Public(), body, &sig); err != ErrSignature {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// A key of small order verifies what nobody signed, and is refused.
func TestWeakVerifyKeys(t *testing.T) {
	for _, k := range weak {
		for _, sign := range []byte{0, 0x80} {
			k[31] ^= sign
			// With s = 0 the equation says R = -hA, which for one h in eight is R = A or the identity.
			forged, accepted := wire.EdSignature{0: 1}, 0
			for n := range 400 {
				body := []byte{byte(n), byte(n >> 8)}
				if ed25519.Verify(k[:], labelA.With(body), forged[:]) {
					accepted++
				}
				if VerifyEd(labelA, k, body, &forged) == nil {
					t.Fatalf("key %x is believed", k)
				}
			}
			// Encodings that aren't canonical, the standard library may refuse by itself.
			if canonical := k[31]&0x7f != 0x7f && sign == 0; canonical && accepted == 0 {
				t.Errorf("key %x is not weak", k)
			}
		}
	}
}

func TestSignerShowsNoSecret(t *testing.T) {
	seed, err := NewSeed(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSigner(seed)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if shown := fmt.Sprintf(verb, s); strings.Contains(shown, fmt.Sprintf("%x", seed[:8])) || strings.Contains(shown, strings.Trim(fmt.Sprint(seed[:8]), "[]")) {
			t.Errorf("%s shows %s", verb, shown)
		}
	}
	private := s.private
	s.Clear()
	if bytes.Contains(private, seed[:8]) {
		t.Error("the seed is still there")
	}
	if _, err := NewSeed(strings.NewReader("too short")); err == nil {
		t.Error("a source that ends gives a key")
	}
}

func BenchmarkSignEd(b *testing.B) {
	s := testSigner(b, 1)
	for b.Loop() {
		s.Sign(labelA, []byte("body"))
	}
}

func BenchmarkVerifyEd(b *testing.B) {
	s := testSigner(b, 1)
	sig := s.Sign(labelA, []byte("body"))
	for b.Loop() {
		if err := VerifyEd(labelA, s.Public(), []byte("body"), &sig); err != nil {
			b.Fatal(err)
		}
	}
}
