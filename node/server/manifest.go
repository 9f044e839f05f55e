package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sotto/node/directory/manifest"
	"sotto/node/store"
	"sotto/wire"
)

// currentManifest returns the manifest to show now: the stored one while it is
// ours, fresh and says what the entries say, else the next one. That is in
// the store before anybody sees it, so no version is ever used twice.
func (t *classicTier) currentManifest(ctx context.Context, now time.Time) (*manifest.Manifest, error) {
	_, body, err := t.engine.Manifest(ctx)
	var seen *manifest.Seen
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read the stored manifest: %w", err)
	default:
		old, err := manifest.Parse(t.identity.Public(), body)
		if err != nil {
			return nil, fmt.Errorf("read the stored manifest: %w", err)
		}
		if !old.Stale(now) && sameEntries(old, t.entries) {
			return old, nil
		}
		s := old.Seen()
		seen = &s
	}
	m, err := manifest.Sign(t.source, t.identity, seen, t.entries, now, now.Add(manifest.Life))
	if err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	if body, err = m.Signed().MarshalBinary(); err != nil {
		return nil, fmt.Errorf("sign the manifest: %w", err)
	}
	_, err = t.engine.Do(ctx, store.Op{
		At:          now.UnixMilli(),
		SetManifest: &store.SetManifest{Version: m.Seen().Version, Body: body},
	})
	if err != nil {
		return nil, fmt.Errorf("store the manifest: %w", err)
	}
	return m, nil
}

// sameEntries reports whether m says what the entries say.
func sameEntries(m *manifest.Manifest, entries []wire.ManifestEntry) bool {
	return slices.EqualFunc(m.Entries(), entries, func(e manifest.Entry, want wire.ManifestEntry) bool {
		return e.Name == want.User && e.Key.Modulus() == want.Key && unixMs(e.Since) == want.SinceMs
	})
}

// keepHouse signs the next manifest when this one is stale, and tells the
// clients that are here.
func (t *classicTier) keepHouse(ctx context.Context) {
	old := t.manifest.Load()
	now := t.clock()
	if !old.Stale(now) {
		return
	}
	m, err := t.currentManifest(ctx, now)
	if err != nil {
		t.log.Error("no new manifest", "why", err, "expires", old.Expires())
		return
	}
	push, err := manifestPush(m)
	if err != nil {
		t.log.Error("no new manifest", "why", err, "expires", old.Expires())
		return
	}
	t.manifest.Store(m)
	t.tellAll(push)
	t.log.Info("manifest renewed", "version", m.Seen().Version, "expires", m.Expires())
}

// manifestPush returns the push that tells sessions of m.
func manifestPush(m *manifest.Manifest) (*wire.Push, error) {
	body, err := m.Signed().MarshalBinary()
	if err != nil {
		return nil, err
	}
	return &wire.Push{Type: wire.PushTypeManifest, Manifest: wire.ManifestPush{Signed: body}}, nil
}
