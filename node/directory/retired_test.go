package directory

import (
	"errors"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// "A device that is gone stays gone": neither of its keys comes back, whatever the
// entry is for and whoever signs it, in the same answer or a year later.
func TestRemovedKeysStayRemoved(t *testing.T) {
	must := must(t)
	host := newHost(t)
	account, next := newAccount(t), newAccount(t)
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	one := must(Create(host.Realm(), "Alice", account, []wire.Device{laptop, phone}, testNow))
	two := must(one.RemoveDevice(account.Signer, keys.DeviceId(&phone.Keys), testNow))
	half := func(sign, seal wire.DeviceKeys) wire.Device {
		return wire.Device{Keys: wire.DeviceKeys{Sign: sign.Sign, Seal: seal.Seal}, Name: "another name"}
	}
	other := newDevice(t, "other").Keys
	for name, tt := range map[string]struct {
		last *Entry
		ok   bool
	}{
		"as it was":                  {must(two.AddDevice(account.Signer, phone, testNow)), false},
		"its key to sign":            {must(two.AddDevice(account.Signer, half(phone.Keys, other), testNow)), false},
		"its key to seal":            {must(two.AddDevice(account.Signer, half(other, phone.Keys), testNow)), false},
		"after a reset":              {must(two.Reset(newAccount(t), []wire.Device{phone}, testNow)), false},
		"another one":                {must(two.AddDevice(account.Signer, half(other, other), testNow)), true},
		"one that has gone nowhere":  {must(two.Rotate(account.Signer, newAccount(t), testNow)), true},
		"another user's that is not": {must(Create(host.Realm(), "Bob", newAccount(t), []wire.Device{phone}, testNow)), true},
	} {
		for how, first := range map[string]int{"in one answer": 3, "later": 2} {
			l, c := newLog(host), newClient(host, Own{})
			l.enter(t, one, two)
			if first == 2 {
				if err := c.sync(t, l); err != nil {
					t.Fatal(err)
				}
			}
			l.enter(t, tt.last)
			err := c.sync(t, l)
			var leaf *LeafError
			if tt.ok != (err == nil) || !tt.ok && !errors.As(err, &leaf) {
				t.Errorf("%s, %s: error = %v", name, how, err)
			}
			if !tt.ok {
				wantRule(t, name+", "+how, err, RuleRetired)
			}
		}
	}

	reset := must(two.Reset(next, nil, testNow))
	l := newLog(host)
	l.enter(t, one, two, reset, must(reset.AddDevice(next.Signer, laptop, testNow)))
	wantRule(t, "what a reset has dropped", newClient(host, Own{}).sync(t, l), RuleRetired)
}

// A key that passes from a device to another was never gone.
func TestKeyThatStays(t *testing.T) {
	must := must(t)
	host := newHost(t)
	account := newAccount(t)
	laptop, other := newDevice(t, "laptop"), newDevice(t, "other")
	one := must(Create(host.Realm(), "Alice", account, []wire.Device{laptop}, testNow))
	mixed := wire.Device{Keys: wire.DeviceKeys{Sign: laptop.Keys.Sign, Seal: other.Keys.Seal}}
	two := must(one.setDevices(account.Signer, []wire.Device{mixed}, testNow.Add(time.Minute)))
	three := must(two.setDevices(account.Signer, []wire.Device{mixed, newDevice(t, "third")}, testNow.Add(time.Hour)))
	l, c := newLog(host), newClient(host, Own{User: "Alice"})
	l.enter(t, one, two, three)
	if err := c.sync(t, l); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		keys wire.DeviceKeys
		want bool
	}{"the laptop": {laptop.Keys, true}, "what it became": {mixed.Keys, false}} {
		if is, err := c.DeviceRetired(ctx, &tt.keys); is != tt.want || err != nil {
			t.Errorf("%s is retired: %v, %v", what, is, err)
		}
	}
}
