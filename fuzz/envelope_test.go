package fuzz

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"unicode/utf8"

	"sotto/node/directory/manifest"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// FuzzEnvelope opens what the server, a third person or the sender himself can put
// before a recipient.
func FuzzEnvelope(f *testing.F) {
	alice, bob := identities()["alice"], identities()["bob"]
	for how := range byte(4) {
		f.Add(how, []byte{})
		f.Add(how, []byte{0, 0, 1})
		f.Add(how, []byte{0, 100, 0xff, 2, 0, 3})
		f.Add(how, []byte("\x1f\x00\x00\x05hello"))
		f.Add(how, []byte{16})
		f.Add(how, []byte{0, 0})
	}
	f.Fuzz(func(t *testing.T, how byte, data []byte) {
		honest, err := envelope.Seal(rand.Reader, envelope.Sender{Identity: alice, Name: "alice"},
			envelope.Person{Name: "bob", Key: bob.Public()},
			envelope.Heading{Id: [16]byte{1}, Seq: 1, Sent: fixedNow}, "hello")
		if err != nil {
			t.Fatal(err)
		}
		var e wire.Envelope
		if err := e.UnmarshalBinary(honest); err != nil {
			t.Fatal(err)
		}
		msg := data
		bySender := false // signed by alice, who may write what she likes
		switch how % 4 {
		case 1:
			msg = patched(honest, data)
		case 2: // a changed body, signed
			if e.Body.UnmarshalBinary(patched(e.BodyRaw, data)) != nil {
				return
			}
			bySender = true
		case 3: // any text
			once, ek, err := bob.Public().NewKeyTo(rand.Reader, "msg")
			if err != nil {
				t.Fatal(err)
			}
			aad := encoded(t, &wire.EnvelopeAad{Header: e.Body.Header, Ek: ek})
			e.Body.Ek, e.Body.Ct = ek, once.Seal(keys.Label("msg").With(aad), data)
			if _, err := e.Body.MarshalBinary(); err != nil {
				return // too short or too long
			}
			bySender = true
		}
		if bySender {
			e.Sig, err = alice.Sign(rand.Reader, "msg", encoded(t, &e.Body))
			if err != nil {
				t.Fatal(err)
			}
			msg = encoded(t, &e)
		}
		_, peekErr := envelope.Peek(msg)
		m, err := envelope.Open(bob, "bob", envelope.Person{Name: "alice", Key: alice.Public()}, fixedNow, envelope.DirectAge, msg)
		switch {
		case (m == nil) != (err != nil):
			t.Fatal("neither a message nor an error, or both")
		case err != nil:
			if errors.Is(err, envelope.ErrMalformed) != (peekErr != nil) {
				t.Fatalf("open: %v, peek: %v", err, peekErr)
			}
		case !utf8.ValidString(m.Text) || len(m.Text) > envelope.MaxText || m.Header.To != "bob" || m.Header.From != "alice":
			t.Fatalf("took %v", &m.Header)
		case !bySender && !bytes.Equal(msg, honest):
			t.Fatal("took what alice didn't sign")
		}
	})
}

// FuzzWindow compares a window with a set of all numbers: it never takes one twice, and
// what it stores is what it reads.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{1, 2, 3, 5, 4, 9, 9, 7})
	f.Add([]byte{100, 50, 51, 49, 200, 0, 255, 128, 127})
	long := make([]byte, 600)
	for i := range long {
		long[i] = byte(i * 37)
	}
	f.Add(long)
	f.Fuzz(func(t *testing.T, steps []byte) {
		var w envelope.Window
		taken := make(map[uint64]bool)
		base := uint64(1000)
		for i, step := range steps {
			if step == 0 {
				base += 3 << 20 // a new profile
			}
			seq := base + uint64(step) - 128
			if step == 255 {
				base += 100
			}
			id := [16]byte{byte(i), byte(i >> 8), 1}
			gaps, err := w.Accept(seq, id)
			if err == nil && taken[seq] {
				t.Fatalf("step %d: %d was taken twice", i, seq)
			}
			if err == nil {
				taken[seq] = true
				if _, err := w.Accept(seq, id); !errors.Is(err, envelope.ErrRepeated) {
					t.Fatalf("step %d: %d again: %v", i, seq, err)
				}
			}
			for _, g := range gaps {
				if g.From >= g.To || g.To != seq || taken[g.From] || taken[g.To-1] {
					t.Fatalf("step %d: gap %v before %d", i, g, seq)
				}
			}
			b := encoded(t, &w)
			var again envelope.Window
			if err := again.UnmarshalBinary(b); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			if !bytes.Equal(encoded(t, &again), b) {
				t.Fatalf("step %d: reads something else than was stored", i)
			}
		}
	})
}

// FuzzManifest is a hostile server that signs what it likes.
func FuzzManifest(f *testing.F) {
	server := identities()["server"]
	for _, data := range [][]byte{{}, {0, 0, 1}, {0, 40, 1}, {0, 41, 0x80}, {0, 97, 0xff}, {2, 0, 1}, {7}, {0, 0}} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		honest, err := manifest.Sign(rand.Reader, server, nil, []wire.ManifestEntry{
			{User: "alice", Key: identities()["alice"].Public().Modulus()},
			{User: "bob", Key: identities()["bob"].Public().Modulus()},
		}, fixedNow, fixedNow.Add(manifest.Life))
		if err != nil {
			t.Fatal(err)
		}
		body := patched(honest.Signed().BodyRaw, data)
		sig, err := server.Sign(rand.Reader, "manifest", body)
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Parse(server.Public(), append(body, sig[:]...))
		if err != nil {
			return
		}
		for _, e := range m.Entries() {
			if got, ok := m.Lookup(e.Name); !ok || !got.Key.Equal(e.Key) || keys.CheckName(e.Name) != nil {
				t.Fatalf("entry %q can't be found, or has a name that is none", e.Name)
			}
		}
		if m.Follows(honest.Seen(), fixedNow) == nil && m.Seen() != honest.Seen() && m.Seen().Version <= 1 {
			t.Fatal("another manifest of the same version follows")
		}
	})
}
