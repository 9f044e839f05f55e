package client

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory"
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
	c := &Client{cfg: Config{Profile: p}}
	now := time.Now()
	entry := func(name string, id *keys.Identity) wire.ManifestEntry {
		return wire.ManifestEntry{User: name, Key: id.Public().Modulus()}
	}
	sign := func(prev *directory.Seen, issued time.Time, entries ...wire.ManifestEntry) *directory.Manifest {
		t.Helper()
		m, err := directory.Sign(rand.Reader, server, prev, entries, issued, issued.Add(directory.Life))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	take := func(m *directory.Manifest) ([]string, error) {
		_, changed, err := c.takeManifest(t.Context(), m, "Bob", mine.Public().Id(), now)
		return changed, err
	}

	first := sign(nil, now, entry("Bob", mine), entry("Alice", other))
	if changed, err := take(first); err != nil || len(changed) > 0 {
		t.Fatalf("the first manifest: changed %v, %v", changed, err)
	}
	seen := first.Seen()
	for _, test := range []struct {
		name string
		m    *directory.Manifest
		want error
	}{
		{"without my entry", sign(&seen, now, entry("Alice", other)), directory.ErrOwnEntry},
		{"another key for me", sign(&seen, now, entry("Bob", other)), directory.ErrOwnEntry},
		{"a fork", sign(nil, now, entry("Bob", mine)), directory.ErrFork},
		{"a broken chain", sign(&directory.Seen{Version: 1}, now, entry("Bob", mine)), directory.ErrBrokenChain},
		{"an expired one", sign(&seen, now.Add(-2*directory.Life), entry("Bob", mine)), directory.ErrExpired},
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
	if _, err := take(first); !errors.Is(err, directory.ErrRollback) {
		t.Errorf("the first manifest again: %v, want a rollback", err)
	}
}
