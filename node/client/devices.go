package client

import (
	"context"
	"errors"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/keys"
)

// A Device is one of our account's.
type Device struct {
	Name        string // as its owner calls it
	Fingerprint string
	Since       time.Time
	This        bool // we are it
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
