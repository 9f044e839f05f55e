package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"sotto/node/directory"
	"sotto/node/store"
	"sotto/wire"
)

// A Change is the next entry of an account, and what changes with it.
type Change struct {
	Entry  []byte              // a SignedEntry
	Record *wire.AccountRecord // what the password became; nil: as it was
	// Once names what the change uses up, such as an invitation, for good and together
	// with the change; nil: nothing.
	Once *[32]byte
	// Permit is asked once nothing else stands against the change, before the log
	// grows. It may be nil.
	Permit func() error
}

// Enter lets the log grow by the next entry of an account, and returns a head
// that has it. What is entered already is not entered again. The errors are
// ErrTaken, ErrConflict, that of Permit, and those of the store, among them
// store.ErrUsed: after
// store.ErrUnavailable the same change may be tried again.
func (l *Ledger) Enter(ctx context.Context, now time.Time, c Change) (head wire.TreeHead, err error) {
	if err := l.begin(ctx); err != nil {
		return head, err
	}
	defer l.end()
	e, err := directory.Stored(c.Entry)
	if err != nil {
		return head, fmt.Errorf("%w: %w", ErrConflict, err)
	}
	old := l.Account(e.User())
	done, err := l.check(ctx, now, old, e)
	if err != nil || done {
		return l.Head(), err
	}
	put, err := l.user(old, e.User(), c.Record)
	if err != nil {
		return head, err
	}
	if c.Permit != nil {
		if err := c.Permit(); err != nil {
			return head, err
		}
	}
	enter := &store.Enter{User: *put, Leaf: l.Head().Leaves, Entry: e.Bytes()}
	op := store.Op{At: now.UnixMilli(), Enter: enter}
	if c.Once != nil {
		op.Enter, op.EnterOnce = nil, &store.EnterOnce{Enter: *enter, Mark: *c.Once}
	}
	_, err = l.engine.Do(ctx, op)
	if err != nil {
		return head, err
	}
	err = l.advance(ctx)
	return l.Head(), err
}

// begin waits for the place of whoever makes something new, until end.
func (l *Ledger) begin(ctx context.Context) error {
	select {
	case l.growing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("enter: %w: %w", store.ErrUnavailable, ctx.Err())
	}
	err := l.advance(ctx) // if an earlier change was entered after all
	if err != nil {
		l.end()
	}
	return err
}

func (l *Ledger) end() { <-l.growing }

// check reports whether an entry is the last one of its account already, or
// whether it may be the next.
func (l *Ledger) check(ctx context.Context, now time.Time, old *Account, e *directory.Entry) (done bool, err error) {
	var last *directory.Entry
	if old != nil {
		if last, err = l.entry(ctx, old.leaf); err != nil {
			return false, err
		}
		switch {
		case bytes.Equal(last.Bytes(), e.Bytes()):
			return true, nil
		case e.Body().Why == wire.EntryWhyCreated:
			return false, ErrTaken
		}
	}
	next, err := directory.Next(l.host.Realm(), last, e.Bytes())
	if err == nil {
		err = next.CheckNew(now)
	}
	if err == nil && old != nil && old.revives(next.Brought(last)) {
		err = next.Revives()
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return false, nil
}

// user returns what the store is to keep of a user from then on.
func (l *Ledger) user(old *Account, name string, record *wire.AccountRecord) (*store.PutUser, error) {
	put := &store.PutUser{Name: name}
	if old == nil {
		if _, err := rand.Read(put.Mailbox[:]); err != nil {
			return nil, err
		}
	} else {
		put.Name, put.Mailbox, put.OldRev = old.Name, old.Mailbox, old.rev
		if record == nil {
			record = old.Record
		}
	}
	if record == nil {
		return nil, fmt.Errorf("%w: no record of a password", ErrConflict)
	}
	var err error
	put.Record, err = record.MarshalBinary()
	return put, err
}
