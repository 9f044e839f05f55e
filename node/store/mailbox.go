package store

import (
	"database/sql"
	"errors"
	"math"
	"slices"
)

// append puts an envelope into a mailbox, once.
func (t *tx) append(op *Append) (Result, error) {
	if err := checkName(op.From); err != nil {
		return Result{}, err
	}
	if len(op.Body) > MaxEnvelope {
		return Result{}, refuse(ErrTooBig, "envelope of %d bytes, at most %d", len(op.Body), MaxEnvelope)
	}
	var envelopes, bytes int
	switch err := t.db.Row("SELECT envelopes, bytes FROM mailbox WHERE id = ?", op.Mailbox[:]).Scan(&envelopes, &bytes); {
	case errors.Is(err, sql.ErrNoRows):
		return Result{}, refuse(ErrNotFound, "mailbox %x", op.Mailbox)
	case err != nil:
		return Result{}, err
	}

	// The id of an envelope that the recipient has acked or refused stays known for a
	// day: a sender who never heard of it sends it again, and it must not
	// come to the recipient twice.
	var seq int64
	var why Kind
	switch err := t.db.Row(`SELECT seq, 0 FROM item WHERE mailbox = ?1 AND kind = 0 AND peer = ?2 AND id = ?3
		UNION ALL SELECT seq, why FROM gone WHERE mailbox = ?1 AND peer = ?2 AND id = ?3`,
		op.Mailbox[:], op.From, op.Id[:]).Scan(&seq, &why); {
	case err == nil:
		return Result{Seq: Seq(seq), Acked: why == KindDelivered, Refused: why == KindRefused}, nil
	case !errors.Is(err, sql.ErrNoRows):
		return Result{}, err
	}

	if err := t.checkShare(op, envelopes, bytes); err != nil {
		return Result{}, err
	}
	res, err := t.db.Exec("INSERT INTO item (mailbox, kind, peer, id, at, expires, body) VALUES (?, 0, ?, ?, ?, ?, ?)",
		op.Mailbox[:], op.From, op.Id[:], t.at, clampMs(op.ExpiresMs), op.Body)
	if err != nil {
		return Result{}, err
	}
	if seq, err = res.LastInsertId(); err != nil {
		return Result{}, err
	}
	t.added[op.Mailbox] = true
	_, err = t.db.Exec("UPDATE mailbox SET envelopes = envelopes + 1, bytes = bytes + ? WHERE id = ?", len(op.Body), op.Mailbox[:])
	return Result{Seq: Seq(seq), Fresh: true}, err
}

// shareQuery adds up what of one sender waits in a mailbox.
const shareQuery = "SELECT count(*), coalesce(sum(length(body)), 0) FROM item WHERE mailbox = ? AND kind = 0 AND peer = ?"

// checkShare refuses an envelope that is too much of one sender, or for the mailbox. It
// need not look as long as all senders together hold no more than one alone may.
func (t *tx) checkShare(op *Append, envelopes, bytes int) error {
	envelopes, bytes = envelopes+1, bytes+len(op.Body)
	if envelopes <= MaxEnvelopes/MaxShare && bytes <= MaxBytes/MaxShare {
		return nil
	}
	var ownEnvelopes, ownBytes int
	if err := t.db.Row(shareQuery, op.Mailbox[:], op.From).Scan(&ownEnvelopes, &ownBytes); err != nil {
		return err
	}
	switch {
	case !fair(ownEnvelopes+1, envelopes, MaxEnvelopes):
		return refuse(ErrFull, "%d envelopes wait, %d of them from %s", envelopes-1, ownEnvelopes, op.From)
	case !fair(ownBytes+len(op.Body), bytes, MaxBytes):
		return refuse(ErrFull, "envelopes of %d bytes wait, %d of them from %s", bytes-len(op.Body), ownBytes, op.From)
	}
	return nil
}

// fair reports whether one sender may have so much of a total, of which there may be so much
// at most. His part may be four ninths of the square of the part that is left: a quarter if he
// is alone, and the less the more others have taken. With a fixed part a few senders would
// fill a mailbox for weeks. So each of many leaves room behind him: after ten who take what
// they can, a fifth is left, and after a hundred a fortieth.
func fair(own, total, most int) bool {
	left := int64(most - total)
	const others = MaxShare - 1
	return left >= 0 && others*others*int64(own)*int64(most) <= MaxShare*left*left
}

// ack drops what the owner of the mailbox has stored: all up to a position but what
// stands at those of the list.
func (t *tx) ack(mailbox Mailbox, upTo uint64, but []uint64) (Result, error) {
	if !slices.IsSorted(but) {
		return Result{}, refuse(ErrBadOp, "positions are not in order")
	}
	var exists int
	switch err := t.db.Row("SELECT 1 FROM mailbox WHERE id = ?", mailbox[:]).Scan(&exists); {
	case errors.Is(err, sql.ErrNoRows):
		return Result{}, refuse(ErrNotFound, "mailbox %x", mailbox)
	case err != nil:
		return Result{}, err
	}
	items, err := t.items("SELECT seq, mailbox, kind, peer, id, length(body) FROM item WHERE mailbox = ? AND seq <= ? ORDER BY seq",
		mailbox[:], int64(min(upTo, math.MaxInt64)))
	if err != nil {
		return Result{}, err
	}
	items = slices.DeleteFunc(items, func(it item) bool {
		_, stays := slices.BinarySearch(but, uint64(it.seq))
		return stays
	})
	for _, it := range items {
		if err := t.settle(it, KindDelivered); err != nil {
			return Result{}, err
		}
	}
	return Result{Dropped: len(items)}, nil
}

