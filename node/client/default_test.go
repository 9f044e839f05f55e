package client_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server/ledger"
	"sotto/node/store"
	"sotto/wire"
)

// newDefaultWorld is newWorld in the default tier. The users have no devices yet.
func newDefaultWorld(t testing.TB) *world {
	t.Helper()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), host: host, addr: netip.MustParseAddrPort("127.0.0.1:0")}
	w.openStore()
	for _, name := range []string{"Alice", "Bob", "Charlie", "Eve"} {
		w.enterAccount(name)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

// enterAccount makes an account without a device, whose password is its name; or
// resets it, as who runs the server can. The server must not run.
func (w *world) enterAccount(name string) *keys.Account {
	w.t.Helper()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	registrar, err := channel.NewRegistrar(w.host)
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now()
	record, err := registrar.Register(rand.Reader, name, []byte(name), account, now, keys.WeakForTests)
	if err != nil {
		w.t.Fatal(err)
	}
	entry, err := directory.Create(w.host.Realm(), name, account, nil, now)
	if last := w.last(name); last != nil {
		entry, err = last.Reset(account, nil, now)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.enterEntry(entry, record)
	return account
}

// last is an account's last entry, or nil.
func (w *world) last(name string) *directory.Entry {
	w.t.Helper()
	book := w.book()
	if book.Account(name) == nil {
		return nil
	}
	last, err := book.Last(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return last
}

func (w *world) book() *ledger.Ledger {
	w.t.Helper()
	book, err := ledger.Open(w.t.Context(), w.engine, w.host, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return book
}

func (w *world) enterEntry(e *directory.Entry, record *wire.AccountRecord) {
	w.t.Helper()
	if _, err := w.book().Enter(w.t.Context(), time.Now(), ledger.Change{Entry: e.Bytes(), Record: record}); err != nil {
		w.t.Fatal(err)
	}
}

// elsewhere is the same server for a person at another machine.
func (w *world) elsewhere(t *testing.T) *world { return newWorldFolder(t, w) }

// restored replaces the server's state by a copy of it.
func (w *world) restored(state []byte) {
	w.t.Helper()
	w.engine.Close()
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		os.Remove(filepath.Join(w.dir, "server", name))
	}
	if err := os.WriteFile(filepath.Join(w.dir, "server", "state.db"), state, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.openStore()
}

func (w *world) copied() []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.engine.Snapshot(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (p *person) ends() error {
	p.t.Helper()
	return await(p, "the end", 1, func(client.Ended) bool { return true })[0].Why
}

// "The device file ... 0600", and no password is needed from then on; a wrong one
// that is given all the same is refused.
func TestDeviceLogsIn(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	devices, err := bob.Devices(t.Context())
	if err != nil || len(devices) != 1 || !devices[0].This {
		t.Fatalf("devices %+v, %v; want this one", devices, err)
	}
	path := filepath.Join(w.dir, "clients", "server", "bob", "device.key")
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", st, err)
	}
	bob.leave()
	again := w.enter("Bob", func(cfg *client.Config) { cfg.Password = nil })
	if now, err := again.Devices(t.Context()); err != nil || len(now) != 1 || now[0].Fingerprint != devices[0].Fingerprint {
		t.Errorf("devices %+v, %v; want the same one", now, err)
	}
	again.leave()
	if _, err := w.open("Bob", func(cfg *client.Config) { cfg.Password = []byte("wrong") }); !errors.Is(err, channel.ErrPassword) {
		t.Errorf("a wrong password: %v, want ErrPassword", err)
	}
	with := w.enter("Bob", func(cfg *client.Config) { cfg.Password = []byte("Bob") })
	if now, err := with.Devices(t.Context()); err != nil || len(now) != 1 {
		t.Errorf("devices %+v, %v; want the same one", now, err)
	}
}

// A device was lost. The password on another machine makes another one; contacts
// are told once, nobody has to accept anything, and both sides go on.
func TestLostDeviceAndPassword(t *testing.T) {
	w := newDefaultWorld(t)
	alice, bob := w.enter("Alice"), w.enter("Bob")
	bob.told(bob.says("Alice", "to the old device"), client.Delivered)
	before, err := bob.Compare(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	alice.leave()
	alice = w.elsewhere(t).enter("Alice")
	e := await(bob, "the new device", 1, func(client.AccountChanged) bool { return true })[0]
	if e.User != "Alice" || e.Own || len(e.Added) != 1 || e.Rotated {
		t.Errorf("%+v, want a device that Alice has added", e)
	}
	id := bob.says("Alice", "to the new device")
	alice.gets("Bob", "to the new device")
	if e := bob.told(id, client.Delivered); !e.Direct {
		t.Error("not directly")
	}
	alice.told(alice.says("Bob", "got it"), client.Delivered)
	if after, err := bob.Compare(t.Context(), "Alice"); err != nil || after.Number != before.Number {
		t.Errorf("the number to compare is another one: %v", err)
	}
	if devices, err := alice.Devices(t.Context()); err != nil || len(devices) != 2 {
		t.Errorf("devices %+v, %v; want two", devices, err)
	}
}

// A conn between two users ends when the log shows the device at its other end no
// more: whoever has the device could go on taking, and confirming, what its owner is
// to read elsewhere.
func TestDirectConnEndsWithTheDevice(t *testing.T) {
	for name, enter := range map[string]func(w *world, alice *keys.Account){
		"removed": func(w *world, alice *keys.Account) {
			last := w.last("Alice")
			next, err := last.RemoveDevice(alice.Signer, keys.DeviceId(&last.Body().Devices[0].Keys), time.Now())
			if err != nil {
				w.t.Fatal(err)
			}
			w.enterEntry(next, nil)
		},
		"reset": func(w *world, _ *keys.Account) { w.enterAccount("Alice") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newDefaultWorld(t)
			w.halt()
			account := w.enterAccount("Alice") // whose keys we know
			w.start()
			// A client that hears of it ends by itself: this one hears of nothing.
			cut := new(cutOff)
			bob := w.enter("Bob")
			w.enter("Alice", func(cfg *client.Config) {
				cfg.Listen = func(server netip.AddrPort) (conn net.PacketConn, err error) {
					cut.server = server
					cut.PacketConn, err = client.Listen(server)
					return cut, err
				}
			})
			if e := bob.told(bob.says("Alice", "while it was hers"), client.Delivered); !e.Direct {
				t.Fatal("not directly")
			}
			cut.apart.Store(true)
			w.halt()
			enter(w, account)
			w.start()
			if name == "reset" {
				e := await(bob, "the alarm", 1, func(client.KeyChanged) bool { return true })[0]
				if _, err := bob.Trust(t.Context(), "Alice", e.Fingerprint[:5]); err != nil {
					t.Fatal(err)
				}
			} else {
				await(bob, "the news", 1, func(client.AccountChanged) bool { return true })
			}
			before := cut.bytes.Load()
			const size = 100_000
			bob.told(bob.says("Alice", strings.Repeat("x", size)), client.Queued)
			if got := cut.bytes.Load() - before; got >= size {
				t.Errorf("the device was sent %d bytes, of a message that is not for it", got)
			}
		})
	}
}

// A cutOff socket no longer reaches the server once it is apart. It counts the bytes
// that it gets.
type cutOff struct {
	net.PacketConn
	server netip.AddrPort
	apart  atomic.Bool
	bytes  atomic.Int64
}

func (c *cutOff) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.cuts(from) {
			c.bytes.Add(int64(n))
			return n, from, err
		}
	}
}

func (c *cutOff) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.cuts(to) {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}

func (c *cutOff) cuts(a net.Addr) bool { return c.apart.Load() && a.String() == c.server.String() }

// "Letters to an account without devices are sealed to AccountKeys.seal; the first
// device inherits that seed, so it can open them." A later one does not.
func TestLetterToAnAccountWithoutDevices(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	id := bob.says("Alice", "before she was ever here")
	bob.told(id, client.Queued)
	alice := w.enter("Alice")
	alice.gets("Bob", "before she was ever here")
	bob.told(id, client.Delivered)
	bob.mu.Lock()
	defer bob.mu.Unlock()
	for _, e := range bob.events {
		if e, ok := e.(client.AccountChanged); ok {
			t.Errorf("told of the first device of an account: %+v", e)
		}
	}
}

// "unknown device in my own chain → alarm at next login." And two devices of one user
// count their messages each for itself.
func TestAttack56TwoDevices(t *testing.T) {
	w := newDefaultWorld(t)
	alice, first := w.enter("Alice"), w.enter("Bob")
	first.told(first.says("Alice", "from the first"), client.Delivered)
	second := w.elsewhere(t).enter("Bob")
	if why := first.ends(); !errors.Is(why, client.ErrReplaced) {
		t.Errorf("the first ended with %v, want ErrReplaced", why)
	}
	second.told(second.says("Alice", "from the second"), client.Delivered)
	first.leave()
	// The first may have heard of the second while it still had the session; then it isn't told again.
	before := first
	first = w.enter("Bob")
	first.told(first.says("Alice", "from the first again"), client.Delivered)
	warnings := append(events[client.AccountChanged](before), events[client.AccountChanged](first)...)
	if len(warnings) != 1 || !warnings[0].Own || len(warnings[0].Added) != 1 {
		t.Errorf("%+v, want one warning of the second device", warnings)
	}
	for _, text := range []string{"from the first", "from the second", "from the first again"} {
		if m := alice.gets("Bob", text); m.Late {
			t.Errorf("%q is said to be late", text)
		}
	}
}

// A letter that was sealed before its sender knew a device waits for the one that can
// read it, whichever of them comes first; what came after it is not held up.
func TestLetterForAnotherDevice(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	w.enter("Alice").leave()
	before := bob.says("Alice", "to the first device")
	bob.told(before, client.Queued)
	laptop := w.elsewhere(t)
	second := laptop.enter("Alice")
	await(second, "the notice", 1, func(e client.Unreadable) bool { return strings.Contains(e.Why.Error(), "another device of yours") })
	await(bob, "the second device", 1, func(client.AccountChanged) bool { return true })
	after := bob.says("Alice", "to both")
	second.gets("Bob", "to both")
	bob.told(after, client.Delivered)
	second.leave()
	third := bob.says("Alice", "whoever comes first")
	bob.told(third, client.Queued)
	second = laptop.enter("Alice")
	second.gets("Bob", "whoever comes first")
	bob.told(third, client.Delivered)
	second.leave()

	first := w.enter("Alice")
	first.gets("Bob", "to the first device")
	bob.told(before, client.Delivered)
	if n := first.count("to both") + first.count("whoever comes first"); n > 0 {
		t.Errorf("it got %d of what the other device has acknowledged", n)
	}
}

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

// What waits in the outbox is sealed anew when the recipient's devices change meanwhile:
// one that was removed can't read it, and one that was added can.
func TestOutboxIsSealedToTheDevicesOfNow(t *testing.T) {
	w := newDefaultWorld(t)
	w.halt()
	account := w.enterAccount("Alice") // whose keys we know
	w.start()
	w.enter("Alice").leave()
	removed := w.deviceOf("Alice")
	laptop := w.elsewhere(t)
	laptop.enter("Alice").leave()
	bob := w.enter("Bob")
	w.halt()
	short := bob.says("Alice", "for the devices of now")
	long := bob.says("Alice", strings.Repeat("x", 100_000)) // which only the profile has
	bob.told(long, client.Queued)
	next, err := w.last("Alice").RemoveDevice(account.Signer, removed.Id(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.enterEntry(next, nil)
	w.start()
	for _, id := range []client.MessageID{short, long} {
		await(bob, "that the server has it", 1, func(e client.StateChanged) bool { return e.ID == id && e.Held })
	}
	user, err := w.engine.User(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := w.engine.Read(t.Context(), user.Mailbox, 0, 10)
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items in Alice's mailbox, %v; want two", len(items), err)
	}
	for _, item := range items {
		readers, err := envelope.Readers(item.Body)
		if err != nil || slices.Contains(readers, removed.Id()) {
			t.Errorf("sealed to %x, %v; one of them is the device that was removed", readers, err)
		}
	}
	laptop.enter("Alice").gets("Bob", "for the devices of now")
	bob.told(short, client.Delivered)
}

// A conn between two users outlives the server's key. What one writes who knows the new
// key, and the other can't judge yet, is not refused: it comes by the server, once he has
// followed it.
func TestServerKeyIsRotatedUnderADirectConn(t *testing.T) {
	w := newDefaultWorld(t)
	alice := w.enter("Alice")
	cut := new(cutOff)
	bob := w.enter("Bob", func(cfg *client.Config) {
		cfg.Listen = func(server netip.AddrPort) (conn net.PacketConn, err error) {
			cut.server = server
			cut.PacketConn, err = client.Listen(server)
			return cut, err
		}
	})
	if e := alice.told(alice.says("Bob", "under the old key"), client.Delivered); !e.Direct {
		t.Fatal("not directly")
	}
	cut.apart.Store(true)
	w.halt()
	if err := w.host.Rotate(rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	w.enterAccount("Dave") // so that there is a head under the new key
	w.start()
	await(alice, "the new key", 1, func(client.ServerKeyRenewed) bool { return true })
	id := alice.says("Bob", "under the new key")
	alice.told(id, client.Queued)
	cut.apart.Store(false)
	bob.gets("Alice", "under the new key")
	alice.told(id, client.Delivered)
}

// A server's key that the old one signed is followed and said once; clients that
// run and clients that come find the way.
func TestServerKeyIsRotated(t *testing.T) {
	w := newDefaultWorld(t)
	bob, alice := w.enter("Bob"), w.enter("Alice")
	pinned := w.serverKey()
	if err := alice.profile.PinServerKey(t.Context(), pinned.Pin()); err != nil {
		t.Fatal(err)
	}
	alice.leave()
	w.halt()
	if err := w.host.Rotate(rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	w.start()
	e := await(bob, "the news", 1, func(client.ServerKeyRenewed) bool { return true })[0]
	if e.Fingerprint != w.serverKey().Fingerprint() || !bob.ServerKey().Equal(w.serverKey()) {
		t.Errorf("%+v, and the key %v; want %v", e, bob.ServerKey(), w.serverKey())
	}
	alice = w.enter("Alice", func(cfg *client.Config) { cfg.ServerKey = pinned })
	await(alice, "the news", 1, func(client.ServerKeyRenewed) bool { return true })
	alice.told(alice.says("Bob", "under the new key"), client.Delivered)
	bob.gets("Alice", "under the new key")
	if b, err := alice.profile.ServerKey(t.Context()); err != nil || !bytes.Equal(b, w.serverKey().Pin()) {
		t.Errorf("the profile pins another key, %v", err)
	}
	alice.leave()
	alice = w.enter("Alice")
	if _, err := alice.List(t.Context()); err != nil {
		t.Error(err)
	}
}

// A key that the old one did not sign stops everything.
func TestAttack67UnsignedServerKey(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	w.halt()
	pinned := w.serverKey()
	other, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.engine.Close()
	w.host, w.dir = other, t.TempDir()
	w.openStore()
	w.enterAccount("Bob")
	w.start()
	var changed *client.ServerKeyError
	if why := bob.ends(); !errors.As(why, &changed) || changed.Shown != w.serverKey().Fingerprint() || changed.Pinned != pinned.Fingerprint() {
		t.Errorf("ended with %v, want the alarm about the server's key", why)
	}
	if _, err := w.open("Bob", func(cfg *client.Config) { cfg.ServerKey = pinned }); !errors.As(err, &changed) {
		t.Errorf("login: %v, want a ServerKeyError", err)
	}
}

// "other user's → refuse with one clear line, never overwrite"; and what is for a
// server that is no more is set aside.
func TestAttack65DeviceFileOfSomebodyElse(t *testing.T) {
	w := newDefaultWorld(t)
	w.enter("Alice").leave()
	w.enter("Bob").leave()
	dir := filepath.Join(w.dir, "clients", "server")
	hers, err := os.ReadFile(filepath.Join(dir, "alice", "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bob", "device.key")
	his, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, hers, 0o600); err != nil {
		t.Fatal(err)
	}
	var refused *client.DeviceFileError
	if _, err := w.open("Bob", func(cfg *client.Config) { cfg.Password = []byte("Bob") }); !errors.As(err, &refused) {
		t.Errorf("Bob with Alice's device: %v, want a DeviceFileError", err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, hers) {
		t.Errorf("the file was written over, %v", err)
	}
	if err := os.WriteFile(path, his, 0o600); err != nil {
		t.Fatal(err)
	}
	w.halt()
	old := w.serverKey()
	if w.host, err = keys.NewHost(rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.engine.Close()
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		os.Remove(filepath.Join(w.dir, "server", name))
	}
	w.openStore()
	w.enterAccount("Bob")
	w.start()
	p, err := profile.Open(filepath.Join(dir, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.PinServerKey(t.Context(), old.Pin()), p.ReplaceServerKey(t.Context(), old.Pin(), w.serverKey().Pin())); err != nil {
		t.Fatal(err)
	}
	p.Close()
	w.enter("Bob", func(cfg *client.Config) { cfg.Password = []byte("Bob") })
	if b, err := os.ReadFile(path + ".1"); err != nil || !bytes.Equal(b, his) {
		t.Errorf("the old keys were not set aside: %v", err)
	}
}

// The keys of a device are on disk before the log can show them. A program that is
// killed in between enters the same device with its next run.
func TestKilledWhileTheDeviceIsEntered(t *testing.T) {
	w := newDefaultWorld(t)
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), "Bob", "server"))
	if err != nil {
		t.Fatal(err)
	}
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	device, err := keys.NewDevice(rand.Reader, w.host.Realm(), "Bob", account)
	if err != nil {
		t.Fatal(err)
	}
	b, err := device.Marshal(rand.Reader, nil, keys.Stretch{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetDevice(b); err != nil {
		t.Fatal(err)
	}
	known := func(p *profile.Profile) bool {
		t.Helper()
		known, err := client.DeviceKnown(t.Context(), client.Config{User: "bob", ServerKey: w.serverKey(), Profile: p})
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	if known(p) {
		t.Error("a device that the log does not show is said to be known")
	}
	p.Close()
	bob := w.enter("Bob", func(cfg *client.Config) { cfg.Password = []byte("Bob") })
	if devices, err := bob.Devices(t.Context()); err != nil || len(devices) != 1 || devices[0].Fingerprint != keys.Fingerprint(device.Id()) {
		t.Errorf("devices %+v, %v; want the one that was on disk", devices, err)
	}
	if !known(bob.profile) {
		t.Error("a device that the log shows is said to be unknown")
	}
}

// "client gets c1 with bad signature / other server id → no work done, keeps waiting
// for a good one"; "two c1 in flight, first is the forged one → login still
// succeeds".
func TestAttack16And17ForgedChallengeInTheDefaultTier(t *testing.T) {
	w, forger := newDefaultWorld(t), newDefaultWorld(t)
	path := newTwoServers(t, forger.addr, w.addr)
	bob, err := w.open("Bob", func(cfg *client.Config) { cfg.Servers = []netip.AddrPort{path} })
	if err != nil {
		t.Fatalf("login with a forged challenge first: %v", err)
	}
	bob.leave()
}

// "An invitation carries the pin", makes one account, and the host never sees the
// password.
func TestJoin(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	invitation, err := bob.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait time.Duration
	join := func(name string) (*profile.Profile, string, error) {
		p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), name, "server"))
		if err != nil {
			t.Fatal(err)
		}
		cfg := client.Config{
			User: name, Password: []byte("a long password of " + name), Servers: []netip.AddrPort{w.addr},
			Profile: p, Stretch: keys.WeakForTests, Patience: wait,
		}
		if cfg.ServerKey, err = client.FollowServerKey(t.Context(), cfg, w.host.Id()); err != nil {
			t.Fatal(err)
		}
		joined, err := client.Join(t.Context(), cfg, invitation)
		return p, joined, err
	}
	p, _, err := join("alice")
	var refused *chat.Refusal
	if !errors.As(err, &refused) || refused.Code != wire.RefusedCodeNameTaken {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := p.Device(); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("a device was left behind: %v", err)
	}
	p.Close()
	p, name, err := join("Dora")
	if err != nil || name != "Dora" {
		t.Fatalf("joined as %q, %v", name, err)
	}
	p.Close()
	dora := w.enter("Dora")
	bob.told(bob.says("Dora", "welcome"), client.Delivered)
	dora.gets("Bob", "welcome")
	dora.told(dora.says("Bob", "thanks"), client.Delivered)
	dora.leave()
	// The password works as well.
	again := w.elsewhere(t).enter("Dora", func(cfg *client.Config) { cfg.Password = []byte("a long password of Dora") })
	again.leave()

	wait = 500 * time.Millisecond // a used invitation is not answered
	p, _, err = join("Frank")
	if err == nil {
		t.Error("the invitation served twice")
	}
	p.Close()

	var other wire.KeyId
	var changed *client.ServerKeyError
	_, err = client.FollowServerKey(t.Context(), client.Config{Servers: []netip.AddrPort{w.addr}}, other)
	if !errors.As(err, &changed) {
		t.Errorf("another pin: %v, want a ServerKeyError", err)
	}
}

// Nothing on disk gives the password or a text away.
func TestAttack69NoSecretsOnDiskInTheDefaultTier(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	alice := w.enter("Alice")
	const secret = "the plaintext that nobody else may find"
	bob.told(bob.says("Alice", secret), client.Delivered)
	bob.told(bob.says("Eve", secret), client.Queued)
	alice.leave()
	bob.leave()
	for path, b := range readAll(t, w.dir) {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s holds the plaintext", path)
		}
	}
}

// A device that was removed and logs in with the password is another one: its old keys
// are never shown again. What came for it before, and was not read, it still reads.
func TestRemovedDeviceGetsOtherKeys(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	deaf, err := w.openDeaf("Alice") // nobody reads what she gets
	if err != nil {
		t.Fatal(err)
	}
	bob.told(bob.says("Alice", "before"), client.Delivered)
	old, err := deaf.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(deaf.Close(), deaf.profile.Close()); err != nil {
		t.Fatal(err)
	}
	laptop := w.elsewhere(t)
	laptop.enter("Alice").leave()
	if err := laptop.with("Alice", "Alice", func(cfg client.Config) error {
		return client.RemoveDevice(t.Context(), cfg, old[0].Fingerprint)
	}); err != nil {
		t.Fatal(err)
	}
	alice := w.enter("Alice", givenPassword("Alice"))
	devices, err := alice.Devices(t.Context())
	if err != nil || len(devices) != 2 {
		t.Fatalf("devices %+v, %v; want the laptop and this one", devices, err)
	}
	for _, d := range devices {
		if d.Fingerprint == old[0].Fingerprint {
			t.Error("it has the keys that were removed")
		}
	}
	alice.gets("Bob", "before")
	bob.told(bob.says("Alice", "after"), client.Delivered)
	alice.gets("Bob", "after")
	alice.leave()
	w.enter("Alice") // by its new key alone
}
