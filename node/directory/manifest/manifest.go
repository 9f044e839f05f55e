package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

const (
	labelManifest keys.Label = "manifest"
	labelHash     keys.Label = "manifest hash"
)

// Life is how long a manifest is good for. MaxLife is what a client believes at most.
const (
	Life    = 7 * 24 * time.Hour
	MaxLife = 31 * 24 * time.Hour
)

// ErrSignature says that a manifest was not signed by this server.
var ErrSignature = errors.New("the manifest is not signed by this server")

// An Entry is one user.
type Entry struct {
	Name  string // as registered
	Key   *keys.PublicKey
	Since time.Time
}

// A Manifest is a verified one. It doesn't change.
type Manifest struct {
	signed  *wire.SignedManifest
	hash    wire.Hash
	entries []Entry // by folded name
}

// Parse decodes the bytes of a signed manifest and verifies it.
func Parse(server *keys.PublicKey, b []byte) (*Manifest, error) {
	signed := new(wire.SignedManifest)
	if err := signed.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return Verify(server, signed)
}

// Verify checks the signature of a manifest and its form. Whether it may follow
// what was seen before is for Follows to say.
func Verify(server *keys.PublicKey, signed *wire.SignedManifest) (*Manifest, error) {
	raw := signed.BodyRaw
	if raw == nil {
		var err error
		if raw, err = signed.Body.MarshalBinary(); err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
	}
	if err := server.Verify(labelManifest, raw, signed.Sig[:]); err != nil {
		return nil, ErrSignature
	}
	if signed.Body.Server != server.Id() {
		return nil, ErrSignature
	}
	entries, err := check(&signed.Body)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return &Manifest{signed: signed, hash: labelHash.Hash(raw), entries: entries}, nil
}

// check makes the entries of a manifest that keeps the rules of its form.
func check(m *wire.Manifest) ([]Entry, error) {
	switch {
	case m.Version == 0:
		return nil, errors.New("version 0")
	case m.Version == 1 && m.Prev != wire.Hash{}:
		return nil, errors.New("the first version names one before it")
	case m.ExpiresMs <= m.IssuedMs, m.ExpiresMs-m.IssuedMs > uint64(MaxLife/time.Millisecond), m.ExpiresMs > maxTime:
		return nil, errors.New("it lasts for less than nothing or for more than a month")
	}
	entries := make([]Entry, 0, len(m.Entries))
	owners := make(map[wire.KeyId]string, len(m.Entries))
	for i := range m.Entries {
		e := &m.Entries[i]
		if err := keys.CheckName(e.User); err != nil {
			return nil, fmt.Errorf("entry %q: %w", e.User, err)
		}
		key, err := keys.NewPublicKey(e.Key)
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.User, err)
		}
		if i > 0 && keys.Fold(m.Entries[i-1].User) >= keys.Fold(e.User) {
			return nil, fmt.Errorf("entry %s: twice or out of order", e.User)
		}
		if owner, ok := owners[key.Id()]; ok {
			return nil, fmt.Errorf("entry %s: the key of %s", e.User, owner)
		}
		if e.SinceMs > maxTime {
			return nil, fmt.Errorf("entry %s: since when is no time", e.User)
		}
		owners[key.Id()] = e.User
		entries = append(entries, Entry{Name: e.User, Key: key, Since: time.UnixMilli(int64(e.SinceMs))})
	}
	return entries, nil
}

// maxTime is the last millisecond that a manifest may name: the year 9999's last.
const maxTime = 253_402_300_799_999

// Signed returns what travels and is stored. It must not be changed.
func (m *Manifest) Signed() *wire.SignedManifest { return m.signed }

// Seen returns what a client keeps of the manifest when it accepts it.
func (m *Manifest) Seen() Seen { return Seen{m.signed.Body.Version, m.hash} }

// Issued returns when the manifest was signed, by the server's clock.
func (m *Manifest) Issued() time.Time { return time.UnixMilli(int64(m.signed.Body.IssuedMs)) }

// Expires returns until when it is good, by the server's clock.
func (m *Manifest) Expires() time.Time { return time.UnixMilli(int64(m.signed.Body.ExpiresMs)) }

// Entries returns all users, in the order of their names in lower case.
func (m *Manifest) Entries() []Entry { return slices.Clone(m.entries) }

// Lookup finds a user.
func (m *Manifest) Lookup(name string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(m.entries, keys.Fold(name), func(e Entry, folded string) int {
		return strings.Compare(keys.Fold(e.Name), folded)
	})
	if !ok {
		return Entry{}, false
	}
	return m.entries[i], true
}
