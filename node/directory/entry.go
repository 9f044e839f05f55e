package directory

import (
	"fmt"
	"slices"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

const (
	labelEntry    keys.Label = "entry"
	labelEntryOld keys.Label = "entry old"
)

const (
	// maxTime is the last millisecond that an entry may name: the year 9999's last.
	maxTime = 253_402_300_799_999
	// maxAhead is how far the time of a new entry may be ahead of the server's: a
	// device whose clock is a zone or a day off can still enter something.
	maxAhead = 26 * time.Hour
)

// An Entry is a SignedEntry that keeps all rules of the log. It doesn't change.
type Entry struct {
	signed wire.SignedEntry
	bytes  []byte
}

// Next checks the bytes of a SignedEntry against all rules and returns it as the
// entry that follows prev, or as the first of its account if prev is nil. The
// error is an *EntryError.
func Next(realm wire.Realm, prev *Entry, b []byte) (*Entry, error) {
	e, err := Stored(b)
	if err != nil {
		return nil, err
	}
	if err := e.follows(realm, prev); err != nil {
		return nil, err
	}
	return e, nil
}

// Stored takes the bytes of an entry that Next has returned before.
func Stored(b []byte) (*Entry, error) {
	e := &Entry{bytes: slices.Clone(b)}
	if err := e.signed.UnmarshalBinary(e.bytes); err != nil {
		return nil, &EntryError{Rule: RuleForm, Err: err}
	}
	return e, nil
}

func (e *Entry) follows(realm wire.Realm, prev *Entry) error {
	if rule := e.check(realm, prev); rule != "" {
		return e.breaks(rule)
	}
	return nil
}

func (e *Entry) breaks(rule Rule) error {
	return &EntryError{User: e.User(), N: e.Body().N, Rule: rule}
}

// check gives the first rule that the entry breaks.
func (e *Entry) check(realm wire.Realm, prev *Entry) Rule {
	body := e.Body()
	switch {
	case body.Realm != realm:
		return RuleRealm
	case keys.CheckName(body.User) != nil || prev != nil && body.User != prev.User():
		return RuleUser
	case body.N != prev.number()+1 || body.N == 0:
		return RuleNumber
	case body.Prev != prev.hash():
		return RulePrev
	case body.TimeMs > maxTime || prev != nil && body.TimeMs < prev.Body().TimeMs:
		return RuleTime
	case !distinct(body.Devices):
		return RuleDevices
	case !dated(body, prev):
		return RuleSince
	}
	if rule := e.checkWhy(prev); rule != "" {
		return rule
	}
	if keys.VerifyEd(labelEntry, body.Account.Sign, e.signed.BodyRaw, &e.signed.SigNew) != nil {
		return RuleSignature
	}
	return e.checkOld(prev)
}

// checkWhy checks that the entry changes what its reason says.
func (e *Entry) checkWhy(prev *Entry) Rule {
	body := e.Body()
	if (prev == nil) != (body.Why == wire.EntryWhyCreated) {
		return RuleWhy
	}
	switch body.Why {
	case wire.EntryWhyDevice:
		if body.Account != prev.Body().Account || slices.Equal(body.Devices, prev.Body().Devices) {
			return RuleWhy
		}
	case wire.EntryWhyRotated:
		if body.Account == prev.Body().Account || !slices.Equal(body.Devices, prev.Body().Devices) {
			return RuleWhy
		}
	case wire.EntryWhyReset:
		if body.Account.Sign == prev.Body().Account.Sign {
			return RuleWhy
		}
	}
	return ""
}

// checkOld checks the signature of the account's former key, which only stands where
// that key hands over to another.
func (e *Entry) checkOld(prev *Entry) Rule {
	if e.Body().Why == wire.EntryWhyRotated && e.Body().Account.Sign != prev.Body().Account.Sign {
		if keys.VerifyEd(labelEntryOld, prev.Body().Account.Sign, e.signed.BodyRaw, &e.signed.SigOld) != nil {
			return RuleOldSignature
		}
		return ""
	}
	if e.signed.SigOld != (wire.EdSignature{}) {
		return RuleOldSignature
	}
	return ""
}

// distinct reports whether no two devices have a key in common.
func distinct(devices []wire.Device) bool {
	for i := range devices {
		for j := range i {
			a, b := &devices[i].Keys, &devices[j].Keys
			if a.Sign == b.Sign || a.Seal == b.Seal {
				return false
			}
		}
	}
	return true
}

// dated reports whether each device is there since the entry that added it.
func dated(body *wire.Entry, prev *Entry) bool {
	for i := range body.Devices {
		if d := &body.Devices[i]; d.SinceMs != since(&d.Keys, body.TimeMs, prev) {
			return false
		}
	}
	return true
}

// since is the time of the entry that added a device: prev's or an earlier one, or else
// the one of this time.
func since(k *wire.DeviceKeys, timeMs uint64, prev *Entry) uint64 {
	if prev != nil {
		for i := range prev.Body().Devices {
			if d := &prev.Body().Devices[i]; d.Keys == *k {
				return d.SinceMs
			}
		}
	}
	return timeMs
}

// CheckNew checks what only counts when an entry is new and not any more when it
// stands in the log: that its time is not far ahead of now, and that others can seal
// something to the keys that it adds. The error is an *EntryError.
func (e *Entry) CheckNew(now time.Time) error {
	body := e.Body()
	if int64(body.TimeMs) > now.Add(maxAhead).UnixMilli() {
		return e.breaks(RuleTime)
	}
	if keys.CheckSealingKey(&body.Account.Seal) != nil {
		return e.breaks(RuleDevices)
	}
	for i := range body.Devices {
		if keys.CheckSealingKey(&body.Devices[i].Keys.Seal) != nil {
			return e.breaks(RuleDevices)
		}
	}
	return nil
}

// Bytes returns the SignedEntry as it stands in the log. It must not be changed.
func (e *Entry) Bytes() []byte { return e.bytes }

// Signed returns the entry with its signatures. It must not be changed.
func (e *Entry) Signed() *wire.SignedEntry { return &e.signed }

// Body returns what the entry says. It must not be changed.
func (e *Entry) Body() *wire.Entry { return &e.signed.Body }

// User returns the name as registered.
func (e *Entry) User() string { return e.Body().User }

// Account names the account's keys: what people pin and compare.
func (e *Entry) Account() wire.KeyId { return keys.AccountId(&e.Body().Account) }

// Device finds a device.
func (e *Entry) Device(id wire.KeyId) (*wire.Device, bool) {
	for i := range e.Body().Devices {
		if d := &e.Body().Devices[i]; keys.DeviceId(&d.Keys) == id {
			return d, true
		}
	}
	return nil, false
}

// String says which entry it is.
func (e *Entry) String() string {
	return fmt.Sprintf("entry %d of %s (%v)", e.Body().N, e.User(), e.Body().Why)
}

// number is that of the entry, 0 for none.
func (e *Entry) number() uint32 {
	if e == nil {
		return 0
	}
	return e.Body().N
}

// hash is what the next entry names as the one before it, all zero for none.
func (e *Entry) hash() wire.Hash {
	if e == nil {
		return wire.Hash{}
	}
	return labelEntry.Hash(e.bytes)
}

// A Rule is one that an entry breaks, in words.
type Rule string

// The rules of the log, in the order in which they are checked.
const (
	RuleForm         Rule = "it is not a signed entry"
	RuleRealm        Rule = "it is of another server"
	RuleUser         Rule = "the name is none, or not the account's"
	RuleNumber       Rule = "it is not the next in number"
	RulePrev         Rule = "it does not name the entry before it"
	RuleTime         Rule = "its time is before the last entry's, or too far ahead"
	RuleDevices      Rule = "a device stands twice, or a key is none"
	RuleSince        Rule = "a device is not there since the entry that added it"
	RuleWhy          Rule = "it does not change what it says it changes"
	RuleSignature    Rule = "it is not signed by the account's key"
	RuleOldSignature Rule = "it is not signed by the account's former key as it must be"
	RuleRetired      Rule = "it brings back a key of a device that was removed"
)

// An EntryError says which rule an entry breaks.
type EntryError struct {
	User string // empty if it could not be read
	N    uint32
	Rule Rule
	Err  error // why it could not be read
}

func (e *EntryError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("directory entry: %s: %v", e.Rule, e.Err)
	}
	return fmt.Sprintf("directory entry %d of %q: %s", e.N, e.User, e.Rule)
}

func (e *EntryError) Unwrap() error { return e.Err }
