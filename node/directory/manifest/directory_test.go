package manifest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// Key pairs are made once for all tests. Nothing may depend on which they are.
var testKeys = sync.OnceValue(func() map[string]*keys.Identity {
	all := make(map[string]*keys.Identity)
	for _, name := range []string{"server", "alice", "bob", "eve"} {
		identity, err := keys.Generate(rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = identity
	}
	return all
})

var testNow = time.UnixMilli(1_800_000_000_000)

func entry(name, key string) wire.ManifestEntry {
	return wire.ManifestEntry{User: name, Key: testKeys()[key].Public().Modulus(), SinceMs: 1}
}

func signed(t *testing.T, prev *Seen, entries ...wire.ManifestEntry) *Manifest {
	t.Helper()
	m, err := Sign(rand.Reader, testKeys()["server"], prev, entries, testNow, testNow.Add(Life))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// received is a manifest as a client has it after the way over the wire.
func received(t *testing.T, m *Manifest) *Manifest {
	t.Helper()
	b, err := m.Signed().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(testKeys()["server"].Public(), b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSignAndVerify(t *testing.T) {
	m := signed(t, nil, entry("bob", "bob"), entry("Alice", "alice"))
	got := received(t, m)
	if got.Seen() != m.Seen() || got.Seen().Version != 1 {
		t.Errorf("seen = %v, signed %v", got.Seen(), m.Seen())
	}
	alice, ok := got.Lookup("ALICE")
	if !ok || alice.Name != "Alice" || !alice.Key.Equal(testKeys()["alice"].Public()) {
		t.Errorf("Alice is %v, %v", alice, ok)
	}
	if _, ok := got.Lookup("eve"); ok {
		t.Error("Eve is in it")
	}
	if names := got.Entries(); len(names) != 2 || names[0].Name != "Alice" || names[1].Name != "bob" {
		t.Errorf("entries = %v", names)
	}
}

// "unique after ASCII case folding"; "RSA modulus ... equal to another user's".
func TestAttack22SignRefuses(t *testing.T) {
	bad := entry("carol", "eve")
	bad.Key[383] &^= 1
	short := entry("carol", "eve")
	short.Key[0] = 0
	for name, entries := range map[string][]wire.ManifestEntry{
		"one name twice":  {entry("alice", "alice"), entry("Alice", "bob")},
		"one key twice":   {entry("alice", "alice"), entry("bob", "alice")},
		"no name":         {entry("", "alice")},
		"no good name":    {entry("a/b", "alice")},
		"an even modulus": {bad},
		"a short modulus": {short},
	} {
		if _, err := Sign(rand.Reader, testKeys()["server"], nil, entries, testNow, testNow.Add(Life)); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Sign(rand.Reader, testKeys()["server"], nil, nil, testNow, testNow); err == nil {
		t.Error("a manifest that expires at once was signed")
	}
}

// What a server must not sign, a client doesn't take either, even signed.
func TestVerifyRefusesWhatIsMalformed(t *testing.T) {
	server := testKeys()["server"]
	for name, change := range map[string]func(m *wire.Manifest){
		"version 0":          func(m *wire.Manifest) { m.Version = 0 },
		"prev of the first":  func(m *wire.Manifest) { m.Prev[0] = 1 },
		"another server":     func(m *wire.Manifest) { m.Server[0]++ },
		"out of order":       func(m *wire.Manifest) { m.Entries[0], m.Entries[1] = m.Entries[1], m.Entries[0] },
		"twice":              func(m *wire.Manifest) { m.Entries[1] = m.Entries[0] },
		"one key":            func(m *wire.Manifest) { m.Entries[1].Key = m.Entries[0].Key },
		"a bad name":         func(m *wire.Manifest) { m.Entries[1].User = "b ob" },
		"a small factor":     func(m *wire.Manifest) { m.Entries[1].Key = wire.Rsa{0: 0x80, 383: 1} },
		"expires before":     func(m *wire.Manifest) { m.ExpiresMs = m.IssuedMs - 1 },
		"good for ever":      func(m *wire.Manifest) { m.ExpiresMs = 1<<64 - 1 },
		"issued at the end":  func(m *wire.Manifest) { m.IssuedMs, m.ExpiresMs = 1<<64-2, 1<<64-1 },
		"since the last day": func(m *wire.Manifest) { m.Entries[0].SinceMs = 1<<64 - 1 },
	} {
		body := signed(t, nil, entry("alice", "alice"), entry("bob", "bob")).Signed().Body
		change(&body)
		b, err := body.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		sig, err := server.Sign(rand.Reader, labelManifest, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(server.Public(), &wire.SignedManifest{Body: body, Sig: sig}); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

// Each byte altered, cut anywhere, signed by somebody else or under another label.
func TestVerifyRefusesWhatIsNotTheServers(t *testing.T) {
	server := testKeys()["server"]
	m := signed(t, nil, entry("alice", "alice"), entry("bob", "bob"))
	b, err := m.Signed().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := Parse(server.Public(), bad); err == nil {
			t.Fatalf("byte %d altered: verified", i)
		}
		if _, err := Parse(server.Public(), b[:i]); err == nil {
			t.Fatalf("cut to %d bytes: verified", i)
		}
	}
	for i := 1; i <= 64; i++ {
		if _, err := Parse(server.Public(), append(bytes.Clone(b), make([]byte, i)...)); err == nil {
			t.Fatalf("%d bytes more: verified", i)
		}
	}
	if _, err := Parse(testKeys()["eve"].Public(), b); !errors.Is(err, ErrSignature) {
		t.Errorf("by another server: error = %v", err)
	}
	sig, err := server.Sign(rand.Reader, "c2", m.Signed().BodyRaw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(server.Public(), &wire.SignedManifest{Body: m.Signed().Body, Sig: sig}); !errors.Is(err, ErrSignature) {
		t.Errorf("under another label: error = %v", err)
	}
}

// "clients store (version, hash) per server and refuse rollback, forks, broken chains
// and expiry".
func TestFollows(t *testing.T) {
	one := signed(t, nil, entry("alice", "alice"))
	seen := one.Seen()
	two := signed(t, &seen, entry("alice", "alice"), entry("bob", "bob"))
	otherTwo := signed(t, &seen, entry("alice", "alice"), entry("bob", "eve"))
	seen = two.Seen()
	three := signed(t, &seen, entry("alice", "alice"))
	seen = otherTwo.Seen()
	otherThree := signed(t, &seen, entry("alice", "alice"))
	seen = three.Seen()
	four := signed(t, &seen, entry("alice", "alice"))

	for _, test := range []struct {
		name string
		m    *Manifest
		seen Seen
		now  time.Time
		want error
	}{
		{"the first that is seen", three, Seen{}, testNow, nil},
		{"the same again", two, two.Seen(), testNow, nil},
		{"the next", two, one.Seen(), testNow, nil},
		{"one was missed", four, two.Seen(), testNow, nil},
		{"rollback", one, two.Seen(), testNow, ErrRollback},
		{"far rollback", one, four.Seen(), testNow, ErrRollback},
		{"fork", otherTwo, two.Seen(), testNow, ErrFork},
		{"broken chain", otherThree, two.Seen(), testNow, ErrBrokenChain},
		{"at its last moment", two, one.Seen(), testNow.Add(Life), nil},
		{"expired", two, one.Seen(), testNow.Add(Life + time.Millisecond), ErrExpired},
		{"expired, seen already", two, two.Seen(), testNow.Add(Life + time.Millisecond), ErrExpired},
		{"expired, the first", one, Seen{}, testNow.Add(Life + time.Hour), ErrExpired},
		{"from the future", two, one.Seen(), testNow.Add(-24 * time.Hour), nil}, // the server's clock went back: no lock-out
	} {
		if err := received(t, test.m).Follows(test.seen, test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", test.name, err, test.want)
		}
	}
}

// A manifest without my own entry, or with another key for me: alarm.
func TestAttack30OwnEntry(t *testing.T) {
	mine := testKeys()["alice"].Public().Id()
	for name, test := range map[string]struct {
		m    *Manifest
		want error
	}{
		"there":       {signed(t, nil, entry("Alice", "alice"), entry("bob", "bob")), nil},
		"missing":     {signed(t, nil, entry("bob", "bob")), ErrOwnEntry},
		"another key": {signed(t, nil, entry("alice", "eve")), ErrOwnEntry},
		"my key, another's name": {
			signed(t, nil, entry("bob", "alice")), ErrOwnEntry,
		},
		"empty": {signed(t, nil), ErrOwnEntry},
	} {
		if err := test.m.CheckOwn("alice", mine); !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
	}
}

func TestStale(t *testing.T) {
	m := signed(t, nil)
	for offset, want := range map[time.Duration]bool{
		0: false, Life/2 - time.Second: false, Life/2 + time.Second: true, Life * 2: true, -time.Second: true,
	} {
		if got := m.Stale(testNow.Add(offset)); got != want {
			t.Errorf("%v after it was issued: stale = %v, want %v", offset, got, want)
		}
	}
}
