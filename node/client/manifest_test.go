package client

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/wire"
)

// "manifest without my own entry or with another key for me → alarm"; "clients
// store (version, hash) per server and refuse rollback, forks, broken chains
// and expiry". What is refused changes nothing.
func TestAttack30ManifestsThatContradict(t *testing.T) {
	var server, mine, other *keys.Identity
	for _, id := range []**keys.Identity{&server, &mine, &other} {
		var err error
		if *id, err = keys.Generate(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	p, err := profile.Open(filepath.Join(t.TempDir(), "profile"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tier := newClassicTier(&Config{Profile: p, User: "Bob", ServerKey: NewClassicServerKey(server.Public())})
	tier.identity = mine
	now := time.Now()
	entry := func(name string, id *keys.Identity) wire.ManifestEntry {
		return wire.ManifestEntry{User: name, Key: id.Public().Modulus()}
	}
	sign := func(prev *manifest.Seen, issued time.Time, entries ...wire.ManifestEntry) *manifest.Manifest {
		t.Helper()
		m, err := manifest.Sign(rand.Reader, server, prev, entries, issued, issued.Add(manifest.Life))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	take := func(m *manifest.Manifest) ([]string, error) {
		r, err := tier.takeManifest(t.Context(), m, now)
		if err != nil {
			return nil, err
		}
		return r.changed, nil
	}

	first := sign(nil, now, entry("Bob", mine), entry("Alice", other))
	if changed, err := take(first); err != nil || len(changed) > 0 {
		t.Fatalf("the first manifest: changed %v, %v", changed, err)
	}
	seen := first.Seen()
	for _, test := range []struct {
		name string
		m    *manifest.Manifest
		want error
	}{
		{"without my entry", sign(&seen, now, entry("Alice", other)), manifest.ErrOwnEntry},
		{"another key for me", sign(&seen, now, entry("Bob", other)), manifest.ErrOwnEntry},
		{"a fork", sign(nil, now, entry("Bob", mine)), manifest.ErrFork},
		{"a broken chain", sign(&manifest.Seen{Version: 1}, now, entry("Bob", mine)), manifest.ErrBrokenChain},
		{"an expired one", sign(&seen, now.Add(-2*manifest.Life), entry("Bob", mine)), manifest.ErrExpired},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := take(test.m)
			var alarm *DirectoryError
			if !errors.As(err, &alarm) || !errors.Is(err, test.want) {
				t.Errorf("%v, want an alarm: %v", err, test.want)
			}
		})
	}
	second := sign(&seen, now, entry("Bob", mine), entry("Alice", other))
	if _, err := take(second); err != nil {
		t.Errorf("the next manifest, after all that: %v", err)
	}
	if _, err := take(first); !errors.Is(err, manifest.ErrRollback) {
		t.Errorf("the first manifest again: %v, want a rollback", err)
	}
}
