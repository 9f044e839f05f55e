package fuzz

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"unicode/utf8"

	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// A letterWriter is a user with one device.
type letterWriter struct {
	account *keys.Account
	device  *keys.Device
	contact *envelope.Contact
}

var letterWriters = sync.OnceValue(func() map[string]*letterWriter {
	all := make(map[string]*letterWriter)
	for _, name := range []string{"alice", "bob"} {
		account, err := keys.NewAccount(rand.Reader)
		if err != nil {
			panic(err)
		}
		device, err := keys.NewDevice(rand.Reader, wire.Realm{1}, name, account)
		if err != nil {
			panic(err)
		}
		public := account.Public()
		contact := envelope.NewContact(name, &public, []wire.Device{{Keys: device.Public()}})
		all[name] = &letterWriter{account, device, contact}
	}
	return all
})

// FuzzLetter opens what the server, a third person or the sender himself can put before a
// recipient's device.
func FuzzLetter(f *testing.F) {
	for how := range byte(4) {
		f.Add(how, []byte{})
		f.Add(how, []byte{0, 0, 1})
		f.Add(how, []byte{0, 100, 0xff, 2, 0, 3})
		f.Add(how, []byte("\x1f\x00\x00\x05hello"))
		f.Add(how, []byte{16})
		f.Add(how, []byte{0, 0})
	}
	f.Fuzz(func(t *testing.T, how byte, data []byte) {
		alice, bob := letterWriters()["alice"], letterWriters()["bob"]
		honest, err := envelope.SealLetter(rand.Reader, alice.device, bob.contact,
			envelope.LetterHeading{Id: [16]byte{1}, Seq: 1, Sent: fixedNow}, "hello")
		if err != nil {
			t.Fatal(err)
		}
		var l wire.Letter
		if err := l.UnmarshalBinary(honest); err != nil {
			t.Fatal(err)
		}
		msg := data
		bySender := false // signed by alice, who may write what she likes
		switch how % 4 {
		case 1:
			msg = patched(honest, data)
		case 2: // a changed body, signed
			if l.Body.UnmarshalBinary(patched(l.BodyRaw, data)) != nil {
				return
			}
			bySender = true
		case 3: // any text, under a key that is sealed as it should be
			key := wire.LetterKey{Key: [32]byte{1}}
			known := keys.Label("letter header").Hash(encoded(t, &l.Body.Header))
			slot := &l.Body.Slots[0]
			to := bob.device.Sealer.Public()
			enc, sealed, err := keys.SealTo(&to, "letter key", known[:], nil, encoded(t, &key))
			if err != nil {
				t.Fatal(err)
			}
			slot.Enc, slot.Sealed = enc, [60]byte(sealed)
			aad := encoded(t, &wire.LetterAad{Header: l.Body.Header, Slots: l.Body.Slots})
			l.Body.Ct = keys.NewOnceKey(key.Key, key.Iv).Seal(keys.Label("letter").With(aad), data)
			if _, err := l.Body.MarshalBinary(); err != nil {
				return // too short or too long
			}
			bySender = true
		}
		if bySender {
			l.BodyRaw = nil
			l.Sig = alice.device.Signer.Sign("letter", encoded(t, &l.Body))
			msg = encoded(t, &l)
		}
		_, peekErr := envelope.PeekLetter(msg)
		m, err := envelope.OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, alice.contact, fixedNow, envelope.DirectAge, msg)
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
