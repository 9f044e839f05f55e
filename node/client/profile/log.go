package profile

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sotto/node/store/disk"
	"sotto/wire"
)

// A Log is how far the client knows the log of the default tier.
type Log struct {
	Leaves  uint64   // whose hashes and entries are kept
	Head    []byte   // the newest signed head that continues them; nil before the first
	Waiting [][]byte // other signed heads, to be compared when there are leaves enough
}

// Log gives what the last GrowLog kept; at first it is empty.
func (p *Profile) Log(ctx context.Context) (Log, error) {
	var l Log
	tx, err := p.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // both tables as they are at one moment
	if err != nil {
		return Log{}, readError(err)
	}
	defer tx.Rollback()
	var leaves int64
	switch err := tx.QueryRowContext(ctx, "SELECT leaves, head FROM log").Scan(&leaves, &l.Head); {
	case errors.Is(err, sql.ErrNoRows):
		return Log{}, nil
	case err != nil:
		return Log{}, readError(err)
	}
	l.Leaves = uint64(leaves)
	rows, err := tx.QueryContext(ctx, "SELECT head FROM waiting ORDER BY pos")
	if err != nil {
		return Log{}, readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var head []byte
		if err := rows.Scan(&head); err != nil {
			return Log{}, readError(err)
		}
		l.Waiting = append(l.Waiting, head)
	}
	if err := rows.Err(); err != nil {
		return Log{}, readError(err)
	}
	return l, nil
}

// A LogChange is a leaf that counts from now on.
type LogChange struct {
	User  string
	Entry []byte // the leaf
	Key   []byte // the account's keys
	// Was are the keys before, if they vouch for Key; else nil.
	Was []byte

	// Former is the id of the keys before, if they are of the user's own account and vouch
	// for Key; Anew says that his own account began, or began anew.
	Former *wire.KeyId
	Anew   bool

	Retired []wire.Hash // keys of devices that are gone for good
}

// A LogUpdate is what came of leaves or heads that the caller has verified.
type LogUpdate struct {
	From    uint64 // the leaves that are kept already
	Log            // from then on
	Hashes  []wire.Hash
	Changes []LogChange // in the order of the log
}

