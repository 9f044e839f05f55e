package keys

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"

	"sotto/wire"
)

// testIdentity is made once for all tests. Nothing may depend on which it is.
var testIdentity = sync.OnceValue(func() *Identity {
	identity, err := Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	return identity
})

const (
	labelA Label = "a"
	labelB Label = "b"
)

// "A signature made for one purpose verifies for no other."
func TestSignAndVerify(t *testing.T) {
	id := testIdentity()
	sig, err := id.Sign(rand.Reader, labelA, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Public().Verify(labelA, []byte("body"), sig[:]); err != nil {
		t.Errorf("a good signature: %v", err)
	}
	for name, test := range map[string]struct {
		label Label
		body  string
		sig   []byte
	}{
		"another label":        {labelB, "body", sig[:]},
		"a longer label":       {"a\x00b", "ody", sig[:]},
		"another body":         {labelA, "bodY", sig[:]},
		"label in the body":    {"", "a\x00body", sig[:]},
		"383 bytes":            {labelA, "body", sig[:383]},
		"385 bytes":            {labelA, "body", append(bytes.Clone(sig[:]), 0)},
		"385 bytes, zero ones": {labelA, "body", append([]byte{0}, sig[:]...)},
		"none":                 {labelA, "body", nil},
	} {
		if err := id.Public().Verify(test.label, []byte(test.body), test.sig); err != ErrSignature {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSignature)
		}
	}
}

