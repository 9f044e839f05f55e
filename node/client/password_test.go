package client_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"testing"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/node/login/channel"
)

// with runs something that takes a closed profile of a user, and his password.
func (w *world) with(name, password string, do func(client.Config) error) error {
	w.t.Helper()
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), name, "server"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close()
	return do(client.Config{
		User: name, Password: []byte(password), Servers: []netip.AddrPort{w.addr},
		ServerKey: w.serverKey(), Profile: p, Stretch: keys.WeakForTests,
	})
}

func (w *world) changePassword(name, from, to string) error {
	w.t.Helper()
	return w.with(name, from, func(cfg client.Config) error {
		return client.ChangePassword(w.t.Context(), cfg, []byte(to))
	})
}

// givenPassword logs in with a password, also where there is a device.
func givenPassword(password string) func(*client.Config) {
	return func(cfg *client.Config) { cfg.Password = []byte(password) }
}

// A password is changed with the present one. The account, what others know of it, and
// its devices stay.
func TestPasswordIsChanged(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	w.enter("Alice").leave()
	laptop := w.elsewhere(t)
	there := laptop.enter("Alice")
	before, err := bob.Compare(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.changePassword("Alice", "wrong", "another"); !errors.Is(err, channel.ErrPassword) {
		t.Errorf("with a wrong one: %v, want ErrPassword", err)
	}
	if err := w.changePassword("Alice", "Alice", "another"); err != nil {
		t.Fatal(err)
	}
	there.told(there.says("Bob", "in the session that goes on"), client.Delivered)
	there.leave()
	for _, place := range []*world{w, laptop} {
		if _, err := place.open("Alice", givenPassword("Alice")); !errors.Is(err, channel.ErrPassword) {
			t.Errorf("with the former one: %v, want ErrPassword", err)
		}
		alice := place.enter("Alice") // by the device alone
		alice.told(alice.says("Bob", "still me"), client.Delivered)
		alice.leave()
	}
	third := w.elsewhere(t).enter("Alice", givenPassword("another"))
	if devices, err := third.Devices(t.Context()); err != nil || len(devices) != 3 {
		t.Errorf("devices %+v, %v; want three", devices, err)
	}
	third.told(third.says("Bob", "with the new one"), client.Delivered)
	bob.gets("Alice", "with the new one")
	if after, err := bob.Compare(t.Context(), "Alice"); err != nil || after.Number != before.Number {
		t.Errorf("the number to compare is another one: %v", err)
	}
	third.leave()
	if err := w.changePassword("Alice", "another", "Alice"); err != nil {
		t.Errorf("and back: %v", err)
	}
}

// A first change on a machine that the account does not know makes it known.
func TestPasswordIsChangedFromANewDevice(t *testing.T) {
	w := newDefaultWorld(t)
	if err := w.changePassword("Alice", "Alice", "another"); err != nil {
		t.Fatal(err)
	}
	alice := w.enter("Alice")
	if devices, err := alice.Devices(t.Context()); err != nil || len(devices) != 1 || !devices[0].This {
		t.Errorf("devices %+v, %v; want this one", devices, err)
	}
}

// An account gets other keys, which the old ones vouch for: contacts are told once and
// go on, and what they wrote to the old keys is read.
func TestAccountIsRotated(t *testing.T) {
	w := newDefaultWorld(t)
	bob := w.enter("Bob")
	alice := w.enter("Alice")
	bob.told(bob.says("Alice", "one"), client.Delivered)
	alice.leave()
	laptop := w.elsewhere(t)
	laptop.enter("Alice").leave()
	id := bob.says("Alice", "while she was away")
	bob.told(id, client.Queued)
	before, err := bob.Compare(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}

	var fingerprint string
	if err := w.with("Alice", "Alice", func(cfg client.Config) (err error) {
		fingerprint, err = client.RotateAccount(t.Context(), cfg)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if e := await(bob, "the news", 1, func(e client.AccountChanged) bool { return e.Rotated })[0]; e.User != "Alice" || e.Own {
		t.Errorf("%+v", e)
	}
	after, err := bob.Compare(t.Context(), "Alice")
	if err != nil || after.Number == before.Number || after.Fingerprint != fingerprint || after.Changed {
		t.Errorf("%+v, %v; want the keys %s, accepted", after, err, fingerprint)
	}

	// The other device is warned: it may have been somebody else. And it reads what was
	// sealed to the account as it was.
	alice = laptop.enter("Alice")
	alice.gets("Bob", "while she was away")
	bob.told(id, client.Delivered)
	if e := await(alice, "the warning", 1, func(e client.AccountChanged) bool { return e.Own })[0]; !e.Rotated {
		t.Errorf("%+v", e)
	}
	bob.told(bob.says("Alice", "two"), client.Delivered)
	alice.told(alice.says("Bob", "three"), client.Delivered)
	alice.leave()
	again := w.enter("Alice", givenPassword("Alice")) // which unlocks the new keys
	if seen, err := again.Compare(t.Context(), "Bob"); err != nil || seen.Number != after.Number {
		t.Errorf("Alice compares %+v, Bob %+v, %v", seen, after, err)
	}
	again.leave()
	w.elsewhere(t).enter("Alice", givenPassword("Alice")) // and enters devices with them
}
