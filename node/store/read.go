package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"sotto/node/store/disk"
)

// readBytes is the size of bodies from which on Read gives no further item.
const readBytes = 1 << 20

// reads holds the prepared queries of the reading connections.
type reads struct {
	items, user, manifest, value, mark, treeSize, leaves, hashes *sql.Stmt
}

func (r *reads) prepare(db *sql.DB) (err error) {
	for _, q := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&r.items, "SELECT seq, kind, id, peer, at, expires, body FROM item WHERE mailbox = ? AND seq > ? ORDER BY seq LIMIT ?"},
		{&r.user, "SELECT name, mailbox, rev, record FROM user WHERE name = ?"},
		{&r.manifest, "SELECT version, body FROM manifest"},
		{&r.value, "SELECT value FROM value WHERE name = ?"},
		{&r.mark, "SELECT count(*) FROM mark WHERE key = ?"},
		{&r.treeSize, selectTreeSize},
		{&r.leaves, "SELECT entry FROM leaf WHERE n >= ? ORDER BY n"},
		{&r.hashes, "SELECT wanted.key, hash.hash FROM json_each(?) AS wanted JOIN hash ON hash.n = wanted.value"},
	} {
		if *q.stmt, err = db.Prepare(q.text); err != nil {
			return err
		}
	}
	return nil
}

// Read implements Engine.
func (s *Store) Read(ctx context.Context, mb Mailbox, after Seq, max int) (items []Stored, more bool, err error) {
	if int64(after) < 0 || max <= 0 { // no position is that high
		return nil, false, nil
	}
	rows, err := s.read.items.QueryContext(ctx, mb[:], int64(after), max+1)
	if err != nil {
		return nil, false, readError(err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		if len(items) == max || size >= readBytes {
			return items, true, nil
		}
		var it Stored
		var seq int64
		var id sql.RawBytes
		if err := rows.Scan(&seq, &it.Kind, &id, &it.From, &it.At, &it.Expires, &it.Body); err != nil {
			return nil, false, readError(err)
		}
		it.Seq = Seq(seq)
		copy(it.ID[:], id)
		size += len(it.Body)
		items = append(items, it)
	}
	if err := rows.Err(); err != nil {
		return nil, false, readError(err)
	}
	return items, false, nil
}

// User implements Engine.
func (s *Store) User(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.read.user.QueryRowContext(ctx, name))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, fmt.Errorf("store: user %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return User{}, readError(err)
	}
	return u, nil
}

func scanUser(row interface{ Scan(...any) error }) (User, error) {
	var u User
	var mailbox []byte
	var rev int64
	if err := row.Scan(&u.Name, &mailbox, &rev, &u.Record); err != nil {
		return User{}, err
	}
	copy(u.Mailbox[:], mailbox)
	u.Rev = uint64(rev)
	return u, nil
}

// Users implements Engine.
func (s *Store) Users(ctx context.Context) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		rows, err := s.db.Read.QueryContext(ctx, "SELECT name, mailbox, rev, record FROM user ORDER BY name")
		if err != nil {
			yield(User{}, readError(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			u, err := scanUser(rows)
			if err != nil {
				yield(User{}, readError(err))
				return
			}
			if !yield(u, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(User{}, readError(err))
		}
	}
}

// Manifest implements Engine.
func (s *Store) Manifest(ctx context.Context) (version uint64, body []byte, err error) {
	var signed int64
	err = s.read.manifest.QueryRowContext(ctx).Scan(&signed, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, fmt.Errorf("store: manifest: %w", ErrNotFound)
	}
	if err != nil {
		return 0, nil, readError(err)
	}
	return uint64(signed), body, nil
}

// Value implements Engine.
func (s *Store) Value(ctx context.Context, name string) (value []byte, err error) {
	err = s.read.value.QueryRowContext(ctx, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("store: value %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, readError(err)
	}
	return value, nil
}

// Marked implements Engine.
func (s *Store) Marked(ctx context.Context, key [32]byte) (bool, error) {
	var n int
	if err := s.read.mark.QueryRowContext(ctx, key[:]).Scan(&n); err != nil {
		return false, readError(err)
	}
	return n > 0, nil
}

// readError tells a closed store from a disk that fails.
func readError(err error) error {
	if disk.Closed(err) {
		return ErrClosed
	}
	return fmt.Errorf("store: read: %w", err)
}

func snapshotName(n string) string { return ".snapshot-" + n }

// Snapshot implements Engine.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) error {
	// The copy goes into this empty file, which keeps its mode of 0600.
	f, err := os.CreateTemp(s.folder.Path(""), snapshotName("*"))
	if err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := s.db.CopyTo(ctx, f.Name()); err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	return nil
}
