package client_test

import (
	"crypto/rand"
	"errors"
	"net/netip"
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

// "Two clients shown two trees find out with the first message between them and
// hold the evidence."
func TestTwoTrees(t *testing.T) {
	w := newDefaultWorld(t)
	alice, bob := w.enter("Alice", byServer), w.enter("Bob", byServer)
	bob.told(bob.says("Alice", "one tree"), client.Delivered)
	alice.leave()
	bob.leave()
	w.halt()

	// The server is dishonest from now on: it has two states.
	other := &world{t: t, dir: t.TempDir(), host: w.host, addr: netip.MustParseAddrPort("127.0.0.1:0")}
	other.openStore()
	other.restored(w.copied())
	w.enterAccount("Mallory")
	other.enterAccount("Trudy")
	w.start()
	other.start()
	t.Cleanup(other.close)
	at := func(s *world) func(*client.Config) {
		return func(cfg *client.Config) { cfg.Servers, cfg.Relay = []netip.AddrPort{s.addr}, true }
	}
	alice, bob = w.enter("Alice", at(w)), w.enter("Bob", at(other))
	alice.told(alice.says("Bob", "two trees"), client.Queued)

	// It has to carry the letter over, or they could not talk at all.
	from, err := w.engine.User(t.Context(), "Bob")
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := w.engine.Read(t.Context(), from.Mailbox, 0, 10)
	if err != nil || len(items) != 1 {
		t.Fatalf("%d items in Bob's mailbox, %v; want one", len(items), err)
	}
	for _, item := range items {
		to, err := other.engine.User(t.Context(), "Bob")
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.engine.Do(t.Context(), store.Op{At: time.Now().UnixMilli(), Append: &store.Append{
			Mailbox: to.Mailbox, From: "Alice", ExpiresMs: uint64(time.Now().Add(time.Hour).UnixMilli()), Body: item.Body,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	other.halt()
	other.start() // so that what is in the mailbox is pushed

	why := bob.ends()
	var alarm *client.DirectoryError
	var fork *directory.ForkError
	if !errors.As(why, &alarm) || !errors.As(why, &fork) || alarm.Evidence == "" {
		t.Fatalf("ended with %v, want the alarm of two logs, and where the evidence is", why)
	}
	bob.leave()
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), "Bob", "server"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	held, err := p.Evidence(t.Context())
	if err != nil || len(held) != 1 {
		t.Fatalf("%d pieces of evidence, %v; want one", len(held), err)
	}
	var evidence wire.ForkEvidence
	if err := evidence.UnmarshalBinary(held[0].Body); err != nil {
		t.Fatal(err)
	}
	if err := directory.CheckEvidence(w.host.Id(), &evidence); err != nil {
		t.Errorf("the evidence convicts nobody: %v", err)
	}
	if bob.count("two trees") != 0 {
		t.Error("the message was shown")
	}
}

// "checkpoint smaller than stored → alarm."
func TestAttack53ShorterLog(t *testing.T) {
	w := newDefaultWorld(t)
	w.enter("Eve").leave()
	bob := w.enter("Bob")
	before := w.copied()
	w.elsewhere(t).enter("Eve") // whose second device makes the log longer
	await(bob, "the news", 1, func(client.AccountChanged) bool { return true })
	w.halt()
	w.restored(before)
	w.start()
	why := bob.ends()
	var alarm *client.DirectoryError
	if !errors.As(why, &alarm) || !errors.Is(why, directory.ErrRollback) {
		t.Errorf("ended with %v, want the alarm of a shorter log", why)
	}
}

// "DirEntry: prev broken ... → reject + alarm." A server that lets such a leaf into
// its log can't make clients take it.
func TestAttack55BrokenEntry(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	w.halt()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Signed by a key that is not the account's.
	forged, err := w.last("Alice").AddDevice(account.Signer, wire.Device{Name: "the server's"}, time.Now())
	if err == nil {
		t.Fatal("an entry was made that breaks a rule")
	}
	forged = w.last("Alice")
	signed := *forged.Signed()
	signed.Body.N++
	signed.Body.Prev = wire.Hash{1}
	signed.BodyRaw = nil
	b, err := signed.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	user, err := w.engine.User(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	size := w.book().Head().Leaves
	_, err = w.engine.Do(t.Context(), store.Op{At: time.Now().UnixMilli(), Enter: &store.Enter{
		User: store.PutUser{Name: user.Name, Record: user.Record, Mailbox: user.Mailbox, OldRev: user.Rev}, Leaf: size, Entry: b,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	why := bob.ends()
	var leaf *directory.LeafError
	if !errors.As(why, &leaf) {
		t.Errorf("ended with %v, want the alarm of a broken entry", why)
	}
}

// "reset entry for a peer → contacts warned, sends held until confirmed."
func TestAttack57Reset(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	w.enter("Alice").leave()
	before, err := bob.Compare(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	w.halt()
	account := w.enterAccount("Alice")
	w.start()
	e := await(bob, "the alarm", 1, func(client.KeyChanged) bool { return true })[0]
	if e.User != "Alice" || e.Fingerprint != keys.Fingerprint(account.Id()) {
		t.Errorf("%+v, want Alice with the new account", e)
	}
	var changed *client.KeyChangedError
	if _, err := bob.Send(t.Context(), "Alice", "a secret"); !errors.As(err, &changed) {
		t.Fatalf("send: %v, want a KeyChangedError", err)
	}
	// Her old device is out; the new password makes another one.
	alice := w.elsewhere(t).enter("Alice")
	if _, err := alice.Send(t.Context(), "Bob", "it is me"); err != nil {
		t.Fatal(err)
	}
	bob.refused(1, envelope.ErrSenderKey)
	after, err := bob.Compare(t.Context(), "Alice")
	if err != nil || !after.Changed || after.Number == before.Number {
		t.Errorf("comparison %+v, %v; want another number, of a changed key", after, err)
	}
	bob.leave()
	bob = w.enter("Bob")
	if _, err := bob.Send(t.Context(), "Alice", "another"); !errors.As(err, &changed) {
		t.Errorf("after a restart: %v, want a KeyChangedError", err)
	}
	if drafts, err := bob.Trust(t.Context(), "Alice", e.Fingerprint[:5]); err != nil || drafts != 2 {
		t.Errorf("%d drafts, %v; want the two that were kept", drafts, err)
	}
	alice.gets("Bob", "a secret")
	alice.gets("Bob", "another")
	if mine, err := alice.Compare(t.Context(), "Bob"); err != nil || mine.Number != after.Number {
		t.Errorf("Alice reads %q, Bob %q (%v)", mine.Number, after.Number, err)
	}
}

// A text that was written without contact, to somebody who is reset before the client
// has contact again in another run: it isn't sent, and kept as a draft.
func TestDraftOfAnEarlierRun(t *testing.T) {
	w := newDefaultWorld(t)
	w.enter("Alice").leave()
	bob := w.enter("Bob")
	w.halt()
	await(bob, "the loss", 1, func(client.Lost) bool { return true })
	id := bob.says("Alice", "a secret")
	bob.leave()
	account := w.enterAccount("Alice")
	w.start()
	bob = w.enter("Bob")
	if e := bob.told(id, client.Failed); !strings.Contains(e.Why, "key changed") {
		t.Errorf("it failed because %s", e.Why)
	}
	bob.leave() // which sees that all is written
	bob = w.enter("Bob")
	if drafts, err := bob.Trust(t.Context(), "Alice", keys.Fingerprint(account.Id())[:5]); err != nil || drafts != 1 {
		t.Errorf("%d drafts, %v; want the one that was kept", drafts, err)
	}
	w.elsewhere(t).enter("Alice").gets("Bob", "a secret")
}

// A profile that reads the log anew, because another server has taken the place of the
// one it knew, still knows on whose keys it relies: a log that begins with them and goes
// on to others does not talk it out of them.
func TestPinsOutliveTheLog(t *testing.T) {
	w := newDefaultWorld(t)
	w.enter("Bob").leave()
	w.halt()
	w.enterAccount("Alice")
	w.start()
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), "Bob", "server"))
	if err != nil {
		t.Fatal(err)
	}
	key := w.serverKey().Pin()
	err = errors.Join(p.PinServerKey(t.Context(), key), p.ReplaceServerKey(t.Context(), key, key))
	p.Close()
	if err != nil {
		t.Fatal(err)
	}
	var changed *client.KeyChangedError
	if _, err := w.enter("Bob").Send(t.Context(), "Alice", "a secret"); !errors.As(err, &changed) {
		t.Errorf("send: %v, want a KeyChangedError", err)
	}
}

// Account keys that the old ones vouch for need no question.
func TestRotatedAccountIsSaidOnce(t *testing.T) {
	w := newDefaultWorld(t)
	w.halt()
	old := w.enterAccount("Alice") // whose keys we know
	w.start()
	bob := w.enter("Bob")
	w.halt()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := w.last("Alice").Rotate(old.Signer, account, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.enterEntry(rotated, nil)
	w.start()
	e := await(bob, "the news", 1, func(client.AccountChanged) bool { return true })[0]
	if e.User != "Alice" || !e.Rotated {
		t.Errorf("%+v, want new keys of Alice", e)
	}
	bob.told(bob.says("Alice", "sealed to the new keys"), client.Queued)
}
