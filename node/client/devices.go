package client

import (
	"context"
	"errors"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/wire"
)

// A Device is one of our account's.
type Device struct {
	Name        string // as its owner calls it
	Fingerprint string
	Since       time.Time
	This        bool // we are it
}

// What can be wrong with a device to remove.
var (
	ErrNoDevice   = errors.New("the account has no one device with a key that begins so")
	ErrThisDevice = errors.New("this is the device that you are at")
)

// RemoveDevice takes a device out of an account, so that nobody who has it logs in
// or reads what is written from then on: the one of which digits, five or more,
// begin the fingerprint. The password must be given. The errors are those of Open,
// ErrNoDevice and ErrThisDevice.
func RemoveDevice(ctx context.Context, cfg Config, digits string) error {
	return run(ctx, cfg, func(t *defaultTier) errand {
		return func(ctx context.Context, ask asker, account *keys.Account, g *grown) error {
			return t.remove(ctx, ask, account, digits, g)
		}
	})
}

// run logs in by the password for an errand, and leaves. The user's session, here or at
// another device, goes on.
func run(ctx context.Context, cfg Config, what func(*defaultTier) errand) error {
	defer clear(cfg.Password)
	defer clear(cfg.Passphrase)
	c, err := newClient(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.drop()
	t, ok := c.tier.(*defaultTier)
	switch {
	case !ok:
		return ErrNoDevices
	case len(cfg.Password) == 0:
		return keys.ErrBadPassword
	}
	t.errand, c.visiting = what(t), true
	in, err := c.firstLogin(ctx)
	if err != nil {
		return err
	}
	in.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
	return nil
}

// DeviceKnown reports whether a profile has a device that can log in: one that the
// log shows, as far as the profile knows it. Otherwise a password is needed.
func DeviceKnown(ctx context.Context, cfg Config) (bool, error) {
	d, err := readDevice(&cfg)
	if errors.Is(err, profile.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer d.Clear()
	b, err := cfg.Profile.Entry(ctx, cfg.User)
	if err != nil || b == nil {
		return false, err
	}
	own, err := directory.Stored(b)
	if err != nil {
		return false, err
	}
	_, shown := own.Device(d.Id())
	return shown, nil
}

// SetPassphrase puts the keys of the device in a profile under a passphrase, under
// another one, or with nil under none. The present one is in the Config.
func SetPassphrase(cfg Config, passphrase []byte) error {
	cfg.defaults()
	d, err := readDevice(&cfg)
	if err != nil {
		return err
	}
	defer d.Clear()
	return keepDevice(&cfg, d, passphrase)
}

// ErrNoDevices says that there are no devices in the classic tier.
var ErrNoDevices = errors.New("the classic tier knows no devices")

// Devices gives the devices of our account, as the log shows them.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	t, ok := c.tier.(*defaultTier)
	if !ok {
		return nil, ErrNoDevices
	}
	own, err := t.log.entry(ctx, c.user)
	if err != nil {
		return nil, err
	}
	if own == nil {
		return nil, errNotShown
	}
	me, _ := t.me()
	var devices []Device
	for i := range own.Body().Devices {
		d := &own.Body().Devices[i]
		id := keys.DeviceId(&d.Keys)
		devices = append(devices, Device{
			Name: d.Name, Fingerprint: keys.Fingerprint(id), Since: time.UnixMilli(int64(d.SinceMs)), This: id == me.Id(),
		})
	}
	return devices, nil
}
