package client

import (
	"context"
	"fmt"

	"sotto/node/client/profile"
)

// A draft is a text for somebody whose key changed. On disk it is sealed to
// ourselves.

// keepDraft puts a text among the drafts.
func (c *Client) keepDraft(to, text string) error {
	sealed, err := c.tier.sealDraft(text)
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
	for _, d := range drafts {
		text, err := c.tier.openDraft(d.Body)
		if err != nil {
			return sent, fmt.Errorf("open a draft: %w", err)
		}
		if _, err := c.Send(ctx, to, text); err != nil {
			return sent, err
		}
		if err := c.cfg.Profile.DropDraft(ctx, d.Pos); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}
