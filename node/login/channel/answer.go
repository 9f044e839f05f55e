package channel

import (
	"context"
	"fmt"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// takeB4 opens the server's answer and proves who logs in.
//
// Only the server can make something that opens with this B3's secrets, so from there on a
// fault is final.
func (c *Client) takeB4(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	a := c.attempt
	var b4 wire.B4
	if b4.UnmarshalBinary(msg) != nil {
		return nil, nil, ErrDrop
	}
	second, err := a.first.SecondFrom(a.e, a.b3, &b4.Ct2)
	if err != nil {
		return nil, nil, ErrDrop
	}
	defer second.Clear()
	plain, err := second.Open(b4.Box)
	if err != nil {
		return nil, nil, ErrDrop
	}
	defer c.Clear()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	third := second.Third(msg)
	defer third.Clear()
	b5, err := c.prove(plain, second, third)
	if err != nil {
		return nil, nil, err
	}
	done := third.Done(b5)
	defer done.Clear()
	c.id = done.ID()
	return b5, done.Dialler(), nil
}

// prove makes B5 for what the server's box holds.
func (c *Client) prove(plain []byte, second *session.Second, third *session.Third) ([]byte, error) {
	var box wire.B4Box
	if box.UnmarshalBinary(plain) != nil || box.Kind != c.kind {
		return nil, ErrServer
	}
	answer := wire.B5Box{TreeSize: c.cfg.TreeSize, Kind: c.kind}
	var err error
	switch c.kind {
	case wire.LoginKindPassword:
		err = c.provePassword(&box.Password, second.T2(), third.T3(), &answer.Password)
	case wire.LoginKindDevice:
		err = c.proveDevice(third.T3(), &answer.Device)
	case wire.LoginKindAnonymous:
		answer.Anonymous = *c.cfg.Invitation
	}
	if err != nil {
		return nil, err
	}
	if plain, err = encode(&answer); err != nil {
		return nil, err
	}
	return encode(&wire.B5{Box: third.Seal(plain)})
}

// provePassword ends OPAQUE, unlocks the account with what it exports, and signs with
// the account that this device is the user's. All faults are one error, and none comes
// before the time that the password takes.
func (c *Client) provePassword(in *wire.PasswordCredentials, t2, t3 wire.Hash, out *wire.PasswordProof) error {
	realm, user := c.cfg.Server.Realm, c.cfg.User
	ke3, k, err := c.attempt.login.Finish(&in.Ke2, identities(realm, user), labelOpaque.With(t2[:]), c.cfg.Stretch)
	if err != nil {
		return err
	}
	defer k.Clear()
	account, err := keys.UnwrapAccount(&k.Export, realm, user, &in.Wrapped)
	if err != nil {
		return ErrPassword
	}
	if c.cfg.Device == nil {
		if c.cfg.Device, err = keys.NewDevice(c.cfg.Random, realm, user, account); err != nil {
			return fmt.Errorf("login: %w", err)
		}
	}
	body, err := proof(t3, c.cfg.Device.Id(), user)
	if err != nil {
		return err
	}
	c.account = account
	*out = wire.PasswordProof{
		Ke3: *ke3, Device: c.cfg.Device.Public(),
		Sig:       account.Signer.Sign(labelEnrol, body),
		DeviceSig: c.cfg.Device.Signer.Sign(labelEnrolDevice, body),
	}
	return nil
}

// proveDevice signs with the device.
func (c *Client) proveDevice(t3 wire.Hash, out *wire.DeviceProof) error {
	body, err := proof(t3, c.cfg.Device.Id(), c.cfg.User)
	if err != nil {
		return err
	}
	out.Sig = c.cfg.Device.Signer.Sign(labelDeviceLogin, body)
	return nil
}
