package profile

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sotto/node/store/disk"
)

// ServerKey gives the pinned key of the server, or ErrNotFound.
func (p *Profile) ServerKey(ctx context.Context) (key []byte, err error) {
	if err := p.db.Read.QueryRowContext(ctx, "SELECT key FROM server").Scan(&key); err != nil {
		return nil, notFound(err, "pinned server key")
	}
	return key, nil
}

// PinServerKey pins the first key of the server. Pinning it again is fine,
// another one is ErrConflict.
func (p *Profile) PinServerKey(ctx context.Context, key []byte) error {
	return p.change(ctx, len(key), func(w *disk.Writer) error {
		var pinned []byte
		err := w.Row("SELECT key FROM server WHERE one = ?", 1).Scan(&pinned)
		switch {
		case err == nil && bytes.Equal(pinned, key):
			return nil
		case err == nil:
			return fmt.Errorf("pinned server key: %w", ErrConflict)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = w.Exec("INSERT INTO server VALUES (1, ?)", key)
		return err
	})
}

// ReplaceServerKey pins another key of the server that the user has accepted
// in place of the old one. The manifest or the log is forgotten, since the new
// key signs a new one; the keys of peers stay.
func (p *Profile) ReplaceServerKey(ctx context.Context, old, key []byte) error {
	return p.change(ctx, len(key), func(w *disk.Writer) error {
		var pinned []byte
		switch err := w.Row("SELECT key FROM server WHERE one = ?", 1).Scan(&pinned); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("pinned server key: %w", ErrNotFound)
		case err != nil:
			return err
		case !bytes.Equal(pinned, old):
			return fmt.Errorf("pinned server key: %w", ErrConflict)
		}
		if _, err := w.Exec("UPDATE server SET key = ? WHERE one = ?", key, 1); err != nil {
			return err
		}
		if _, err := w.Exec("DELETE FROM manifest"); err != nil {
			return err
		}
		return forgetLog(w)
	})
}

// FollowServerKey pins the key to which the pinned one leads. history is the way there;
// the log goes on.
func (p *Profile) FollowServerKey(ctx context.Context, old, key, history []byte) error {
	return p.change(ctx, len(key)+len(history), func(w *disk.Writer) error {
		var pinned []byte
		switch err := w.Row("SELECT key FROM server WHERE one = ?", 1).Scan(&pinned); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("pinned server key: %w", ErrNotFound)
		case err != nil:
			return err
		case !bytes.Equal(pinned, old):
			return fmt.Errorf("pinned server key: %w", ErrConflict)
		}
		if _, err := w.Exec("UPDATE server SET key = ? WHERE one = ?", key, 1); err != nil {
			return err
		}
		_, err := w.Exec("INSERT OR REPLACE INTO history VALUES (1, ?)", history)
		return err
	})
}

// ServerHistory gives the way from the first key that was pinned to the present one, or
// ErrNotFound if that is still the first.
func (p *Profile) ServerHistory(ctx context.Context) (history []byte, err error) {
	if err := p.db.Read.QueryRowContext(ctx, "SELECT body FROM history").Scan(&history); err != nil {
		return nil, notFound(err, "history of the server's keys")
	}
	return history, nil
}

// A Manifest is the newest manifest that was seen.
type Manifest struct {
	Version uint64
	Hash    [32]byte
	Body    []byte
}

// Manifest gives the newest manifest that was seen, or ErrNotFound.
func (p *Profile) Manifest(ctx context.Context) (Manifest, error) {
	var m Manifest
	var signed int64
	var hash []byte
	if err := p.db.Read.QueryRowContext(ctx, "SELECT version, hash, body FROM manifest").Scan(&signed, &hash, &m.Body); err != nil {
		return Manifest{}, notFound(err, "manifest")
	}
	m.Version = uint64(signed)
	copy(m.Hash[:], hash)
	return m, nil
}

// A PeerKey is a key that a manifest shows for somebody.
type PeerKey struct {
	Name string
	Key  []byte
}

