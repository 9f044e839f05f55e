package keys

import (
	"fmt"
	"io"

	"sotto/wire"
)

// A Device is the private half of a user's device, and whose it is.
type Device struct {
	Realm   wire.Realm
	User    string         // as registered
	Account wire.VerifyKey // of the user when the device was made
	Signer  *Signer
	Sealer  *Sealer
	// Inherited is the account's own sealer at the account's first device, which so
	// reads what was written before it was there. Elsewhere it is nil.
	Inherited *Sealer
}

// NewDevice draws the keys of a new device.
func NewDevice(random io.Reader, realm wire.Realm, user string, account *Account) (*Device, error) {
	if err := CheckName(user); err != nil {
		return nil, err
	}
	sign, err := NewSeed(random)
	if err != nil {
		return nil, err
	}
	seal, err := NewSeed(random)
	if err != nil {
		return nil, err
	}
	return &Device{
		Realm: realm, User: user, Account: account.Signer.Public(),
		Signer: NewSigner(sign), Sealer: NewSealer(seal),
	}, nil
}

// Inherit makes the device the first of its account.
func (d *Device) Inherit(account *Account) { d.Inherited = NewSealer(account.Sealer.seed) }

// Public returns the public half.
func (d *Device) Public() wire.DeviceKeys {
	return wire.DeviceKeys{Sign: d.Signer.Public(), Seal: d.Sealer.Public()}
}

// Id names the public half.
func (d *Device) Id() wire.KeyId {
	public := d.Public()
	return DeviceId(&public)
}

// String shows whose device it is, and no secret.
func (d *Device) String() string { return "device of " + d.User }

// GoString keeps %#v from showing what String hides.
func (d *Device) GoString() string { return d.String() }

// Clear overwrites the private half.
func (d *Device) Clear() {
	d.Signer.Clear()
	d.Sealer.Clear()
	if d.Inherited != nil {
		d.Inherited.Clear()
	}
}

// Marshal returns the bytes of the device's key file, as ServerFile.Marshal does.
func (d *Device) Marshal(random io.Reader, passphrase []byte, stretch Stretch) ([]byte, error) {
	secrets := wire.DeviceSecrets{
		Realm: d.Realm, User: d.User, Account: d.Account,
		Sign: d.Signer.seed(), Seal: d.Sealer.seed,
	}
	if d.Inherited != nil {
		secrets.HasInherited, secrets.Inherited = 1, d.Inherited.seed
	}
	defer func() { secrets = wire.DeviceSecrets{} }()
	file := wire.KeyFile{Kind: wire.KeyFileKindDevice}
	if passphrase == nil {
		file.Device = wire.DeviceKeyFile{Box: wire.BoxKindOpen, Open: secrets}
		return file.MarshalBinary()
	}
	box, err := sealBox(random, passphrase, stretch, &secrets)
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	file.Device = wire.DeviceKeyFile{Box: wire.BoxKindPassphrase, Passphrase: *box}
	return file.MarshalBinary()
}

// ParseDeviceFile reads a device's key file. The error is one clear line; it is
// ErrPassphraseNeeded or ErrPassphrase where the passphrase is at fault.
func ParseDeviceFile(b, passphrase []byte, stretch Stretch) (*Device, error) {
	file, err := parseFile(b, wire.KeyFileKindDevice)
	if err != nil {
		return nil, err
	}
	secrets := &file.Device.Open
	if file.Device.Box == wire.BoxKindPassphrase {
		if err := openBox(&file.Device.Passphrase, passphrase, stretch, secrets); err != nil {
			return nil, err
		}
	}
	defer func() { *secrets = wire.DeviceSecrets{} }()
	if CheckName(secrets.User) != nil || secrets.HasInherited > 1 {
		return nil, ErrKeyFile
	}
	d := &Device{
		Realm: secrets.Realm, User: secrets.User, Account: secrets.Account,
		Signer: NewSigner(secrets.Sign), Sealer: NewSealer(secrets.Seal),
	}
	if secrets.HasInherited == 1 {
		d.Inherited = NewSealer(secrets.Inherited)
	}
	return d, nil
}
