package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"sotto/node/store/disk"
	"sotto/wire"
)

// A tx applies the operations of one batch within one transaction.
type tx struct {
	db    *disk.Writer
	at    int64            // clock of the operation that is being applied, ms
	added map[Mailbox]bool // mailboxes that got something
}

// A refusal is an outcome: the operation was applied and changed nothing.
// Every other error means that the transaction can't go on.
type refusal struct {
	reason error
	detail string
}

func (r *refusal) Error() string { return "store: " + r.detail + ": " + r.reason.Error() }
func (r *refusal) Unwrap() error { return r.reason }

func refuse(reason error, format string, args ...any) error {
	return &refusal{reason, fmt.Sprintf(format, args...)}
}

// apply makes the change that the bytes of a StoreOp ask for. It depends on
// the database and the bytes and on nothing else. A refusal comes before the
// first write, so that a refused operation leaves nothing behind.
func (t *tx) apply(b []byte) (Result, error) {
	var op wire.StoreOp
	if n, err := op.Decode(b); err != nil {
		return Result{}, refuse(ErrBadOp, "%v", err)
	} else if n != len(b) {
		return Result{}, refuse(ErrBadOp, "%d bytes after the operation", len(b)-n)
	}
	if op.AtMs > math.MaxInt64/2 { // leaves room for adding lives to it
		return Result{}, refuse(ErrBadOp, "clock of %d ms", op.AtMs)
	}
	t.at = int64(op.AtMs)
	switch op.Kind {
	case wire.StoreOpKindPutUser:
		return t.putUser(&op.PutUser)
	case wire.StoreOpKindAppend:
		return t.append(&op.Append)
	case wire.StoreOpKindAck:
		return t.ack(op.Ack.Mailbox, op.Ack.UpTo, nil)
	case wire.StoreOpKindMark:
		return t.mark(&op.Mark)
	case wire.StoreOpKindSetManifest:
		return t.setManifest(&op.SetManifest)
	case wire.StoreOpKindPut:
		return t.put(&op.Put)
	case wire.StoreOpKindExpire:
		return t.expire(&op.Expire)
	case wire.StoreOpKindRefuse:
		return t.refused(&op.Refuse)
	case wire.StoreOpKindEnter:
		return t.enter(&op.Enter)
	case wire.StoreOpKindAckBut:
		return t.ack(op.AckBut.Mailbox, op.AckBut.UpTo, op.AckBut.But)
	case wire.StoreOpKindEnterOnce:
		return t.enterOnce(&op.EnterOnce)
	}
	return Result{}, refuse(ErrBadOp, "kind %v", op.Kind)
}

func (t *tx) putUser(op *PutUser) (Result, error) {
	rev, is, err := t.checkUser(op)
	if err != nil {
		return Result{}, err
	}
	if !is {
		err = t.setUser(op, rev)
	}
	return Result{Rev: rev}, err
}

// checkUser gives the revision that a user has when the operation is done, and
// whether the user is what the operation makes of them already.
func (t *tx) checkUser(op *PutUser) (rev uint64, is bool, err error) {
	if err := checkName(op.Name); err != nil {
		return 0, false, err
	}
	if len(op.Record) > MaxRecord {
		return 0, false, refuse(ErrTooBig, "record of %s has %d bytes, at most %d", op.Name, len(op.Record), MaxRecord)
	}
	var mailbox, record []byte
	var signed int64
	err = t.db.Row("SELECT mailbox, rev, record FROM user WHERE name = ?", op.Name).Scan(&mailbox, &signed, &record)
	rev = uint64(signed)
	switch {
	case errors.Is(err, sql.ErrNoRows) && op.OldRev == 0:
		return 1, false, t.checkMailbox(op)
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, refuse(ErrNotFound, "user %s", op.Name)
	case err != nil:
		return 0, false, err
	case !bytes.Equal(mailbox, op.Mailbox[:]):
		return 0, false, refuse(ErrConflict, "user %s has another mailbox", op.Name)
	case rev == op.OldRev+1 && bytes.Equal(record, op.Record):
		return rev, true, nil
	case rev != op.OldRev:
		return 0, false, refuse(ErrConflict, "user %s is at revision %d, not %d", op.Name, rev, op.OldRev)
	}
	return rev + 1, false, nil
}

// checkMailbox refuses a new user the mailbox of another.
func (t *tx) checkMailbox(op *PutUser) error {
	var owner string
	switch err := t.db.Row("SELECT owner FROM mailbox WHERE id = ?", op.Mailbox[:]).Scan(&owner); {
	case err == nil:
		return refuse(ErrConflict, "mailbox %x belongs to %s", op.Mailbox, owner)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return nil
}

// setUser writes what checkUser has allowed.
func (t *tx) setUser(op *PutUser, rev uint64) error {
	if rev > 1 {
		_, err := t.db.Exec("UPDATE user SET rev = ?, record = ? WHERE name = ?", int64(rev), op.Record, op.Name)
		return err
	}
	if _, err := t.db.Exec("INSERT INTO mailbox VALUES (?, ?, 0, 0, 0)", op.Mailbox[:], op.Name); err != nil {
		return err
	}
	_, err := t.db.Exec("INSERT INTO user VALUES (?, ?, 1, ?)", op.Name, op.Mailbox[:], op.Record)
	return err
}

func (t *tx) mark(op *Mark) (Result, error) {
	res, err := t.db.Exec("INSERT INTO mark SELECT ?, ?, tick FROM state WHERE true ON CONFLICT DO NOTHING",
		op.Key[:], clampMs(op.ExpiresMs))
	if err != nil {
		return Result{}, err
	}
	n, err := res.RowsAffected()
	return Result{Fresh: n == 1}, err
}

func (t *tx) setManifest(op *SetManifest) (Result, error) {
	var signed int64
	var body []byte
	err := t.db.Row("SELECT version, body FROM manifest WHERE one = ?", 1).Scan(&signed, &body)
	version := uint64(signed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return Result{}, err
	case version == op.Version && bytes.Equal(body, op.Body):
		return Result{}, nil // a repeat
	case version >= op.Version:
		return Result{}, refuse(ErrConflict, "manifest version %d after version %d", op.Version, version)
	}
	_, err = t.db.Exec("INSERT OR REPLACE INTO manifest VALUES (1, ?, ?)", int64(op.Version), op.Body)
	return Result{}, err
}

func (t *tx) put(op *Put) (Result, error) {
	_, err := t.db.Exec("INSERT OR REPLACE INTO value VALUES (?, ?)", op.Name, op.Value)
	return Result{}, err
}

// checkName keeps the protocol's rule for names: 1 to 32 of [A-Za-z0-9_.-].
// It stands here too because everything that compares names in the database
// relies on it.
func checkName(name string) error {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return refuse(ErrBadOp, "name %q", name)
		}
	}
	return nil
}

// clampMs makes a time that SQLite can hold of any number of ms.
func clampMs(ms uint64) int64 { return int64(min(ms, math.MaxInt64)) }
