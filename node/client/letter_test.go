package client_test

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

// deviceOf reads the keys of a user's device, who is not there now.
func (w *world) deviceOf(name string) *keys.Device {
	w.t.Helper()
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), name, "server"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close()
	b, err := p.Device()
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := keys.ParseDeviceFile(b, nil, keys.Stretch{})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// contactOf is a user as the log shows him.
func (w *world) contactOf(name string) *envelope.Contact {
	w.t.Helper()
	body := w.last(name).Body()
	return envelope.NewContact(body.User, &body.Account, body.Devices)
}

// deliver puts a letter into a mailbox, as whoever runs the server can.
func (w *world) deliver(to string, letter []byte) {
	w.t.Helper()
	u, err := w.engine.User(w.t.Context(), to)
	if err != nil {
		w.t.Fatal(err)
	}
	item := &store.Append{
		Mailbox: u.Mailbox, From: "Eve", ExpiresMs: uint64(time.Now().Add(time.Hour).UnixMilli()), Body: letter,
	}
	rand.Read(item.Id[:])
	if _, err := w.engine.Do(w.t.Context(), store.Op{At: time.Now().UnixMilli(), Append: item}); err != nil {
		w.t.Fatal(err)
	}
}

// "Eve re-signs Alice's letter, with from = Eve and unchanged; a letter for Eve
// delivered to Bob; one number for two messages": what Eve and the server can make
// of letters is refused, with the reason, and harms nobody.
func TestAttacks32To40WithLetters(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	for _, name := range []string{"Alice", "Eve"} {
		w.enter(name).leave()
	}
	alice, eve := w.deviceOf("Alice"), w.deviceOf("Eve")
	head := w.book().Head()
	seq := uint64(time.Now().UnixMilli())
	seal := func(from *keys.Device, to, text string, change func(*envelope.LetterHeading)) []byte {
		t.Helper()
		seq++
		h := envelope.LetterHeading{Seq: seq, Sent: time.Now(), Head: head}
		rand.Read(h.Id[:])
		if change != nil {
			change(&h)
		}
		b, err := envelope.SealLetter(rand.Reader, from, w.contactOf(to), h, text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	resign := func(sealed []byte, change func(*wire.LetterHeader)) []byte {
		t.Helper()
		var l wire.Letter
		if err := l.UnmarshalBinary(sealed); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&l.Body.Header)
		}
		body, err := l.Body.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		l.Sig, l.BodyRaw = eve.Signer.Sign("letter", body), nil
		b, err := l.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	stolen := seal(alice, "Bob", "from Alice", nil)
	w.deliver("Bob", resign(stolen, nil))
	bob.refused(1, envelope.ErrSignature)
	w.deliver("Bob", resign(stolen, func(h *wire.LetterHeader) { h.From, h.FromDevice = "Eve", eve.Id() }))
	bob.refused(1, envelope.ErrSealed)
	w.deliver("Bob", seal(alice, "Eve", "for Eve", nil))
	bob.refused(1, envelope.ErrNotForMe)
	w.deliver("Bob", []byte("no letter at all"))
	bob.refused(1, envelope.ErrMalformed)
	w.deliver("Bob", seal(eve, "Bob", "from the future", func(h *envelope.LetterHeading) { h.Sent = time.Now().Add(time.Hour) }))
	bob.refused(1, envelope.ErrFromFuture)

	// A head that the server never signed accuses its writer alone.
	w.deliver("Bob", seal(eve, "Bob", "forged", func(h *envelope.LetterHeading) { h.Head.Root[0]++ }))
	await(bob, "the refusal", 1, func(e client.Unreadable) bool { return e.Why != nil && strings.Contains(e.Why.Error(), "never signed") })
	other, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := directory.SignHead(other.Signer(), w.host.Realm(), head.Leaves, w.engine.Hashes(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Root[0]++
	w.deliver("Bob", seal(eve, "Bob", "foreign", func(h *envelope.LetterHeading) { h.Head = foreign }))
	await(bob, "the refusals", 2, func(e client.Unreadable) bool { return e.Why != nil && strings.Contains(e.Why.Error(), "never signed") })

	first := seal(eve, "Bob", "genuine", nil)
	w.deliver("Bob", first)
	bob.gets("Eve", "genuine")
	w.deliver("Bob", seal(eve, "Bob", "another under the same number", func(h *envelope.LetterHeading) { h.Seq = seq - 1; seq-- }))
	bob.refused(1, envelope.ErrSeqReused)
	w.deliver("Bob", stolen)
	bob.gets("Alice", "from Alice")
	if n := bob.count("genuine"); n != 1 {
		t.Errorf("shown %d times, want once", n)
	}
}
