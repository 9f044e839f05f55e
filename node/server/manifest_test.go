package server

import (
	"testing"
	"time"

	"sotto/node/directory/manifest"
	"sotto/wire"
)

// "The manifest is signed, versioned durably": a restart shows the same one, a
// new user the next version, and each follows the one before.
func TestManifestOverRestarts(t *testing.T) {
	w := newClassicWorld(t, Limits{})
	v := w.enter("Alice", 0)
	first := v.shown()
	if err := first.Follows(manifest.Seen{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := first.CheckOwn("Alice", identity(t, "Alice").Public().Id()); err != nil {
		t.Fatal(err)
	}
	w.halt()
	w.start()
	v = w.enter("Alice", 0)
	if same := v.shown(); same.Seen() != first.Seen() {
		t.Errorf("after a restart the manifest is %v, want %v as before", same.Seen(), first.Seen())
	}
	w.halt()
	w.register("Charlie")
	w.start()
	v = w.enter("Charlie", 0)
	next := v.shown()
	if err := next.Follows(first.Seen(), time.Now()); err != nil {
		t.Errorf("with a new user: %v", err)
	}
	if got, want := next.Seen().Version, first.Seen().Version+1; got != want {
		t.Errorf("version %d, want %d", got, want)
	}
}

// "Re-signed before expiry": clients that are here get the next manifest pushed,
// those that come see it in M6.
func TestManifestIsRenewed(t *testing.T) {
	w := newClassicWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	first := alice.shown()
	w.srv.tier.keepHouse(t.Context())
	if got := w.srv.tier.(*classicTier).manifest.Load().Seen(); got != first.Seen() {
		t.Errorf("a fresh manifest was replaced by %v", got)
	}
	w.ahead.Store(int64(manifest.Life * 3 / 4))
	w.srv.tier.keepHouse(t.Context())
	var signed wire.SignedManifest
	if err := signed.UnmarshalBinary(alice.next(wire.PushTypeManifest).Manifest.Signed); err != nil {
		t.Fatal(err)
	}
	pushed := alice.parse(&signed)
	now := time.Now().Add(manifest.Life * 3 / 4)
	if err := pushed.Follows(first.Seen(), now); err != nil {
		t.Errorf("the pushed manifest: %v", err)
	}
	if left := pushed.Expires().Sub(now); left < manifest.Life/2 {
		t.Errorf("the pushed manifest ends in %v", left)
	}
	bob := w.enter("Bob", 0)
	if got := bob.shown().Seen(); got != pushed.Seen() {
		t.Errorf("M6 shows %v, want the pushed %v", got, pushed.Seen())
	}
}
