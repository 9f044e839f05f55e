package directory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"sotto/node/keys"
	"sotto/wire"
)

// A device that is gone from an account stays gone: none of its keys stands in a later
// entry, so that a copy of them is worth nothing for good. An entry alone doesn't show that;
// who follows the log remembers which keys are retired, by their hashes.

// Retired gives the hashes of the keys of devices that prev has and e, which follows
// it, has no more.
func (e *Entry) Retired(prev *Entry) []wire.Hash { return newKeys(prev, e) }

// Brought gives the hashes of the keys of devices that e brings and prev, which may be
// nil, doesn't have. None of them may be retired.
func (e *Entry) Brought(prev *Entry) []wire.Hash { return newKeys(e, prev) }

// Revives is the error of an entry that brings a retired key.
func (e *Entry) Revives() error { return e.breaks(RuleRetired) }

// DeviceHashes gives the hashes of a device's keys.
func DeviceHashes(k *wire.DeviceKeys) []wire.Hash {
	return []wire.Hash{sha256.Sum256(k.Sign[:]), sha256.Sum256(k.Seal[:])}
}

// newKeys gives the hashes of device keys that an entry has and another one hasn't.
func newKeys(e, other *Entry) (hashes []wire.Hash) {
	if e == nil {
		return nil
	}
	known := deviceKeys(other)
	for _, h := range deviceKeys(e) {
		if !slices.Contains(known, h) {
			hashes = append(hashes, h)
		}
	}
	return hashes
}

func deviceKeys(e *Entry) (hashes []wire.Hash) {
	if e == nil {
		return nil
	}
	for i := range e.Body().Devices {
		hashes = append(hashes, DeviceHashes(&e.Body().Devices[i].Keys)...)
	}
	return hashes
}

// retired are keys that the leaves of one answer have retired, by folded name.
type retired map[string][]wire.Hash

// checkRevived refuses an entry that brings a key which was retired, by an earlier leaf of
// the same answer or long ago.
func (f *Follower) checkRevived(ctx context.Context, r retired, before, e *Entry) error {
	brought := e.Brought(before)
	if len(brought) == 0 || before == nil {
		return nil
	}
	for _, h := range brought {
		if slices.Contains(r[fold(e)], h) {
			return e.Revives()
		}
	}
	switch is, err := f.memory.Retired(ctx, e.User(), brought); {
	case err != nil:
		return fmt.Errorf("retired keys of %s: %w", e.User(), err)
	case is:
		return e.Revives()
	}
	return nil
}

// DeviceRetired reports whether a device was part of our own account and is no more: it
// can't be entered again.
func (f *Follower) DeviceRetired(ctx context.Context, k *wire.DeviceKeys) (bool, error) {
	return f.memory.Retired(ctx, keys.Fold(f.own.User), DeviceHashes(k))
}
