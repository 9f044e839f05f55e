package manifest

import (
	"errors"
	"fmt"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// What a manifest can be guilty of. Each is an alarm: the server is not what it
// was, or somebody is in between.
var (
	ErrRollback    = errors.New("the server showed an older manifest than before")
	ErrFork        = errors.New("the server showed another manifest of the same version")
	ErrBrokenChain = errors.New("the manifest does not continue the one before it")
	ErrExpired     = errors.New("the manifest has expired")
	ErrOwnEntry    = errors.New("the manifest does not show me with my own key")
)

// A Seen is what a client keeps of the last manifest it accepted from a server.
// The zero value is a client that has seen none.
type Seen struct {
	Version uint64
	Hash    wire.Hash
}

// Follows returns nil if a client that has seen that may accept this manifest. now is
// the server's time: a client whose own clock is wrong is not locked out.
func (m *Manifest) Follows(seen Seen, now time.Time) error {
	mine := m.Seen()
	switch {
	case mine.Version < seen.Version:
		return fmt.Errorf("%w: version %d after %d", ErrRollback, mine.Version, seen.Version)
	case mine.Version == seen.Version && mine.Hash != seen.Hash:
		return fmt.Errorf("%w: version %d", ErrFork, mine.Version)
	case seen.Version > 0 && mine.Version == seen.Version+1 && m.signed.Body.Prev != seen.Hash:
		return fmt.Errorf("%w: version %d", ErrBrokenChain, mine.Version)
	case now.After(m.Expires()):
		return fmt.Errorf("%w: on %s", ErrExpired, m.Expires().UTC().Format(time.DateTime))
	}
	return nil
}

// CheckOwn returns ErrOwnEntry unless the manifest shows the user with this key.
func (m *Manifest) CheckOwn(name string, key wire.KeyId) error {
	own, ok := m.Lookup(name)
	switch {
	case !ok:
		return fmt.Errorf("%w: there is no %s in it", ErrOwnEntry, name)
	case own.Key.Id() != key:
		return fmt.Errorf("%w: %s has %s there", ErrOwnEntry, own.Name, keys.Fingerprint(own.Key.Id()))
	}
	return nil
}
