package profile

import (
	"context"
	"database/sql"

	"sotto/node/store/disk"
)

// A Draft is a message that was written and could not be sent.
type Draft struct {
	To   string
	Body []byte // kept as it is given; meant to be sealed to the user himself
	Pos  int64  // its place among the drafts, filled in by PutDraft
}

// PutDraft keeps a draft.
func (p *Profile) PutDraft(ctx context.Context, d *Draft) error {
	return p.change(ctx, len(d.Body), func(w *disk.Writer) error {
		res, err := w.Exec("INSERT INTO draft (peer, body) VALUES (?, ?)", d.To, d.Body)
		if err == nil {
			d.Pos, err = res.LastInsertId()
		}
		return err
	})
}

// Drafts gives the drafts for a peer, oldest first.
func (p *Profile) Drafts(ctx context.Context, to string) ([]Draft, error) {
	rows, err := p.db.Read.QueryContext(ctx, "SELECT pos, peer, body FROM draft WHERE peer = ? ORDER BY pos", to)
	if err != nil {
		return nil, readError(err)
	}
	defer rows.Close()
	var all []Draft
	for rows.Next() {
		var d Draft
		var body sql.RawBytes
		if err := rows.Scan(&d.Pos, &d.To, &body); err != nil {
			return nil, readError(err)
		}
		d.Body = append([]byte(nil), body...)
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, readError(err)
	}
	return all, nil
}

// DropDraft removes drafts by their places.
func (p *Profile) DropDraft(ctx context.Context, places ...int64) error {
	return p.change(ctx, 0, func(w *disk.Writer) error {
		for _, pos := range places {
			if _, err := w.Exec("DELETE FROM draft WHERE pos = ?", pos); err != nil {
				return err
			}
		}
		return nil
	})
}
