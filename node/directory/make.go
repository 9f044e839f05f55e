package directory

import (
	"slices"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// Create makes the first entry of an account.
func Create(realm wire.Realm, user string, account *keys.Account, devices []wire.Device, now time.Time) (*Entry, error) {
	return sign(nil, wire.Entry{
		Realm: realm, User: user,
		Why: wire.EntryWhyCreated, Account: account.Public(), Devices: devices,
	}, nil, account.Signer, now)
}

// AddDevice makes the entry that follows e with one device more.
func (e *Entry) AddDevice(account *keys.Signer, device wire.Device, now time.Time) (*Entry, error) {
	return e.setDevices(account, append(slices.Clone(e.Body().Devices), device), now)
}

// RemoveDevice makes the entry that follows e without the device.
func (e *Entry) RemoveDevice(account *keys.Signer, id wire.KeyId, now time.Time) (*Entry, error) {
	rest := slices.DeleteFunc(slices.Clone(e.Body().Devices), func(d wire.Device) bool {
		return keys.DeviceId(&d.Keys) == id
	})
	return e.setDevices(account, rest, now)
}

func (e *Entry) setDevices(account *keys.Signer, devices []wire.Device, now time.Time) (*Entry, error) {
	return sign(e, wire.Entry{Why: wire.EntryWhyDevice, Account: e.Body().Account, Devices: devices}, nil, account, now)
}

// Rotate makes the entry that follows e with other keys of the account, which the
// old ones vouch for. The devices stay.
func (e *Entry) Rotate(old *keys.Signer, account *keys.Account, now time.Time) (*Entry, error) {
	return sign(e, wire.Entry{Why: wire.EntryWhyRotated, Account: account.Public(), Devices: e.Body().Devices}, old, account.Signer, now)
}

// Reset makes the entry that follows e when all keys of the account were lost: nothing
// vouches for it, and everybody will ask.
func (e *Entry) Reset(account *keys.Account, devices []wire.Device, now time.Time) (*Entry, error) {
	return sign(e, wire.Entry{Why: wire.EntryWhyReset, Account: account.Public(), Devices: devices}, nil, account.Signer, now)
}

// sign makes body the entry that follows prev. What breaks a rule is not made. The time
// is now, or that of prev if the clock is behind it; devices that it adds are there since then.
func sign(prev *Entry, body wire.Entry, old, account *keys.Signer, now time.Time) (*Entry, error) {
	body.N = prev.number() + 1
	body.Prev = prev.hash()
	body.TimeMs = uint64(max(now.UnixMilli(), 0))
	if prev != nil {
		body.Realm, body.User = prev.Body().Realm, prev.Body().User
		body.TimeMs = max(body.TimeMs, prev.Body().TimeMs)
	}
	body.Devices = slices.Clone(body.Devices)
	for i := range body.Devices {
		d := &body.Devices[i]
		d.SinceMs = since(&d.Keys, body.TimeMs, prev)
	}
	raw, err := body.MarshalBinary()
	if err != nil {
		return nil, &EntryError{User: body.User, N: body.N, Rule: RuleForm, Err: err}
	}
	signed := wire.SignedEntry{Body: body, SigNew: account.Sign(labelEntry, raw)}
	if old != nil && old.Public() != account.Public() {
		signed.SigOld = old.Sign(labelEntryOld, raw)
	}
	b, err := signed.MarshalBinary()
	if err != nil {
		return nil, &EntryError{User: body.User, N: body.N, Rule: RuleForm, Err: err}
	}
	return Next(body.Realm, prev, b)
}
