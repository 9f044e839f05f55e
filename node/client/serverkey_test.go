package client_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/keys"
)

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
