package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sotto/node/store/disk"
)

// deviceFile holds the keys of this device, as wire.KeyFile has them.
const deviceFile = "device.key"

// deviceMax bounds what is read as such a file.
const deviceMax = 64 << 10

// DevicePath says where the key file of this device is.
func (p *Profile) DevicePath() string { return p.folder.Path(deviceFile) }

// Device gives the key file of this device, or ErrNotFound. A file that others
// may open is a *disk.InsecureError and is not read. The caller clears it.
func (p *Profile) Device() ([]byte, error) {
	b, err := disk.ReadFile(p.DevicePath(), deviceMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key file of this device: %w", ErrNotFound)
	}
	return b, err
}

// SetDevice keeps the key file of this device, durably and whole, in place of
// the one that was there.
func (p *Profile) SetDevice(b []byte) error {
	if err := disk.WriteFile(p.DevicePath(), b); err != nil {
		return fmt.Errorf("%w: keep the key file of this device: %w", ErrUnavailable, err)
	}
	return nil
}

// SetAsideDevice gives the key file of this device another name, so that nothing is
// written over it: device.key.1, or with the next number that is free.
func (p *Profile) SetAsideDevice() error {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.%d", p.DevicePath(), n)
		err := os.Link(p.DevicePath(), aside)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Remove(p.DevicePath())
		}
		if err != nil {
			return fmt.Errorf("%w: set the key file of this device aside: %w", ErrUnavailable, err)
		}
		return nil
	}
}

// AsideDevices gives the key files that were set aside, oldest first. The caller clears
// them.
func (p *Profile) AsideDevices() (files [][]byte, err error) {
	for n := 1; ; n++ {
		b, err := disk.ReadFile(fmt.Sprintf("%s.%d", p.DevicePath(), n), deviceMax)
		if errors.Is(err, fs.ErrNotExist) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		files = append(files, b)
	}
}

// DropDevice removes the key file of a device that nobody knows.
func (p *Profile) DropDevice() error {
	if err := os.Remove(p.DevicePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: remove the key file of this device: %w", ErrUnavailable, err)
	}
	return nil
}