// GrowLog keeps an update, all of it or nothing. The first key of a peer is pinned, and so
// is one that the pinned key vouches for. Another one later is only noted; changed names
// those for whom it is so since this update. If the log isn't what the update
// begins with, that is ErrConflict; an update that is kept already is fine.
func (p *Profile) GrowLog(ctx context.Context, u LogUpdate) (changed []string, err error) {
	size := len(u.Hashes) * 64
	for _, c := range u.Changes {
		size += len(c.Entry) + 2*len(c.Key) + 64*len(c.Retired)
	}
	err = p.change(ctx, size, func(w *disk.Writer) error {
		changed = nil
		var leaves int64
		var head []byte
		err := w.Row("SELECT leaves, head FROM log WHERE one = ?", 1).Scan(&leaves, &head)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		case uint64(leaves) == u.From:
		case uint64(leaves) == u.Leaves && bytes.Equal(head, u.Head):
			return nil
		default:
			return fmt.Errorf("log of %d leaves, an update from %d: %w", leaves, u.From, ErrConflict)
		}
		if err := setLog(w, &u); err != nil {
			return err
		}
		for _, c := range u.Changes {
			if _, err := w.Exec("INSERT OR REPLACE INTO entry VALUES (?, ?)", c.User, c.Entry); err != nil {
				return err
			}
			if err := followOwn(w, &c); err != nil {
				return err
			}
			for _, h := range c.Retired {
				if _, err := w.Exec("INSERT OR IGNORE INTO retired VALUES (?, ?)", c.User, h[:]); err != nil {
					return err
				}
			}
			is, err := followPeer(w, &c)
			if err != nil {
				return err
			}
			if is {
				changed = append(changed, c.User)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// setLog writes how far the log is known, and the hashes.
func setLog(w *disk.Writer, u *LogUpdate) error {
	if _, err := w.Exec("INSERT OR REPLACE INTO log VALUES (1, ?, ?)", int64(u.Leaves), u.Head); err != nil {
		return err
	}
	if _, err := w.Exec("DELETE FROM waiting"); err != nil {
		return err
	}
	for _, head := range u.Waiting {
		if _, err := w.Exec("INSERT INTO waiting (head) VALUES (?)", head); err != nil {
			return err
		}
	}
	var next int64
	if err := w.Row("SELECT coalesce(max(n) + 1, 0) FROM hash").Scan(&next); err != nil {
		return err
	}
	for i, hash := range u.Hashes {
		if _, err := w.Exec("INSERT INTO hash VALUES (?, ?)", next+int64(i), hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// followOwn keeps which keys the user's own account was rotated from. Those of an account
// that began anew are forgotten.
func followOwn(w *disk.Writer, c *LogChange) error {
	if c.Former == nil {
		if c.Anew {
			_, err := w.Exec("DELETE FROM former; DELETE FROM retired")
			return err
		}
		return nil
	}
	_, err := w.Exec("INSERT OR IGNORE INTO former VALUES (?)", c.Former[:])
	return err
}

// Former gives the ids of the keys that the user's own account was rotated from.
func (p *Profile) Former(ctx context.Context) (ids []wire.KeyId, err error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT id FROM former")
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, readError(err)
		}
		ids = append(ids, wire.KeyId(id))
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return ids, nil
}

// followPeer stores the keys that an entry shows for a peer and reports whether they
// are to be noted, as setPeer does.
func followPeer(w *disk.Writer, c *LogChange) (changed bool, err error) {
	if c.Was != nil {
		res, err := w.Exec("UPDATE peer SET key = ?, changed = NULL, verified = 0 WHERE name = ? AND key = ? AND changed IS NULL",
			c.Key, c.User, c.Was)
		if err != nil {
			return false, err
		}
		if n, err := res.RowsAffected(); n == 1 || err != nil {
			return false, err
		}
	}
	return setPeer(w, PeerKey{c.User, c.Key})
}

// Hashes gives hashes of the log's tree, by their numbers in the order of tlog.
func (p *Profile) Hashes(ctx context.Context, numbers []int64) ([]wire.Hash, error) {
	list, err := json.Marshal(numbers)
	if err != nil {
		return nil, readError(err)
	}
	rows, err := p.db.Read.QueryContext(ctx,
		"SELECT wanted.key, hash.hash FROM json_each(?) AS wanted JOIN hash ON hash.n = wanted.value", string(list))
	if err != nil {
		return nil, readError(err)
	}
	hashes, found, err := disk.Hashes[wire.Hash](rows, len(numbers))
	if err != nil {
		return nil, readError(err)
	}
	if found != len(numbers) {
		return nil, fmt.Errorf("%d of %d hashes of the log: %w", len(numbers)-found, len(numbers), ErrNotFound)
	}
	return hashes, nil
}

// Entry gives the last entry that the log shows for a user, or nil if it shows none.
func (p *Profile) Entry(ctx context.Context, user string) (entry []byte, err error) {
	err = p.db.Read.QueryRowContext(ctx, "SELECT entry FROM entry WHERE user = ?", user).Scan(&entry)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, readError(err)
	}
	return entry, nil
}

// Retired reports whether one of these keys, by their hashes, was of a device that a user
// has no more.
func (p *Profile) Retired(ctx context.Context, user string, hashes []wire.Hash) (bool, error) {
	for _, h := range hashes {
		var n int
		if err := p.db.Read.QueryRowContext(ctx, "SELECT count(*) FROM retired WHERE user = ? AND hash = ?", user, h[:]).Scan(&n); err != nil {
			return false, readError(err)
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Entries gives the last entry of every user, by name.
func (p *Profile) Entries(ctx context.Context) (entries [][]byte, err error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT entry FROM entry ORDER BY user")
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var entry []byte
		if err := rows.Scan(&entry); err != nil {
			return nil, readError(err)
		}
		entries = append(entries, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return entries, nil
}

// forgetLog drops all that came of the log but the pinned keys of peers, and evidence.
func forgetLog(w *disk.Writer) error {
	_, err := w.Exec("DELETE FROM log; DELETE FROM waiting; DELETE FROM hash; DELETE FROM entry; DELETE FROM history; DELETE FROM former")
	return err
}

// KeepEvidence keeps what proves that the server has lied, durably and for good. now is
// in Unix ms. Keeping the same again is fine.
func (p *Profile) KeepEvidence(ctx context.Context, now int64, body []byte) error {
	return p.change(ctx, len(body), func(w *disk.Writer) error {
		_, err := w.Exec("INSERT INTO evidence (time, body) VALUES (?, ?) ON CONFLICT DO NOTHING", now, body)
		return err
	})
}

// An Evidence is one that was kept.
type Evidence struct {
	Time int64 // Unix ms
	Body []byte
}

// Evidence gives all that was kept, oldest first.
func (p *Profile) Evidence(ctx context.Context) (all []Evidence, err error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT time, body FROM evidence ORDER BY pos")
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Evidence
		if err := rows.Scan(&e.Time, &e.Body); err != nil {
			return nil, readError(err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return all, nil
}
