package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

// currentManifest returns the manifest to show now: the stored one while it is
// ours, fresh and says what the accounts say, else the next one. That is in
// the store before anybody sees it, so no version is ever used twice.
func currentManifest(ctx context.Context, engine store.Engine, random io.Reader, id *keys.Identity, a *accounts, now time.Time) (*directory.Manifest, error) {
	_, body, err := engine.Manifest(ctx)
	var seen *directory.Seen
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read the stored manifest: %w", err)
	default:
		old, err := directory.Parse(id.Public(), body)
		if err != nil {
			return nil, fmt.Errorf("read the stored manifest: %w", err)
		}
		if !old.Stale(now) && sameEntries(old, a) {
			return old, nil
		}
		s := old.Seen()
		seen = &s
	}
	m, err := directory.Sign(random, id, seen, a.entries(), now, now.Add(directory.Life))
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	if body, err = m.Signed().MarshalBinary(); err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	_, err = engine.Do(ctx, store.Op{
		At:          now.UnixMilli(),
		SetManifest: &store.SetManifest{Version: m.Seen().Version, Body: body},
	})
	if err != nil {
		return nil, fmt.Errorf("store the manifest: %w", err)
	}
	return m, nil
}

// sameEntries reports whether m says what the accounts say.
func sameEntries(m *directory.Manifest, a *accounts) bool {
	return slices.EqualFunc(m.Entries(), a.sorted, func(e directory.Entry, acc *account) bool {
		return e.Name == acc.name && e.Key.Modulus() == acc.key && unixMs(e.Since) == acc.since
	})
}

// push returns the push that tells sessions of m.
func manifestPush(m *directory.Manifest) (*wire.Push, error) {
	body, err := m.Signed().MarshalBinary()
	if err != nil {
		return nil, err
	}
	return &wire.Push{Type: wire.PushTypeManifest, Manifest: wire.ManifestPush{Signed: body}}, nil
}
