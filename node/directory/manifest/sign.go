package manifest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// Sign makes the manifest that follows prev, or the first one if prev is nil. The
// entries may come in any order; a name or a key that stands twice, and what is
// no name or no key, is refused.
func Sign(random io.Reader, server *keys.Identity, prev *Seen, entries []wire.ManifestEntry, issued, expires time.Time) (*Manifest, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b wire.ManifestEntry) int {
		return strings.Compare(keys.Fold(a.User), keys.Fold(b.User))
	})
	signed := &wire.SignedManifest{Body: wire.Manifest{
		Server:    server.Public().Id(),
		Version:   1,
		IssuedMs:  uint64(max(issued.UnixMilli(), 0)),
		ExpiresMs: uint64(max(expires.UnixMilli(), 0)),
		Entries:   sorted,
	}}
	if prev != nil {
		signed.Body.Version, signed.Body.Prev = prev.Version+1, prev.Hash
	}
	checked, err := check(&signed.Body)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if signed.BodyRaw, err = signed.Body.MarshalBinary(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if signed.Sig, err = server.Sign(random, labelManifest, signed.BodyRaw); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return &Manifest{signed: signed, hash: labelHash.Hash(signed.BodyRaw), entries: checked}, nil
}

// Stale reports whether the server should sign the next manifest: half the life of
// this one is over, or it comes from a future that the clock has left.
func (m *Manifest) Stale(now time.Time) bool {
	return now.Before(m.Issued()) || now.Sub(m.Issued()) > m.Expires().Sub(m.Issued())/2
}
