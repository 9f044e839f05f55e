package fuzz

import (
	"crypto/rand"
	"encoding"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
)

// identities are made once for each fuzzing process. Nothing may depend on which
// they are: a corpus must mean the same to all of them, so targets build from it what needs
// a key. A target asks for them before f.Fuzz: a busy machine may take longer to make them
// than Go lets an input run.
var identities = sync.OnceValue(func() map[string]*keys.Identity {
	all := make(map[string]*keys.Identity)
	for _, name := range []string{"server", "alice", "bob"} {
		identity, err := keys.Generate(rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = identity
	}
	return all
})

// fixedNow is when all of it happens.
var fixedNow = time.UnixMilli(1_800_000_000_000)

func encoded(t testing.TB, m encoding.BinaryMarshaler) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedTo seals any bytes, of whatever length, as a hostile peer can.
func sealedTo(t testing.TB, to *keys.PublicKey, l keys.Label, plain []byte) []byte {
	t.Helper()
	s, err := to.Seal(rand.Reader, l, plain)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.MarshalBinary()
	if err != nil {
		return nil // too short or too long for a Sealed: nothing that could be sent
	}
	return b
}

// patched is b with some of its bytes changed as data says: triples of a position and
// what to XOR there. So a corpus can speak about messages whose bytes are random.
func patched(b, data []byte) []byte {
	b = append([]byte(nil), b...)
	for ; len(data) >= 3 && len(b) > 0; data = data[3:] {
		b[(int(data[0])<<8|int(data[1]))%len(b)] ^= data[2]
	}
	switch {
	case len(data) == 1 && len(b) > int(data[0]):
		b = b[:len(b)-int(data[0])]
	case len(data) == 2:
		b = append(b, data...)
	}
	return b
}
