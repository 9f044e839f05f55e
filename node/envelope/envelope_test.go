package envelope

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// Key pairs are made once for all tests. Nothing may depend on which they are.
var testKeys = sync.OnceValue(func() map[string]*keys.Identity {
	all := make(map[string]*keys.Identity)
	for _, name := range []string{"alice", "bob", "eve"} {
		identity, err := keys.Generate(rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = identity
	}
	return all
})

var testNow = time.UnixMilli(1_800_000_000_000)

func person(name string) Person { return Person{name, testKeys()[name].Public()} }

func heading(seq uint64) Heading {
	return Heading{Id: [16]byte{byte(seq), 1}, Seq: seq, Sent: testNow, ManifestVersion: 3}
}

// from alice to bob
func sealed(t testing.TB, h Heading, text string) []byte {
	t.Helper()
	b, err := Seal(rand.Reader, Sender{testKeys()["alice"], "alice"}, person("bob"), h, text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func opened(b []byte) (*Message, error) {
	return Open(testKeys()["bob"], "bob", person("alice"), testNow, DirectAge, b)
}

func decoded(t testing.TB, b []byte) wire.Envelope {
	t.Helper()
	var e wire.Envelope
	if err := e.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return e
}

// signedBy signs an envelope again and encodes it.
func signedBy(t testing.TB, e wire.Envelope, by string) []byte {
	t.Helper()
	body, err := e.Body.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if e.Sig, err = testKeys()[by].Sign(rand.Reader, label, body); err != nil {
		t.Fatal(err)
	}
	return encoded(t, &e)
}

func encoded(t testing.TB, e *wire.Envelope) []byte {
	t.Helper()
	b, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealAndOpen(t *testing.T) {
	for _, text := range []string{"", "hello there", strings.Repeat("x", 61), strings.Repeat("é", 70_000), strings.Repeat("y", MaxText)} {
		b := sealed(t, heading(7), text)
		m, err := opened(b)
		if err != nil {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if m.Text != text || m.Header.Seq != 7 || m.Header.From != "alice" || m.Header.ManifestVersion != 3 {
			t.Errorf("%d bytes: got %d, header %v", len(text), len(m.Text), &m.Header)
		}
		if text != "" && len(text) > 20 && bytes.Contains(b, []byte(text)) {
			t.Error("the text stands in the envelope")
		}
		if most := len(text) + 1100; len(b) > most {
			t.Errorf("%d bytes of text make an envelope of %d", len(text), len(b))
		}
	}
	if len(sealed(t, heading(1), "a")) != len(sealed(t, heading(1), strings.Repeat("a", 60))) {
		t.Error("the length of a short text shows")
	}
	if m, err := Open(testKeys()["bob"], "BOB", Person{"Alice", person("alice").Key}, testNow, DirectAge, sealed(t, heading(1), "x")); err != nil || m.Text != "x" {
		t.Errorf("names in another spelling: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	alice := Sender{testKeys()["alice"], "alice"}
	for name, test := range map[string]struct {
		h    Heading
		text string
		want error
	}{
		"1 MiB and 1": {heading(1), strings.Repeat("x", MaxText+1), ErrTooLong},
		"not UTF-8":   {heading(1), "\xff", ErrNotText},
		"seq 0":       {heading(0), "x", ErrSeq},
		"seq 2^64-1":  {heading(1<<64 - 1), "x", ErrSeq},
	} {
		if _, err := Seal(rand.Reader, alice, person("bob"), test.h, test.text); !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
	}
	if _, err := Seal(bytes.NewReader(nil), alice, person("bob"), heading(1), "x"); err == nil {
		t.Error("sealed without randomness")
	}
}

// Eve signs alice's (ek, ct) again, as herself and as alice.
func TestAttack32SignedAgainByEve(t *testing.T) {
	e := decoded(t, sealed(t, heading(1), "hello"))
	if _, err := opened(signedBy(t, e, "eve")); !errors.Is(err, ErrSignature) {
		t.Errorf("header unchanged: error = %v, want %v", err, ErrSignature)
	}
	e.Body.Header.From, e.Body.Header.FromKey = "eve", testKeys()["eve"].Public().Id()
	b := signedBy(t, e, "eve")
	if _, err := Open(testKeys()["bob"], "bob", person("eve"), testNow, DirectAge, b); !errors.Is(err, ErrSealed) {
		t.Errorf("as eve: error = %v, want %v: the header is bound to the ciphertext", err, ErrSealed)
	}
	if _, err := opened(b); !errors.Is(err, ErrSender) {
		t.Errorf("as eve, taken for alice's: error = %v, want %v", err, ErrSender)
	}
}

// Alice's envelope for Eve, who has registered Bob's key as hers, delivered to Bob.
func TestAttack33EnvelopeForSomebodyElse(t *testing.T) {
	b, err := Seal(rand.Reader, Sender{testKeys()["alice"], "alice"}, Person{"eve", person("bob").Key}, heading(1), "for eve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(b); !errors.Is(err, ErrNotForMe) {
		t.Errorf("error = %v, want %v", err, ErrNotForMe)
	}
}

// from_key is not the pinned key; to_key is an old one of mine. "Say why."
func TestAttack34OtherKeys(t *testing.T) {
	b := sealed(t, heading(1), "hello")
	if _, err := Open(testKeys()["bob"], "bob", Person{"alice", person("eve").Key}, testNow, DirectAge, b); !errors.Is(err, ErrSenderKey) {
		t.Errorf("another pinned key: error = %v, want %v", err, ErrSenderKey)
	}
	if _, err := Open(testKeys()["eve"], "bob", person("alice"), testNow, DirectAge, b); !errors.Is(err, ErrOldKey) {
		t.Errorf("I have another key now: error = %v, want %v", err, ErrOldKey)
	}
	e := decoded(t, b)
	e.Body.Header.FromKey = testKeys()["eve"].Public().Id()
	if _, err := opened(signedBy(t, e, "alice")); !errors.Is(err, ErrSenderKey) {
		t.Errorf("another from_key: error = %v, want %v", err, ErrSenderKey)
	}
}

// ek, ct, h swapped between two good envelopes, each byte altered once, cut and lengthened.
func TestAttack35Spliced(t *testing.T) {
	first, second := sealed(t, heading(1), "first"), sealed(t, heading(2), "second")
	for name, splice := range map[string]func(e, from *wire.Envelope){
		"ek":  func(e, from *wire.Envelope) { e.Body.Ek = from.Body.Ek },
		"ct":  func(e, from *wire.Envelope) { e.Body.Ct = from.Body.Ct },
		"h":   func(e, from *wire.Envelope) { e.Body.Header = from.Body.Header },
		"sig": func(e, from *wire.Envelope) { e.Sig = from.Sig },
	} {
		e, from := decoded(t, first), decoded(t, second)
		splice(&e, &from)
		if _, err := opened(encoded(t, &e)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s swapped: error = %v, want %v", name, err, ErrSignature)
		}
		if name == "sig" {
			continue
		}
		// Even signed by alice herself the parts don't fit together.
		if _, err := opened(signedBy(t, e, "alice")); !errors.Is(err, ErrSealed) {
			t.Errorf("%s swapped and signed: error = %v, want %v", name, err, ErrSealed)
		}
	}
	for i := range first {
		bad := bytes.Clone(first)
		bad[i] ^= 1
		if m, err := opened(bad); err == nil || m != nil {
			t.Fatalf("byte %d altered: opened", i)
		}
		if _, err := opened(first[:i]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: error = %v, want %v", i, err, ErrMalformed)
		}
	}
	for i := 1; i <= 64; i++ {
		if _, err := opened(append(bytes.Clone(first), make([]byte, i)...)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d bytes more: error = %v, want %v", i, err, ErrMalformed)
		}
	}
}

// The tag cut to 12, 4 and 0 bytes; an iv of 0 or 16 bytes inside the OAEP. All of it
// signed by alice.
func TestAttack36TagsAndIvs(t *testing.T) {
	b := sealed(t, heading(1), strings.Repeat("long enough", 20))
	for _, cut := range []int{4, 12, 16} {
		e := decoded(t, b)
		e.Body.Ct = e.Body.Ct[:len(e.Body.Ct)-cut]
		if _, err := opened(signedBy(t, e, "alice")); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes less: error = %v, want %v", cut, err, ErrSealed)
		}
	}
	n := testKeys()["bob"].Public().Modulus()
	bob := rsa.PublicKey{N: new(big.Int).SetBytes(n[:]), E: keys.Exponent}
	for _, iv := range []int{0, 11, 13, 16} {
		e := decoded(t, b)
		ek, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &bob, make([]byte, 32+iv), label.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		e.Body.Ek = [384]byte(ek)
		if _, err := opened(signedBy(t, e, "alice")); !errors.Is(err, ErrSealed) {
			t.Errorf("iv of %d bytes: error = %v, want %v", iv, err, ErrSealed)
		}
	}
}

// seq 2^64-1, sent in an hour or more than a day ago.
func TestAttack37NumbersAndTimes(t *testing.T) {
	now := testNow.UnixMilli()
	const hour, day = 3_600_000, 86_400_000
	for name, test := range map[string]struct {
		sent   int64
		oldest time.Duration
		want   error
	}{
		"in an hour":              {now + hour, DirectAge, ErrFromFuture},
		"in 9 minutes":            {now + hour*9/60, DirectAge, nil},
		"at the end of time":      {1<<63 - 1, DirectAge, ErrFromFuture},
		"a day ago":               {now - day, DirectAge, ErrTooOld},
		"a day ago, in a mailbox": {now - day, StoredAge, nil},
		"two months ago":          {now - 60*day, StoredAge, ErrTooOld},
		"in 1970":                 {0, StoredAge, ErrTooOld},
	} {
		h := heading(1)
		h.Sent = time.UnixMilli(test.sent)
		_, err := Open(testKeys()["bob"], "bob", person("alice"), testNow, test.oldest, sealed(t, h, "x"))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
	}
}

// "A malicious server asks C to sign C2-shaped bytes that parse as an E header": what a
// client signs at a login never verifies as an envelope, whatever the bytes.
func TestAttack29SignatureOfALoginIsNoEnvelope(t *testing.T) {
	alice := testKeys()["alice"]
	e := decoded(t, sealed(t, heading(1), "hello"))
	for i := range 40 {
		body, err := e.Body.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 { // the first is a well-formed envelope, the others are not
			if _, err := rand.Read(body[:i*10]); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range []keys.Label{"login", "c2", "m4", "manifest", "msg2", "ms"} {
			sig, err := alice.Sign(rand.Reader, l, body)
			if err != nil {
				t.Fatal(err)
			}
			if alice.Public().Verify(label, body, sig[:]) == nil {
				t.Fatalf("a signature under %q verifies as an envelope's", l)
			}
			if i == 0 {
				forged := e
				forged.Sig = sig
				if _, err := opened(encoded(t, &forged)); !errors.Is(err, ErrSignature) {
					t.Errorf("label %q: error = %v, want %v", l, err, ErrSignature)
				}
			}
		}
	}
}

// An envelope in which the signature is bad gives nothing away and changes nothing:
// there is no state here that it could change. Peek says only what it claims.
func TestAttack40PeekBelievesNothing(t *testing.T) {
	b := sealed(t, heading(1), "hello")
	b[len(b)-1] ^= 1
	h, err := Peek(b)
	if err != nil || h.From != "alice" || h.To != "bob" {
		t.Errorf("header = %v, %v", h, err)
	}
	if _, err := Peek(b[:100]); !errors.Is(err, ErrMalformed) {
		t.Errorf("cut: error = %v, want %v", err, ErrMalformed)
	}
	if _, err := Peek(append(b, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing: error = %v, want %v", err, ErrMalformed)
	}
}

func BenchmarkSeal(b *testing.B) {
	benchmarkText(b, func(b *testing.B, text string) {
		for b.Loop() {
			sealed(b, heading(1), text)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	benchmarkText(b, func(b *testing.B, text string) {
		envelope := sealed(b, heading(1), text)
		b.ResetTimer()
		for b.Loop() {
			if _, err := opened(envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkText(b *testing.B, run func(b *testing.B, text string)) {
	for name, size := range map[string]int{"64B": 64, "1MiB": MaxText} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			run(b, strings.Repeat("x", size))
		})
	}
}
