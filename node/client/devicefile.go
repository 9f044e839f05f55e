package client

import (
	"errors"
	"fmt"

	"sotto/node/client/profile"
	"sotto/node/keys"
)

// readDevice reads the keys of this device from the profile.
func readDevice(cfg *Config) (*keys.Device, error) {
	if cfg.ServerKey.Classic() {
		return nil, ErrNoDevices
	}
	b, err := cfg.Profile.Device()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	d, err := keys.ParseDeviceFile(b, cfg.Passphrase, cfg.Stretch)
	if err != nil {
		return nil, &DeviceFileError{Path: cfg.Profile.DevicePath(), Why: err}
	}
	switch {
	case d.Realm != cfg.ServerKey.key.Realm:
		d.Clear()
		return nil, errForeignDevice
	case keys.Fold(d.User) != keys.Fold(cfg.User):
		d.Clear()
		return nil, &DeviceFileError{Path: cfg.Profile.DevicePath(), Why: errors.New("they are of " + d.User)}
	}
	return d, nil
}

// asideDevices reads the keys that this device had before it was removed from the account:
// what came for it then, and isn't shown yet, opens with them. Those under another
// passphrase, or of another account, are of no use.
func asideDevices(cfg *Config) (devices []*keys.Device, err error) {
	files, err := cfg.Profile.AsideDevices()
	if err != nil {
		return nil, err
	}
	for _, b := range files {
		d, err := keys.ParseDeviceFile(b, cfg.Passphrase, cfg.Stretch)
		clear(b)
		switch {
		case err != nil:
		case d.Realm != cfg.ServerKey.key.Realm || keys.Fold(d.User) != keys.Fold(cfg.User):
			d.Clear()
		default:
			devices = append(devices, d)
		}
	}
	return devices, nil
}

// errForeignDevice says that the profile has the keys of a device on another server,
// one whose place a new server has taken. On this one there is none.
var errForeignDevice = fmt.Errorf("the keys of this device are for another server: %w", profile.ErrNotFound)

// keepDevice writes the keys of a device into the profile, in a box if there is a
// passphrase.
func keepDevice(cfg *Config, d *keys.Device, passphrase []byte) error {
	if old, err := readDevice(cfg); errors.Is(err, errForeignDevice) {
		if err := cfg.Profile.SetAsideDevice(); err != nil {
			return err
		}
	} else if err == nil {
		old.Clear()
	}
	b, err := d.Marshal(cfg.Random, passphrase, cfg.Stretch)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer clear(b)
	return cfg.Profile.SetDevice(b)
}