// refused drops the one envelope that the owner of the mailbox won't take.
func (t *tx) refused(op *Refuse) (Result, error) {
	items, err := t.items("SELECT seq, mailbox, kind, peer, id, length(body) FROM item WHERE mailbox = ? AND seq = ? AND kind = 0",
		op.Mailbox[:], int64(min(op.Seq, math.MaxInt64)))
	if err != nil {
		return Result{}, err
	}
	for _, it := range items {
		if err := t.settle(it, KindRefused); err != nil {
			return Result{}, err
		}
	}
	return Result{Dropped: len(items)}, nil
}

// settle drops an item that its owner has decided about. The id of an envelope
// stays known for a while, and why it is gone.
func (t *tx) settle(it item, why Kind) error {
	if it.kind == KindEnvelope {
		_, err := t.db.Exec("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?, ?)",
			it.mailbox[:], it.peer, it.id[:], it.seq, t.at+goneLife, why)
		if err != nil {
			return err
		}
	}
	return t.drop(it, why)
}

// An item is what dropping a row of the table item needs to know of it.
type item struct {
	seq     int64
	mailbox Mailbox
	kind    Kind
	peer    string
	id      MsgID
	bytes   int
}

// items reads the rows to drop to the end, since no row may be changed while
// a query runs.
func (t *tx) items(query string, args ...any) ([]item, error) {
	rows, err := t.db.Rows(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []item
	for rows.Next() {
		var it item
		var mailbox, id sql.RawBytes
		if err := rows.Scan(&it.seq, &mailbox, &it.kind, &it.peer, &id, &it.bytes); err != nil {
			return nil, err
		}
		copy(it.mailbox[:], mailbox)
		copy(it.id[:], id)
		items = append(items, it)
	}
	return items, rows.Err()
}

// drop deletes an item. If it is an envelope, its sender gets a note that
// says what became of it.
func (t *tx) drop(it item, why Kind) error {
	res, err := t.db.Exec("DELETE FROM item WHERE seq = ?", it.seq)
	if err != nil {
		return err
	}
	// A note may be gone already: notes that came in this operation pushed it out.
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if it.kind != KindEnvelope {
		_, err := t.db.Exec("UPDATE mailbox SET notes = notes - 1 WHERE id = ?", it.mailbox[:])
		return err
	}
	var owner string
	if err := t.db.Row("UPDATE mailbox SET envelopes = envelopes - 1, bytes = bytes - ? WHERE id = ? RETURNING owner", it.bytes, it.mailbox[:]).Scan(&owner); err != nil {
		return err
	}
	return t.note(it.peer, why, owner, it.id)
}

// note puts a note into the mailbox of a user, if there still is such a user.
// When there are too many, the oldest goes: a sender who asks again by
// sending again learns it from Result.Acked.
func (t *tx) note(user string, kind Kind, about string, id MsgID) error {
	var mailbox []byte
	switch err := t.db.Row("SELECT mailbox FROM user WHERE name = ?", user).Scan(&mailbox); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	res, err := t.db.Exec("INSERT INTO item (mailbox, kind, peer, id, at, expires, body) VALUES (?, ?, ?, ?, ?, ?, x'') ON CONFLICT DO NOTHING",
		mailbox, kind, about, id[:], t.at, t.at+noteLife)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	t.added[Mailbox(mailbox)] = true
	var notes int
	if err := t.db.Row("UPDATE mailbox SET notes = notes + 1 WHERE id = ? RETURNING notes", mailbox).Scan(&notes); err != nil || notes <= MaxNotes {
		return err
	}
	// Left alone, SQLite would sort all notes to find the oldest.
	if _, err := t.db.Exec("DELETE FROM item WHERE seq = (SELECT seq FROM item INDEXED BY item_note WHERE mailbox = ? AND kind > 0 ORDER BY seq LIMIT 1)", mailbox); err != nil {
		return err
	}
	_, err = t.db.Exec("UPDATE mailbox SET notes = notes - 1 WHERE id = ?", mailbox)
	return err
}

// expire drops what ended, of each kind at most so many.
func (t *tx) expire(op *Expire) (Result, error) {
	var tick, tickAt int64
	if err := t.db.Row("SELECT tick, tick_at FROM state WHERE one = ?", 1).Scan(&tick, &tickAt); err != nil {
		return Result{}, err
	}
	if t.at-tickAt >= tickLeast || tickAt-t.at >= tickLeast {
		tick++
		if _, err := t.db.Exec("UPDATE state SET tick = ?, tick_at = ?", tick, t.at); err != nil {
			return Result{}, err
		}
	}
	items, err := t.items("SELECT seq, mailbox, kind, peer, id, length(body) FROM item WHERE expires <= ? ORDER BY expires, seq LIMIT ?", t.at, op.Max)
	if err != nil {
		return Result{}, err
	}
	for _, it := range items {
		if err := t.drop(it, KindExpired); err != nil {
			return Result{}, err
		}
	}
	dropped := len(items)
	for _, del := range []struct {
		query string
		args  []any
	}{
		{"DELETE FROM gone WHERE (mailbox, peer, id) IN (SELECT mailbox, peer, id FROM gone WHERE until <= ? ORDER BY until, mailbox, peer, id LIMIT ?)",
			[]any{t.at, op.Max}},
		{"DELETE FROM mark WHERE key IN (SELECT key FROM mark WHERE expires <= ? AND tick <= ? ORDER BY expires, key LIMIT ?)",
			[]any{t.at, tick - markTicks, op.Max}},
	} {
		res, err := t.db.Exec(del.query, del.args...)
		if err != nil {
			return Result{}, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return Result{}, err
		}
		dropped += int(n)
	}
	return Result{Dropped: dropped}, nil
}
