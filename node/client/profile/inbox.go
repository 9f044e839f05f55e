package profile

import (
	"context"
	"database/sql"
	"errors"

	"sotto/node/store/disk"
)

// A Sender is one key of somebody who sends to the user. Somebody with a new
// key begins anew.
type Sender struct {
	Name string
	Key  [32]byte // the id of the key
}

// An Incoming is a message that was received and not shown yet.
type Incoming struct {
	ID   [16]byte
	From string // the name of the Sender
	Time int64  // it was received, Unix ms
	Body []byte // kept as it is given; meant to be the sealed envelope
	Pos  int64  // its place in the inbox, filled in by Receive
}

// Receive takes in one message from a sender. take gets the window over what
// was received from that key, nil at first, and gives the next one and the
// message, or nil if there is nothing to show. When Receive returns, both are
// durable, and the message may be acked. An error of take changes nothing and
// is returned as it is. Calls for one sender take turns.
func (p *Profile) Receive(ctx context.Context, from Sender, take func(window []byte) (next []byte, in *Incoming, err error)) error {
	t, release, err := p.turn(ctx, turnKey{fold(from.Name), true, from.Key})
	if err != nil {
		return err
	}
	defer release()
	if t.window == nil {
		err := p.db.Read.QueryRowContext(ctx, "SELECT window FROM window WHERE sender = ? AND key = ?", from.Name, from.Key[:]).Scan(&t.window)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return readError(err)
		}
	}
	next, in, err := take(t.window)
	if err != nil {
		return err
	}
	if next == nil && in == nil {
		return nil
	}
	size := len(next)
	if in != nil {
		in.From = from.Name
		size += len(in.Body)
	}
	err = p.change(ctx, size, func(w *disk.Writer) error {
		if next != nil {
			if _, err := w.Exec("INSERT OR REPLACE INTO window VALUES (?, ?, ?)", from.Name, from.Key[:], next); err != nil || in == nil {
				return err
			}
		}
		res, err := w.Exec("INSERT INTO inbox (sender, id, time, body) VALUES (?, ?, ?, ?)", in.From, in.ID[:], in.Time, in.Body)
		if err != nil {
			return err
		}
		in.Pos, err = res.LastInsertId()
		return err
	})
	if err != nil {
		t.window = nil // whatever the database says
		return err
	}
	if next != nil {
		t.window = next
	}
	return nil
}

// unshownBytes is the size of bodies from which on Unshown gives no further
// message.
const unshownBytes = 4 << 20

// Unshown gives at most max messages after a place in the inbox, oldest
// first; fewer if they are large, but at least one if there is one.
func (p *Profile) Unshown(ctx context.Context, after int64, max int) ([]Incoming, error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT pos, sender, id, time, body FROM inbox WHERE pos > ? ORDER BY pos LIMIT ?", after, max)
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	var all []Incoming
	for size := 0; size < unshownBytes && rows.Next(); {
		var in Incoming
		var id sql.RawBytes
		if err := rows.Scan(&in.Pos, &in.From, &id, &in.Time, &in.Body); err != nil {
			return nil, readError(err)
		}
		copy(in.ID[:], id)
		size += len(in.Body)
		all = append(all, in)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return all, nil
}

// Shown removes messages, by their places, that the user has been shown.
func (p *Profile) Shown(ctx context.Context, places ...int64) error {
	return p.change(ctx, 0, func(w *disk.Writer) error {
		for _, pos := range places {
			if _, err := w.Exec("DELETE FROM inbox WHERE pos = ?", pos); err != nil {
				return err
			}
		}
		return nil
	})
}
