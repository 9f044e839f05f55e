package client

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"sotto/node/client/profile"
	"sotto/node/envelope"
)

// A draft is a text for somebody whose key changed. On disk it is sealed to
// ourselves, in an envelope that is never sent.

// keepDraft puts a text among the drafts.
func (c *Client) keepDraft(to, text string) error {
	h := envelope.Heading{Seq: 1, Sent: c.cfg.Now()}
	if _, err := io.ReadFull(c.cfg.Random, h.Id[:]); err != nil {
		return err
	}
	me := envelope.Person{Name: c.user, Key: c.identity.Public()}
	sealed, err := envelope.Seal(c.cfg.Random, envelope.Sender{Identity: c.identity, Name: c.user}, me, h, text)
	if err == nil {
		err = c.cfg.Profile.PutDraft(context.WithoutCancel(c.ctx), &profile.Draft{To: to, Body: sealed})
	}
	if err != nil {
		return fmt.Errorf("keep the draft: %w", err)
	}
	return nil
}

// sendDrafts sends what was kept for somebody. A draft is dropped once its
// message is in the outbox.
func (c *Client) sendDrafts(ctx context.Context, to string) (sent int, err error) {
	drafts, err := c.cfg.Profile.Drafts(ctx, to)
	if err != nil {
		return 0, err
	}
	me := envelope.Person{Name: c.user, Key: c.identity.Public()}
	for _, d := range drafts {
		m, err := envelope.Open(c.identity, c.user, me, c.cfg.Now(), time.Duration(math.MaxInt64), d.Body)
		if err != nil {
			return sent, fmt.Errorf("open a draft: %w", err)
		}
		if _, err := c.Send(ctx, to, m.Text); err != nil {
			return sent, err
		}
		if err := c.cfg.Profile.DropDraft(ctx, d.Pos); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}
