package keys

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sotto/wire"
)

func testSealer(n byte) *Sealer { return NewSealer(wire.Seed{n, 2}) }

func TestEncapsulate(t *testing.T) {
	s := testSealer(1)
	to := s.Public()
	enc, secret, err := Encapsulate(&to, labelA)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Decapsulate(labelA, &enc); err != nil || got != secret {
		t.Errorf("decapsulated another secret, or %v", err)
	}
	if _, again, _ := Encapsulate(&to, labelA); again == secret {
		t.Error("the same secret twice")
	}
	changedPQ, changedX := enc, enc
	changedPQ[100] ^= 1
	changedX[1100] ^= 1
	for name, got := range map[string]func() ([32]byte, error){
		"another label":  func() ([32]byte, error) { return s.Decapsulate(labelB, &enc) },
		"another key":    func() ([32]byte, error) { return testSealer(2).Decapsulate(labelA, &enc) },
		"ML-KEM changed": func() ([32]byte, error) { return s.Decapsulate(labelA, &changedPQ) },
		"X25519 changed": func() ([32]byte, error) { return s.Decapsulate(labelA, &changedX) },
	} {
		// Attack 41: implicit rejection.
		if other, err := got(); err != nil || other == secret {
			t.Errorf("%s: the same secret, or %v", name, err)
		}
	}
	s.Clear()
	s.Clear()
	if _, err := s.Decapsulate(labelA, &enc); err != ErrSealed {
		t.Errorf("after Clear: error = %v", err)
	}
}

func TestSealTo(t *testing.T) {
	s := testSealer(1)
	to := s.Public()
	enc, ct, err := SealTo(&to, labelA, []byte("known"), []byte("aad"), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(labelA, []byte("known"), &enc, []byte("aad"), ct); err != nil || string(got) != "text" {
		t.Errorf("opened %q, %v", got, err)
	}
	changed := bytes.Clone(ct)
	changed[0] ^= 1
	for name, err := range map[string]error{
		"another label": fault(s.Open(labelB, []byte("known"), &enc, []byte("aad"), ct)),
		"other known":   fault(s.Open(labelA, []byte("knowm"), &enc, []byte("aad"), ct)),
		"other aad":     fault(s.Open(labelA, []byte("known"), &enc, []byte("aae"), ct)),
		"another key":   fault(testSealer(2).Open(labelA, []byte("known"), &enc, []byte("aad"), ct)),
		"changed":       fault(s.Open(labelA, []byte("known"), &enc, []byte("aad"), changed)),
		"cut":           fault(s.Open(labelA, []byte("known"), &enc, []byte("aad"), ct[:15])),
		"other enc":     fault(s.Open(labelA, []byte("known"), new(wire.Encapsulation), []byte("aad"), ct)),
	} {
		if err != ErrSealed {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSealed)
		}
	}
	s.Clear()
	if err := fault(s.Open(labelA, []byte("known"), &enc, []byte("aad"), ct)); err != ErrSealed {
		t.Errorf("after Clear: error = %v", err)
	}
}

func fault(_ []byte, err error) error { return err }

// Attack 42: coefficients that aren't reduced, an X25519 part of low order.
func TestAttack42BadSealingKeys(t *testing.T) {
	good := testSealer(1).Public()
	unreduced, low := good, good
	unreduced[0], unreduced[1] = 0xff, 0xff // the first coefficient is 4095
	clear(low[len(low)-32:])
	for name, key := range map[string]*wire.SealingKey{"unreduced": &unreduced, "low order": &low} {
		if _, _, err := Encapsulate(key, labelA); err == nil {
			t.Errorf("%s: encapsulated to", name)
		}
		if _, _, err := SealTo(key, labelA, nil, nil, nil); err == nil {
			t.Errorf("%s: sealed to", name)
		}
	}
	if CheckSealingKey(&unreduced) == nil || CheckSealingKey(&good) != nil {
		t.Error("CheckSealingKey is wrong")
	}
	if CheckServerKey(&wire.ServerKey{Sign: testSigner(t, 1).Public(), Seal: unreduced}) == nil ||
		CheckServerKey(&wire.ServerKey{Seal: good}) == nil {
		t.Error("CheckServerKey takes what is no key")
	}
}

func TestSealerShowsNoSecret(t *testing.T) {
	s := NewSealer(wire.Seed{0xab, 0xcd, 0xef, 0x99})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if shown := fmt.Sprintf(verb, s); strings.Contains(shown, "abcdef99") || strings.Contains(shown, "171 205 239") {
			t.Errorf("%s shows %s", verb, shown)
		}
	}
}

func BenchmarkDecapsulate(b *testing.B) {
	s := testSealer(1)
	to := s.Public()
	enc, _, err := Encapsulate(&to, labelA)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Decapsulate(labelA, &enc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncapsulate(b *testing.B) {
	to := testSealer(1).Public()
	for b.Loop() {
		if _, _, err := Encapsulate(&to, labelA); err != nil {
			b.Fatal(err)
		}
	}
}