// SetManifest stores a manifest that the caller has verified, with the keys
// it shows. The first key of a peer is pinned. Another one later is only
// noted; changed names those for whom it is so since this manifest. A
// manifest that is older than the stored one is ErrRollback, another of the
// same version ErrFork.
func (p *Profile) SetManifest(ctx context.Context, m Manifest, peers []PeerKey) (changed []string, err error) {
	err = p.change(ctx, 2*len(m.Body), func(w *disk.Writer) error {
		changed = nil
		var signed int64
		var hash []byte
		switch err := w.Row("SELECT version, hash FROM manifest WHERE one = ?", 1).Scan(&signed, &hash); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case m.Version < uint64(signed):
			return fmt.Errorf("manifest version %d, seen version %d: %w", m.Version, uint64(signed), ErrRollback)
		case m.Version == uint64(signed) && !bytes.Equal(hash, m.Hash[:]):
			return fmt.Errorf("manifest version %d: %w", m.Version, ErrFork)
		}
		if _, err := w.Exec("INSERT OR REPLACE INTO manifest VALUES (1, ?, ?, ?)", int64(m.Version), m.Hash[:], m.Body); err != nil {
			return err
		}
		for _, peer := range peers {
			is, err := setPeer(w, peer)
			if err != nil {
				return err
			}
			if is {
				changed = append(changed, peer.Name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// setPeer stores the key that a manifest shows for a peer and reports whether
// it is one that was neither pinned nor noted before.
func setPeer(w *disk.Writer, peer PeerKey) (changed bool, err error) {
	var pinned, noted []byte
	err = w.Row("SELECT key, changed FROM peer WHERE name = ?", peer.Name).Scan(&pinned, &noted)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = w.Exec("INSERT INTO peer (name, key) VALUES (?, ?)", peer.Name, peer.Key)
		return false, err
	case err != nil:
		return false, err
	case bytes.Equal(pinned, peer.Key):
		if noted != nil { // the server went back to the old key
			_, err = w.Exec("UPDATE peer SET changed = NULL WHERE name = ?", peer.Name)
		}
		return false, err
	case bytes.Equal(noted, peer.Key):
		return false, nil
	}
	_, err = w.Exec("UPDATE peer SET changed = ? WHERE name = ?", peer.Key, peer.Name)
	return true, err
}

// A Peer is somebody whose key the user relies on.
type Peer struct {
	Name string
	Key  []byte
	// Changed is another key that the directory shows and the user has not
	// accepted; nil if there is none. Nothing may be sent while it is set.
	Changed []byte
	// Verified says that the user has compared Key with its owner.
	Verified bool
}

const peerColumns = "SELECT name, key, changed, verified FROM peer"

// Peer finds a peer by name, or gives ErrNotFound.
func (p *Profile) Peer(ctx context.Context, name string) (Peer, error) {
	var peer Peer
	if err := p.db.Read.QueryRowContext(ctx, peerColumns+" WHERE name = ?", name).Scan(&peer.Name, &peer.Key, &peer.Changed, &peer.Verified); err != nil {
		return Peer{}, notFound(err, "peer %q", name)
	}
	return peer, nil
}

// Peers gives everybody whose key is known, by name.
func (p *Profile) Peers(ctx context.Context) ([]Peer, error) {
	rows, err := p.db.Read.QueryContext(ctx, peerColumns+" ORDER BY name")
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	var peers []Peer
	for rows.Next() {
		var peer Peer
		if err := rows.Scan(&peer.Name, &peer.Key, &peer.Changed, &peer.Verified); err != nil {
			return nil, readError(err)
		}
		peers = append(peers, peer)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return peers, nil
}

// AcceptPeer pins the changed key of a peer. key is what the user was shown:
// if by now the peer has another changed key, or none, that is ErrConflict.
func (p *Profile) AcceptPeer(ctx context.Context, name string, key []byte) error {
	return p.change(ctx, len(key), func(w *disk.Writer) error {
		var changed []byte
		switch err := w.Row("SELECT changed FROM peer WHERE name = ?", name).Scan(&changed); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("peer %q: %w", name, ErrNotFound)
		case err != nil:
			return err
		case changed == nil || !bytes.Equal(changed, key):
			return fmt.Errorf("changed key of %s: %w", name, ErrConflict)
		}
		_, err := w.Exec("UPDATE peer SET key = changed, changed = NULL, verified = 0 WHERE name = ?", name)
		return err
	})
}

// SetVerified notes that the user has compared the key of a peer with its
// owner. If by now another key is the pinned one, that is ErrConflict.
func (p *Profile) SetVerified(ctx context.Context, name string, key []byte) error {
	return p.change(ctx, len(key), func(w *disk.Writer) error {
		var pinned []byte
		switch err := w.Row("SELECT key FROM peer WHERE name = ?", name).Scan(&pinned); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("peer %q: %w", name, ErrNotFound)
		case err != nil:
			return err
		case !bytes.Equal(pinned, key):
			return fmt.Errorf("key of %s: %w", name, ErrConflict)
		}
		_, err := w.Exec("UPDATE peer SET verified = 1 WHERE name = ?", name)
		return err
	})
}
