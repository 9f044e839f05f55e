package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/store/disk"
)

// enter appends a leaf to the log and changes its user with it.
func (t *tx) enter(op *Enter) (Result, error) {
	var size uint64
	if err := t.db.Row(selectTreeSize).Scan(&size); err != nil {
		return Result{}, err
	}
	b, err := op.MarshalBinary()
	if err != nil {
		return Result{}, refuse(ErrBadOp, "%v", err)
	}
	proposal := sha256.Sum256(b)
	switch {
	case op.Leaf < size:
		return t.entered(op, proposal)
	case op.Leaf > size:
		return Result{}, refuse(ErrConflict, "leaf %d of %s, the log has %d", op.Leaf, op.User.Name, size)
	}
	rev, is, err := t.checkUser(&op.User)
	if err != nil {
		return Result{}, err
	}
	if is { // by another operation: not this leaf's
		return Result{}, refuse(ErrConflict, "user %s is at revision %d", op.User.Name, rev)
	}
	hashes, err := tlog.StoredHashes(int64(size), op.Entry, t)
	if err != nil {
		return Result{}, err
	}
	if err := t.setUser(&op.User, rev); err != nil {
		return Result{}, err
	}
	if _, err := t.db.Exec("INSERT INTO leaf VALUES (?, ?, ?, ?)", int64(size), int64(rev), proposal[:], op.Entry); err != nil {
		return Result{}, err
	}
	first := tlog.StoredHashIndex(0, int64(size))
	for i, hash := range hashes {
		if _, err := t.db.Exec("INSERT INTO hash VALUES (?, ?)", first+int64(i), hash[:]); err != nil {
			return Result{}, err
		}
	}
	return Result{Rev: rev}, nil
}

// enterOnce appends a leaf that uses something up.
func (t *tx) enterOnce(op *EnterOnce) (Result, error) {
	var size uint64
	if err := t.db.Row(selectTreeSize).Scan(&size); err != nil {
		return Result{}, err
	}
	if op.Enter.Leaf < size { // a repeat, or overtaken
		return t.enter(&op.Enter)
	}
	var used int
	if err := t.db.Row("SELECT count(*) FROM mark WHERE key = ?", op.Mark[:]).Scan(&used); err != nil {
		return Result{}, err
	}
	if used > 0 {
		return Result{}, refuse(ErrUsed, "leaf %d of %s", op.Enter.Leaf, op.Enter.User.Name)
	}
	res, err := t.enter(&op.Enter)
	if err != nil {
		return Result{}, err
	}
	_, err = t.mark(&Mark{Key: op.Mark, ExpiresMs: math.MaxInt64})
	return res, err
}

// entered answers a proposal for a leaf that is there: as the first time if it is the
// one that made it.
func (t *tx) entered(op *Enter, proposal [sha256.Size]byte) (Result, error) {
	var rev int64
	var made []byte
	if err := t.db.Row("SELECT rev, proposal FROM leaf WHERE n = ?", int64(op.Leaf)).Scan(&rev, &made); err != nil {
		return Result{}, err
	}
	if string(made) != string(proposal[:]) {
		return Result{}, refuse(ErrConflict, "leaf %d is another than that of %s", op.Leaf, op.User.Name)
	}
	return Result{Rev: uint64(rev)}, nil
}

// ReadHashes implements tlog.HashReader within the transaction.
func (t *tx) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		var hash []byte
		if err := t.db.Row("SELECT hash FROM hash WHERE n = ?", n).Scan(&hash); err != nil {
			return nil, err
		}
		copy(hashes[i][:], hash)
	}
	return hashes, nil
}

const selectTreeSize = "SELECT coalesce(max(n) + 1, 0) FROM leaf"

// TreeSize implements Engine.
func (s *Store) TreeSize(ctx context.Context) (size uint64, err error) {
	if err := s.read.treeSize.QueryRowContext(ctx).Scan(&size); err != nil {
		return 0, readError(err)
	}
	return size, nil
}

// Leaves implements Engine.
func (s *Store) Leaves(ctx context.Context, from uint64, maxBytes int) (entries [][]byte, err error) {
	if int64(from) < 0 { // no leaf is that high
		return nil, nil
	}
	rows, err := s.read.leaves.QueryContext(ctx, int64(from))
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		var entry []byte
		if err := rows.Scan(&entry); err != nil {
			return nil, readError(err)
		}
		if size += len(entry); size > maxBytes && len(entries) > 0 {
			return entries, nil
		}
		entries = append(entries, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return entries, nil
}

// Hashes implements Engine.
func (s *Store) Hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		// One question for all of them: a proof asks for some dozens, each login for a proof.
		list, err := json.Marshal(indexes)
		if err != nil {
			return nil, fmt.Errorf("store: hashes: %w", err)
		}
		rows, err := s.read.hashes.QueryContext(ctx, string(list))
		if err != nil {
			return nil, readError(err)
		}
		hashes, found, err := disk.Hashes[tlog.Hash](rows, len(indexes))
		if err != nil {
			return nil, readError(err)
		}
		if found != len(indexes) {
			return nil, fmt.Errorf("store: %d of %d hashes of the log: %w", len(indexes)-found, len(indexes), ErrNotFound)
		}
		return hashes, nil
	})
}
