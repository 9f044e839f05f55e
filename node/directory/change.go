package directory

import (
	"context"
	"fmt"

	"sotto/node/keys"
	"sotto/wire"
)

// A Change is a leaf that a Follower took.
type Change struct {
	Leaf           uint64
	Before         *Entry // nil for a new account
	Entry          *Entry
	Added, Removed []wire.Device
	Retired        []wire.Hash // keys of devices that no later entry of the account may bring
	// Own says that it is of our own account. Alarms are what its owner must hear of
	// then: it was not done here.
	Own    bool
	Alarms []Alarm
}

// Vouched reports whether the account's keys changed and the former ones say so.
func (c *Change) Vouched() bool { return c.Entry.Body().Why == wire.EntryWhyRotated }

// An Alarm is something that happened to our own account and may have been done by
// somebody else.
type Alarm string

// The alarms.
const (
	AlarmDevice  Alarm = "a device was added that is not this one"
	AlarmRemoved Alarm = "this device was removed"
	AlarmAccount Alarm = "the account has keys that are not known here"
	AlarmEntry   Alarm = "an entry was made that is not from here"
)

// Own is the account of whoever follows a log.
type Own struct {
	User    string
	Account wire.VerifyKey // the account's key as it is known here; zero if it isn't yet
	Device  wire.KeyId     // this device; zero before there is one
}

// SetOwn says that our own account has other keys, or this device is another one.
func (f *Follower) SetOwn(own Own) { f.own = own }

// Made says that an entry of our own account is made here, before it is published, so
// that it is no reason for an alarm.
func (f *Follower) Made(e *Entry) { f.made[e.hash()] = true }

// change says what a leaf changes.
func (f *Follower) change(leaf uint64, before, e *Entry) Change {
	c := Change{Leaf: leaf, Before: before, Entry: e, Own: keys.Fold(e.User()) == keys.Fold(f.own.User)}
	c.Added, c.Removed = without(e, before), without(before, e)
	c.Retired = e.Retired(before)
	if c.Own {
		c.Alarms = f.alarms(&c)
	}
	return c
}

// without gives the devices of an entry that another one doesn't have.
func without(e, other *Entry) (devices []wire.Device) {
	if e == nil {
		return nil
	}
	for _, d := range e.Body().Devices {
		if other == nil || !has(other, &d.Keys) {
			devices = append(devices, d)
		}
	}
	return devices
}

func has(e *Entry, k *wire.DeviceKeys) bool {
	for i := range e.Body().Devices {
		if e.Body().Devices[i].Keys == *k {
			return true
		}
	}
	return false
}

// alarms judges an entry of our own account. What happened before this device was part
// of it is no alarm: there is nobody here who could know better.
func (f *Follower) alarms(c *Change) (alarms []Alarm) {
	if c.Before == nil || f.made[c.Entry.hash()] {
		return nil
	}
	if _, ok := c.Before.Device(f.own.Device); !ok {
		return nil
	}
	if len(c.Added) > 0 {
		alarms = append(alarms, AlarmDevice)
	}
	if _, ok := c.Entry.Device(f.own.Device); !ok {
		alarms = append(alarms, AlarmRemoved)
	}
	if now := c.Entry.Body().Account.Sign; now != f.own.Account && now != c.Before.Body().Account.Sign {
		alarms = append(alarms, AlarmAccount)
	}
	if alarms == nil {
		alarms = []Alarm{AlarmEntry}
	}
	return alarms
}

func fold(e *Entry) string { return keys.Fold(e.User()) }

// latest gives the last entry of a user, among new ones or from memory.
func (f *Follower) latest(ctx context.Context, fresh map[string]*Entry, user string) (*Entry, error) {
	if e := fresh[keys.Fold(user)]; e != nil {
		return e, nil
	}
	b, err := f.memory.Entry(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("last entry of %s: %w", user, err)
	}
	if b == nil {
		return nil, nil
	}
	return Stored(b)
}
