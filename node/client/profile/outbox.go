package profile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"sotto/node/store/disk"
)

// A State is how far a message has come. It only grows: news that come late
// or twice change nothing, and that somebody has a message counts more than
// that sending it failed.
type State uint8

const (
	Queued    State = iota // it is in the outbox
	Sent                   // the server or the peer took it
	Failed                 // it will not arrive
	Delivered              // the recipient has stored it
)

func (s State) String() string {
	switch s {
	case Queued:
		return "queued"
	case Sent:
		return "sent"
	case Failed:
		return "failed"
	case Delivered:
		return "delivered"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// An Outgoing is a message of the user.
type Outgoing struct {
	ID    [16]byte
	To    string
	Seq   uint64
	State State
	Why   string // it failed
	Time  int64  // it was written, Unix ms
}

// A Sealed is a message as it goes into the outbox.
type Sealed struct {
	ID       [16]byte
	Envelope []byte
	// Draft is the same text, sealed to the user himself, for Withdraw. It is kept until
	// the message is Sent, and may be nil.
	Draft []byte
}

// Send gives a message its number, has it sealed and puts it into the outbox,
// durably. Only then may it leave. Calls for one peer take turns, so that
// numbers grow by one, without a gap and without a repeat; an error of seal
// is returned as it is and uses up no number.
//
// The first number of a new profile is the time now, in Unix ms. A user who
// lost a profile, or has a second one on another machine, therefore goes on
// far above all numbers that peers have seen, instead of repeating them.
func (p *Profile) Send(ctx context.Context, to string, now int64, seal func(seq uint64) (Sealed, error)) (Outgoing, error) {
	t, release, err := p.turn(ctx, turnKey{name: fold(to)})
	if err != nil {
		return Outgoing{}, err
	}
	defer release()
	if t.next == 0 {
		var next int64
		err := p.db.Read.QueryRowContext(ctx, "SELECT next FROM sequence WHERE peer = ?", to).Scan(&next)
		if errors.Is(err, sql.ErrNoRows) {
			next, err = max(now, 1), nil
		}
		if err != nil {
			return Outgoing{}, readError(err)
		}
		t.next = uint64(next)
	}
	if t.next >= math.MaxInt64 {
		return Outgoing{}, fmt.Errorf("no number is left for a message to %s", to)
	}
	s, err := seal(t.next)
	if err != nil {
		return Outgoing{}, err
	}
	out := Outgoing{ID: s.ID, To: to, Seq: t.next, State: Queued, Time: now}
	err = p.change(ctx, len(s.Envelope)+len(s.Draft), func(w *disk.Writer) error {
		var state State
		switch err := w.Row("SELECT state FROM outbox WHERE id = ?", s.ID[:]).Scan(&state); {
		case err == nil:
			return fmt.Errorf("message %x is in the outbox already: %w", s.ID, ErrConflict)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if _, err := w.Exec("INSERT INTO outbox (id, peer, seq, state, why, time, envelope, draft) VALUES (?, ?, ?, ?, '', ?, ?, ?)",
			s.ID[:], to, int64(out.Seq), Queued, now, s.Envelope, s.Draft); err != nil {
			return err
		}
		_, err := w.Exec("INSERT OR REPLACE INTO sequence VALUES (?, ?)", to, int64(out.Seq+1))
		return err
	})
	if err == nil || errors.Is(err, ErrUnavailable) {
		t.next++ // a number whose fate is unknown is not used again
	}
	if err != nil {
		return Outgoing{}, err
	}
	return out, nil
}

// Outbox gives all messages that were not forgotten, oldest first.
func (p *Profile) Outbox(ctx context.Context) ([]Outgoing, error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT id, peer, seq, state, why, time FROM outbox ORDER BY pos")
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	var all []Outgoing
	for rows.Next() {
		var out Outgoing
		var id sql.RawBytes
		if err := rows.Scan(&id, &out.To, &out.Seq, &out.State, &out.Why, &out.Time); err != nil {
			return nil, readError(err)
		}
		copy(out.ID[:], id)
		all = append(all, out)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return all, nil
}

// Envelope gives the sealed bytes of a message. Once it is Delivered or
// Failed they are gone: ErrNotFound.
func (p *Profile) Envelope(ctx context.Context, id [16]byte) (envelope []byte, err error) {
	err = p.db.Read.QueryRowContext(ctx, "SELECT envelope FROM outbox WHERE id = ? AND envelope IS NOT NULL", id[:]).Scan(&envelope)
	if err != nil {
		return nil, notFound(err, "envelope of message %x", id)
	}
	return envelope, nil
}

// Draft gives the text of a message as Send took it, sealed to the user himself. Once the
// message is Sent it is gone: ErrNotFound.
func (p *Profile) Draft(ctx context.Context, id [16]byte) (draft []byte, err error) {
	err = p.db.Read.QueryRowContext(ctx, "SELECT draft FROM outbox WHERE id = ? AND draft IS NOT NULL", id[:]).Scan(&draft)
	if err != nil {
		return nil, notFound(err, "draft of message %x", id)
	}
	return draft, nil
}

// SetState notes how far a message has come and reports whether that is news.
// why says why it failed.
func (p *Profile) SetState(ctx context.Context, id [16]byte, state State, why string) (changed bool, err error) {
	err = p.change(ctx, len(why), func(w *disk.Writer) error {
		changed = false
		var old State
		switch err := w.Row("SELECT state FROM outbox WHERE id = ?", id[:]).Scan(&old); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("message %x: %w", id, ErrNotFound)
		case err != nil:
			return err
		case state <= old:
			return nil
		}
		changed = true
		return setState(w, id, state, why)
	})
	return changed && err == nil, err
}

// setState writes the state of a message, and drops what nobody needs from then on.
func setState(w *disk.Writer, id [16]byte, state State, why string) error {
	if _, err := w.Exec("UPDATE outbox SET state = ?, why = ?, draft = NULL WHERE id = ?", state, why, id[:]); err != nil || state == Sent {
		return err
	}
	_, err := w.Exec("UPDATE outbox SET envelope = NULL WHERE id = ?", id[:])
	return err
}

// Withdraw notes that a message that is Queued has Failed, and makes a draft of it: both
// or nothing. It leaves others alone.
func (p *Profile) Withdraw(ctx context.Context, id [16]byte, why string) error {
	return p.change(ctx, len(why), func(w *disk.Writer) error {
		var state State
		switch err := w.Row("SELECT state FROM outbox WHERE id = ?", id[:]).Scan(&state); {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("message %x: %w", id, ErrNotFound)
		case err != nil || state != Queued:
			return err
		}
		if _, err := w.Exec("INSERT INTO draft (peer, body) SELECT peer, draft FROM outbox WHERE id = ? AND draft IS NOT NULL", id[:]); err != nil {
			return err
		}
		return setState(w, id, Failed, why)
	})
}

// Forget removes messages whose fate, Delivered or Failed, the user has been
// told. It leaves others alone.
func (p *Profile) Forget(ctx context.Context, ids ...[16]byte) error {
	return p.change(ctx, 0, func(w *disk.Writer) error {
		for _, id := range ids {
			if _, err := w.Exec("DELETE FROM outbox WHERE id = ? AND state >= ?", id[:], Failed); err != nil {
				return err
			}
		}
		return nil
	})
}
