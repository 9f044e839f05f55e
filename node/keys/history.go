package keys

import (
	"errors"

	"sotto/wire"
)

// Errors of Follow.
var (
	ErrHistory = errors.New("the server's key history is not in order")
	// ErrPin says that a history doesn't begin at, nor pass, the key that is pinned: it is
	// another server, or its keys were replaced without the old ones.
	ErrPin = errors.New("the server's key is not the pinned one, nor does it follow from it")
)

// Follow goes the way from a pinned key to the present one. changed reports whether
// they differ. Nothing of the history needs to be trusted: each step is signed by both
// keys, and the first that counts is the pinned one.
func Follow(h *wire.ServerHistory, pinned wire.KeyId) (key wire.ServerKey, changed bool, err error) {
	if CheckServerKey(&h.First) != nil {
		return key, false, ErrHistory
	}
	key = h.First
	id := ServerId(&key)
	met := id == pinned
	since := uint64(0)
	for i := range h.Rotations {
		r := &h.Rotations[i]
		body := mustEncode(&r.Body)
		next := &r.Body.New
		if r.Body.Old != id || next.Realm != key.Realm || r.Body.SinceMs < since || CheckServerKey(next) != nil ||
			VerifyEd(labelRotationOld, key.Sign, body, &r.SigOld) != nil ||
			VerifyEd(labelRotationNew, next.Sign, body, &r.SigNew) != nil {
			return wire.ServerKey{}, false, ErrHistory
		}
		key, since = *next, r.Body.SinceMs
		id = ServerId(&key)
		met = met || id == pinned
	}
	if !met {
		return wire.ServerKey{}, false, ErrPin
	}
	return key, id != pinned, nil
}
