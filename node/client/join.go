package client

import (
	"context"
	"errors"

	"sotto/node/keys"
	"sotto/wire"
)

// ErrDevice says that a profile has a device already.
var ErrDevice = errors.New("this profile has an account already")

// Join makes an account with an invitation, and the first device of it in the
// profile. It gives the name as registered. The errors are those of Open; a
// *LoginError wraps a *chat.Refusal if the server did not make the account.
func Join(ctx context.Context, cfg Config, invitation wire.Invitation) (name string, err error) {
	defer clear(cfg.Password)
	defer clear(cfg.Passphrase)
	// A device that the log does not show is what an earlier try has left.
	switch known, err := DeviceKnown(ctx, cfg); {
	case known, errors.Is(err, keys.ErrPassphraseNeeded), errors.Is(err, keys.ErrPassphrase):
		return "", ErrDevice
	case err != nil:
		return "", err
	}
	c, err := newClient(ctx, cfg)
	if err != nil {
		return "", err
	}
	c.tier.(*defaultTier).invitation = &invitation
	defer c.drop()
	in, err := c.firstLogin(ctx)
	if err != nil {
		return "", err
	}
	in.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
	return in.user, cfg.Profile.PinServerKey(ctx, c.ServerKey().Pin())
}

// Invite asks the server for an invitation for one person.
func (c *Client) Invite(ctx context.Context) (wire.Invitation, error) {
	reply, err := c.request(ctx, &wire.Request{Type: wire.RequestTypeInvite})
	if err != nil {
		return wire.Invitation{}, err
	}
	return reply.Invite.Invitation, nil
}
