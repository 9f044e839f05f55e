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
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

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