// PSS with salt 0, 20, 222, SHA-512, PKCS #1 v1.5 over the same bytes are refused.
func TestAttack26OtherSignatureSchemes(t *testing.T) {
	id := testIdentity()
	body := labelA.With([]byte("body"))
	digest := sha256.Sum256(body)
	for _, salt := range []int{1, 20, 31, 33, 222, 350} {
		sig, err := rsa.SignPSS(rand.Reader, id.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if err := id.Public().Verify(labelA, []byte("body"), sig); err != ErrSignature {
			t.Errorf("salt of %d bytes: error = %v", salt, err)
		}
	}
	h := crypto.SHA512.New()
	h.Write(body)
	if sig, err := rsa.SignPSS(rand.Reader, id.rsa, crypto.SHA512, h.Sum(nil), &rsa.PSSOptions{SaltLength: 32}); err != nil {
		t.Fatal(err)
	} else if err := id.Public().Verify(labelA, []byte("body"), sig); err != ErrSignature {
		t.Errorf("SHA-512: error = %v", err)
	}
	if sig, err := rsa.SignPKCS1v15(rand.Reader, id.rsa, crypto.SHA256, digest[:]); err != nil {
		t.Fatal(err)
	} else if err := id.Public().Verify(labelA, []byte("body"), sig); err != ErrSignature {
		t.Errorf("PKCS #1 v1.5: error = %v", err)
	}
	for name, em := range map[string][]byte{
		"salt 0":     encodePSS(t, digest, nil, sha256Hash),
		"MGF1-SHA-1": encodePSS(t, digest, make([]byte, 32), crypto.SHA1),
	} {
		sig := raw(id, em)
		if err := id.Public().Verify(labelA, []byte("body"), sig); err != ErrSignature {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	// The encoder above is right where it does the right thing.
	if err := id.Public().Verify(labelA, []byte("body"), raw(id, encodePSS(t, digest, make([]byte, 32), sha256Hash))); err != nil {
		t.Errorf("hand-made PSS as it should be: %v", err)
	}
}

const sha256Hash = crypto.SHA256

// encodePSS is EMSA-PSS (RFC 8017 section 9.1.1) with a mask of another hash, which
// the standard library won't make.
func encodePSS(t *testing.T, digest [32]byte, salt []byte, mask crypto.Hash) []byte {
	t.Helper()
	em := make([]byte, Bits/8)
	h := sha256.New()
	h.Write(make([]byte, 8))
	h.Write(digest[:])
	h.Write(salt)
	sum := h.Sum(nil)
	db := em[:len(em)-len(sum)-1]
	db[len(db)-len(salt)-1] = 1
	copy(db[len(db)-len(salt):], salt)
	for i, n := 0, uint32(0); i < len(db); n++ {
		m := mask.New()
		m.Write(sum)
		m.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		for _, b := range m.Sum(nil) {
			if i < len(db) {
				db[i] ^= b
				i++
			}
		}
	}
	db[0] &= 0x7f
	copy(em[len(db):], sum)
	em[len(em)-1] = 0xbc
	return em
}

// raw is the private operation on a number.
func raw(id *Identity, em []byte) []byte {
	m := new(big.Int).SetBytes(em)
	return m.Exp(m, id.rsa.D, id.rsa.N).FillBytes(make([]byte, Bits/8))
}

// s >= n, s = 0, s = 1, of 383 and 385 bytes.
func TestAttack27NumbersThatAreNoSignatures(t *testing.T) {
	id := testIdentity()
	sig, err := id.Sign(rand.Reader, labelA, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(sig[:])
	for name, number := range map[string]*big.Int{
		"0": big.NewInt(0), "1": big.NewInt(1), "n": id.rsa.N,
		"n-1": new(big.Int).Sub(id.rsa.N, big.NewInt(1)), "n+1": new(big.Int).Add(id.rsa.N, big.NewInt(1)),
		"s+n": new(big.Int).Add(s, id.rsa.N), "n-s": new(big.Int).Sub(id.rsa.N, s),
	} {
		b := number.Bytes()
		if len(b) < Bits/8 {
			b = number.FillBytes(make([]byte, Bits/8))
		}
		if err := id.Public().Verify(labelA, []byte("body"), b); err != ErrSignature {
			t.Errorf("s = %s: error = %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "383 bytes": sig[:383], "383 bytes, the last ones": sig[1:],
		"385 bytes": append(sig[:384:384], 0), "385 bytes, the same number": append([]byte{0}, sig[:]...),
	} {
		if err := id.Public().Verify(labelA, []byte("body"), b); err != ErrSignature {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// A modulus of 3071 or 3073 bits, even, with a small factor; an exponent that isn't 65537.
func TestAttack22KeysOfTheWrongShape(t *testing.T) {
	good := testIdentity().Public().Modulus()
	if _, err := NewPublicKey(good); err != nil {
		t.Fatalf("a good modulus: %v", err)
	}
	for name, change := range map[string]func(*wire.Rsa){
		"3071 bits": func(m *wire.Rsa) { m[0] = m[0]&0x7f | 0x40 },
		"even":      func(m *wire.Rsa) { m[383] &^= 1 },
		"zero":      func(m *wire.Rsa) { *m = wire.Rsa{} },
		"one":       func(m *wire.Rsa) { *m = wire.Rsa{383: 1} },
		"factor 3":  func(m *wire.Rsa) { multipleOf(m, 3) },
		"factor 4093": func(m *wire.Rsa) { // the largest prime below 2^12
			multipleOf(m, 4093)
		},
	} {
		bad := good
		change(&bad)
		if key, err := NewPublicKey(bad); err == nil || key != nil {
			t.Errorf("%s: taken", name)
		}
	}
	// A modulus of 3073 bits has no place in 384 bytes. As a private key it has one:
	for name, change := range map[string]func(*rsa.PrivateKey){
		"e 3":         func(k *rsa.PrivateKey) { k.E = 3 },
		"3073 bits":   func(k *rsa.PrivateKey) { k.N = new(big.Int).Lsh(k.N, 1) },
		"three parts": func(k *rsa.PrivateKey) { k.Primes = append(k.Primes, big.NewInt(3)) },
		"p and q not of n": func(k *rsa.PrivateKey) {
			k.Primes = []*big.Int{new(big.Int).Add(k.Primes[0], big.NewInt(2)), k.Primes[1]}
		},
		"another d": func(k *rsa.PrivateKey) { k.D = new(big.Int).Add(k.D, big.NewInt(2)) },
		"p = n":     func(k *rsa.PrivateKey) { k.Primes = []*big.Int{k.N, big.NewInt(1)} },
	} {
		old := testIdentity().rsa
		k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: old.N, E: old.E}, D: old.D, Primes: append([]*big.Int(nil), old.Primes...)}
		change(k)
		if _, err := newIdentity(k); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// multipleOf makes a modulus an odd multiple of p near to what it was.
func multipleOf(m *wire.Rsa, p int64) {
	n := new(big.Int).SetBytes(m[:])
	n.Sub(n, new(big.Int).Mod(n, big.NewInt(p)))
	if n.Bit(0) == 0 {
		n.Sub(n, big.NewInt(p))
	}
	n.FillBytes(m[:])
}

func TestSealAndOpen(t *testing.T) {
	id := testIdentity()
	sealed, err := id.Public().Seal(rand.Reader, labelA, make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := id.Open(labelA, sealed); err != nil || !bytes.Equal(b, make([]byte, 64)) {
		t.Errorf("got %x, %v", b, err)
	}
	for name, change := range map[string]func(s *wire.Sealed) Label{
		"another label": func(*wire.Sealed) Label { return labelB },
		"ek altered":    func(s *wire.Sealed) Label { s.Ek[200] ^= 1; return labelA },
		"ek is n":       func(s *wire.Sealed) Label { s.Ek = id.Public().Modulus(); return labelA },
		"ek is 0":       func(s *wire.Sealed) Label { s.Ek = [384]byte{}; return labelA },
		"ct altered":    func(s *wire.Sealed) Label { s.Ct[0] ^= 1; return labelA },
		"tag altered":   func(s *wire.Sealed) Label { s.Ct[len(s.Ct)-1] ^= 1; return labelA },
		"tag of 12":     func(s *wire.Sealed) Label { s.Ct = s.Ct[:len(s.Ct)-4]; return labelA },
		"no tag":        func(s *wire.Sealed) Label { s.Ct = s.Ct[:64]; return labelA },
		"no ct":         func(s *wire.Sealed) Label { s.Ct = nil; return labelA },
	} {
		bad := wire.Sealed{Ek: sealed.Ek, Ct: bytes.Clone(sealed.Ct)}
		if _, err := id.Open(change(&bad), &bad); err != ErrSealed {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSealed)
		}
	}
}

// An iv of 0 or 16 bytes inside the OAEP, a key of 16, nothing: all the same error.
func TestAttack36SealKeysOfTheWrongSize(t *testing.T) {
	id := testIdentity()
	for _, size := range []int{0, 16, 32, 43, 45, 48, 60} {
		b, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &id.public.rsa, make([]byte, size), labelA.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		ek := [384]byte(b)
		if _, err := id.KeyFrom(labelA, &ek); err != ErrSealed {
			t.Errorf("%d bytes: error = %v, want %v", size, err, ErrSealed)
		}
	}
}

func TestIdentityAtRest(t *testing.T) {
	id := testIdentity()
	k := id.Wire()
	b, err := k.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 2048 {
		t.Errorf("%d bytes, want 2048 whatever the key", len(b))
	}
	again, err := NewIdentity(&k)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Public().Equal(id.Public()) {
		t.Error("another key came back")
	}
	sig, err := again.Sign(rand.Reader, labelA, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Public().Verify(labelA, nil, sig[:]); err != nil {
		t.Error(err)
	}
	again.Clear()
	if again.rsa.D.Sign() != 0 && !bytes.Equal(again.rsa.D.Bytes(), nil) {
		t.Error("Clear leaves the exponent")
	}
	if id.rsa.D.Sign() == 0 {
		t.Error("Clear cleared another identity")
	}
}

// A reader that ends is an error, never a weaker key.
func TestRandomnessThatEnds(t *testing.T) {
	for n := range 100 {
		if _, err := testIdentity().Public().Seal(bytes.NewReader(make([]byte, n)), labelA, make([]byte, 64)); err == nil && n < 44 {
			t.Errorf("sealed with %d random bytes", n)
		}
	}
	if _, err := testIdentity().Sign(bytes.NewReader(make([]byte, 31)), labelA, nil); err == nil {
		t.Error("signed with 31 random bytes")
	}
}

// Attack 69: what is printed by accident contains no secret.
func TestAttack69NothingPrintsSecrets(t *testing.T) {
	id := testIdentity()
	k := id.Wire()
	secrets := []string{
		fmt.Sprintf("%x", k.D[100:108]), fmt.Sprintf("%x", k.P[50:58]), strings.Trim(fmt.Sprint(k.Q[60:66]), "[]"),
		id.rsa.D.String()[:20], strings.Trim(fmt.Sprint(id.rsa.D.Bits()[:2]), "{}[]"),
	}
	file := &ServerFile{Identity: id, Secret: [32]byte(k.P[50:82])}
	once := NewOnceKey([32]byte(k.P[50:82]), [12]byte{})
	for _, v := range []any{id, file, once, &k} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if v == any(&k) && format == "%#v" {
				continue // generated types hide their secrets in String
			}
			got := fmt.Sprintf(format, v)
			for _, secret := range secrets {
				if strings.Contains(got, secret) {
					t.Errorf("%T with %s shows %s", v, format, secret)
				}
			}
		}
	}
}

// "Argon2id (t=3, 64 MiB, p=4)": what a guess at a password costs a thief. The zero
// Stretch is it, so nobody gets less by leaving something out.
func TestAttack70StretchIsTheProtocols(t *testing.T) {
	if want := (Stretch{Time: 3, MemoryKiB: 64 * 1024, Threads: 4}); standard != want {
		t.Errorf("stretch = %+v, want %+v", standard, want)
	}
	salt := [16]byte{1}
	zero, err := Stretch{}.Key([]byte("password"), salt)
	if err != nil {
		t.Fatal(err)
	}
	full, err := standard.Key([]byte("password"), salt)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(zero, full) {
		t.Error("the zero Stretch is another one")
	}
	oprf := [64]byte{2}
	if got := (Stretch{}).Output(oprf); !bytes.Equal(got[:], argon2.IDKey(oprf[:], make([]byte, 16), 3, 64*1024, 4, 64)) {
		t.Error("the output of an OPRF is stretched otherwise")
	}
}

func BenchmarkStretch(b *testing.B) {
	for b.Loop() {
		if _, err := standard.Key([]byte("password"), [16]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for b.Loop() {
		if _, err := testIdentity().Sign(rand.Reader, labelA, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	sig, err := testIdentity().Sign(rand.Reader, labelA, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := testIdentity().Public().Verify(labelA, nil, sig[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewPublicKey(b *testing.B) {
	for b.Loop() {
		if _, err := NewPublicKey(testIdentity().Public().Modulus()); err != nil {
			b.Fatal(err)
		}
	}
}
