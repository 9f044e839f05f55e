package directory

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

var (
	testRealm = wire.Realm{1, 2, 3}
	testNow   = time.UnixMilli(1_800_000_000_000)
)

func newAccount(t testing.TB) *keys.Account {
	t.Helper()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func newDevice(t testing.TB, name string) wire.Device {
	t.Helper()
	account := newAccount(t).Public() // the same kinds of keys
	return wire.Device{Keys: wire.DeviceKeys{Sign: account.Sign, Seal: account.Seal}, Name: name}
}

// must returns an entry that could be made.
func must(t testing.TB) func(*Entry, error) *Entry {
	return func(e *Entry, err error) *Entry {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func wantRule(t testing.TB, name string, err error, want Rule) {
	t.Helper()
	if broken, ok := errors.AsType[*EntryError](err); !ok || broken.Rule != want {
		t.Errorf("%s: error = %v, want %q", name, err, want)
	}
}

// An account from its first day on: each entry follows the one before, for its maker
// and for whoever reads its bytes.
func TestChain(t *testing.T) {
	must := must(t)
	first, second := newAccount(t), newAccount(t)
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	one := must(Create(testRealm, "Alice", first, []wire.Device{laptop}, testNow))
	two := must(one.AddDevice(first.Signer, phone, testNow.Add(time.Hour)))
	three := must(two.Rotate(first.Signer, second, testNow)) // by a clock that is behind
	four := must(three.RemoveDevice(second.Signer, keys.DeviceId(&laptop.Keys), testNow.Add(2*time.Hour)))
	five := must(four.Reset(first, nil, testNow.Add(3*time.Hour)))

	var prev *Entry
	for i, e := range []*Entry{one, two, three, four, five} {
		got := must(Next(testRealm, prev, e.Bytes()))
		if got.Body().N != uint32(i+1) || got.User() != "Alice" || got.hash() != e.hash() {
			t.Errorf("entry %d reads as %v", i+1, got)
		}
		if err := got.CheckNew(testNow); err != nil {
			t.Error(err)
		}
		prev = must(Stored(e.Bytes()))
	}
	if three.Body().TimeMs != two.Body().TimeMs {
		t.Errorf("the time of %v went back to %d", three, three.Body().TimeMs)
	}
	if one.Account() != two.Account() || two.Account() == three.Account() || five.Account() != one.Account() {
		t.Error("accounts are not told apart by their keys")
	}
	if _, ok := three.Device(keys.DeviceId(&laptop.Keys)); !ok || len(three.Body().Devices) != 2 {
		t.Errorf("rotating lost devices: %v", three.Body().Devices)
	}
	if _, ok := four.Device(keys.DeviceId(&laptop.Keys)); ok || len(four.Body().Devices) != 1 {
		t.Errorf("the laptop is still there: %v", four.Body().Devices)
	}
	late := must(five.AddDevice(first.Signer, phone, testNow.Add(maxAhead+time.Second)))
	wantRule(t, "from the future", late.CheckNew(testNow), RuleTime)
}

// What a maker asks for that no rule allows is not made.
func TestMakeRefuses(t *testing.T) {
	must := must(t)
	account, other := newAccount(t), newAccount(t)
	device := newDevice(t, "laptop")
	one := must(Create(testRealm, "Alice", account, []wire.Device{device}, testNow))
	many := make([]wire.Device, 17)
	for i := range many {
		many[i] = newDevice(t, "")
	}
	for _, tt := range []struct {
		name string
		make func() (*Entry, error)
		want Rule
	}{
		{"a name that none can have", func() (*Entry, error) { return Create(testRealm, "a/b", account, nil, testNow) }, RuleUser},
		{"no name", func() (*Entry, error) { return Create(testRealm, "", account, nil, testNow) }, RuleForm},
		{"17 devices", func() (*Entry, error) { return Create(testRealm, "Alice", account, many, testNow) }, RuleForm},
		{"a device that is there", func() (*Entry, error) { return one.AddDevice(account.Signer, device, testNow) }, RuleDevices},
		{"by another's key", func() (*Entry, error) { return one.AddDevice(other.Signer, newDevice(t, ""), testNow) }, RuleSignature},
		{"removing what isn't there", func() (*Entry, error) { return one.RemoveDevice(account.Signer, wire.KeyId{1}, testNow) }, RuleWhy},
		{"rotating to the same keys", func() (*Entry, error) { return one.Rotate(account.Signer, account, testNow) }, RuleWhy},
		{"rotating by another's key", func() (*Entry, error) { return one.Rotate(newAccount(t).Signer, other, testNow) }, RuleOldSignature},
		{"a reset to the same key", func() (*Entry, error) { return one.Reset(account, nil, testNow) }, RuleWhy},
		{"after the year 9999", func() (*Entry, error) {
			return one.Reset(other, nil, time.UnixMilli(maxTime+1))
		}, RuleTime},
	} {
		e, err := tt.make()
		if e != nil {
			t.Errorf("%s: made %v", tt.name, e)
		}
		wantRule(t, tt.name, err, tt.want)
	}
}

// 55. "DirEntry: prev broken, n repeated, sig_old missing without why = reset, device
// listed twice, > 16 → reject". Every rule is broken by whoever holds all keys: the
// signatures are good unless they are what is broken.
func TestAttack55(t *testing.T) {
	must := must(t)
	account, next := newAccount(t), newAccount(t)
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	one := must(Create(testRealm, "Alice", account, []wire.Device{laptop}, testNow))
	two := must(one.AddDevice(account.Signer, phone, testNow))

	for _, tt := range []struct {
		name   string
		prev   *Entry
		change func(*wire.SignedEntry)
		want   Rule
	}{
		{"another server's", one, func(s *wire.SignedEntry) { s.Body.Realm[0]++ }, RuleRealm},
		{"another's name", one, func(s *wire.SignedEntry) { s.Body.User = "Bob" }, RuleUser},
		{"the name in another case", one, func(s *wire.SignedEntry) { s.Body.User = "alice" }, RuleUser},
		{"a name of dots", nil, func(s *wire.SignedEntry) { s.Body.User = ".." }, RuleUser},
		{"n repeated", one, func(s *wire.SignedEntry) { s.Body.N = 1 }, RuleNumber},
		{"n left out", one, func(s *wire.SignedEntry) { s.Body.N = 3 }, RuleNumber},
		{"n of 0", one, func(s *wire.SignedEntry) { s.Body.N = 0 }, RuleNumber},
		{"a first entry of number 2", nil, func(s *wire.SignedEntry) { s.Body.N = 2 }, RuleNumber},
		{"prev broken", one, func(s *wire.SignedEntry) { s.Body.Prev[31] ^= 1 }, RulePrev},
		{"prev of none", one, func(s *wire.SignedEntry) { s.Body.Prev = wire.Hash{} }, RulePrev},
		{"a first entry that names one before", nil, func(s *wire.SignedEntry) { s.Body.Prev = one.hash() }, RulePrev},
		{"earlier than the one before", one, func(s *wire.SignedEntry) { s.Body.TimeMs-- }, RuleTime},
		{"the last time there is", one, func(s *wire.SignedEntry) { s.Body.TimeMs = 1<<64 - 1 }, RuleTime},
		{"a device twice", one, func(s *wire.SignedEntry) { s.Body.Devices = []wire.Device{laptop, phone, laptop} }, RuleDevices},
		{"a device twice, with two names", one, func(s *wire.SignedEntry) {
			s.Body.Devices = []wire.Device{laptop, {Keys: laptop.Keys, Name: "another"}}
		}, RuleDevices},
		{"two devices with one key to sign", one, func(s *wire.SignedEntry) {
			s.Body.Devices[1].Keys.Sign = laptop.Keys.Sign
		}, RuleDevices},
		{"two devices with one key to seal", one, func(s *wire.SignedEntry) {
			s.Body.Devices[1].Keys.Seal = laptop.Keys.Seal
		}, RuleDevices},
		{"a device from another time", one, func(s *wire.SignedEntry) { s.Body.Devices[1].SinceMs++ }, RuleSince},
		{"a device whose time has changed", one, func(s *wire.SignedEntry) { s.Body.Devices[0].SinceMs++ }, RuleSince},
		{"a first device from another time", nil, func(s *wire.SignedEntry) { s.Body.Devices[0].SinceMs-- }, RuleSince},
		{"created again", one, func(s *wire.SignedEntry) { s.Body.Why = wire.EntryWhyCreated }, RuleWhy},
		{"a first entry that isn't created", nil, func(s *wire.SignedEntry) { s.Body.Why = wire.EntryWhyReset }, RuleWhy},
		{"no device changed", one, func(s *wire.SignedEntry) { s.Body.Devices = s.Body.Devices[:1] }, RuleWhy},
		{"other keys without a word", one, func(s *wire.SignedEntry) { s.Body.Account = next.Public() }, RuleWhy},
		{"another sealing key without a word", one, func(s *wire.SignedEntry) { s.Body.Account.Seal = next.Public().Seal }, RuleWhy},
		{"rotated to the same", one, func(s *wire.SignedEntry) { s.Body.Why = wire.EntryWhyRotated }, RuleWhy},
		{"reset to the same", one, func(s *wire.SignedEntry) { s.Body.Why = wire.EntryWhyReset }, RuleWhy},
		{"sig_old missing", one, func(s *wire.SignedEntry) {
			s.Body.Why, s.Body.Account = wire.EntryWhyRotated, next.Public()
			s.Body.Devices = s.Body.Devices[:1]
		}, RuleOldSignature},
		{"rotated, and a device more", one, func(s *wire.SignedEntry) {
			s.Body.Why, s.Body.Account = wire.EntryWhyRotated, next.Public()
		}, RuleWhy},
		{"sig_old at a reset", one, func(s *wire.SignedEntry) {
			s.Body.Why, s.Body.Account = wire.EntryWhyReset, next.Public()
			s.SigOld[0] = 1
		}, RuleOldSignature},
		{"sig_old where the key stays", one, func(s *wire.SignedEntry) { s.SigOld[63] = 1 }, RuleOldSignature},
		{"sig_old at the first", nil, func(s *wire.SignedEntry) { s.SigOld[1] = 1 }, RuleOldSignature},
	} {
		good := two
		if tt.prev == nil {
			good = one
		}
		s := *good.Signed()
		s.Body.Devices = slices.Clone(s.Body.Devices)
		tt.change(&s)
		signer := account.Signer
		if s.Body.Account.Sign == next.Signer.Public() {
			signer = next.Signer
		}
		raw, err := s.Body.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		s.SigNew = signer.Sign(labelEntry, raw)
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		_, err = Next(testRealm, tt.prev, b)
		wantRule(t, tt.name, err, tt.want)
	}

	// The signatures themselves.
	rotated := must(one.Rotate(account.Signer, next, testNow))
	raw := rotated.Signed().BodyRaw
	for name, tt := range map[string]struct {
		sigNew, sigOld wire.EdSignature
		want           Rule
	}{
		"by the old key":           {account.Signer.Sign(labelEntry, raw), rotated.Signed().SigOld, RuleSignature},
		"not signed":               {wire.EdSignature{}, rotated.Signed().SigOld, RuleSignature},
		"under the other label":    {next.Signer.Sign(labelEntryOld, raw), rotated.Signed().SigOld, RuleSignature},
		"sig_old by the new key":   {rotated.Signed().SigNew, next.Signer.Sign(labelEntryOld, raw), RuleOldSignature},
		"sig_old, the other label": {rotated.Signed().SigNew, account.Signer.Sign(labelEntry, raw), RuleOldSignature},
	} {
		s := *rotated.Signed()
		s.SigNew, s.SigOld = tt.sigNew, tt.sigOld
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		_, err = Next(testRealm, one, b)
		wantRule(t, name, err, tt.want)
	}

	// Every byte.
	b := two.Bytes()
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := Next(testRealm, one, bad); err == nil {
			t.Fatalf("byte %d altered: it follows", i)
		}
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), bytes.Repeat([]byte{0xff}, len(b))} {
		_, err := Next(testRealm, one, bad)
		wantRule(t, fmt.Sprintf("%d bytes", len(bad)), err, RuleForm)
	}
	if _, err := Next(testRealm, nil, b); err == nil {
		t.Error("a second entry follows none")
	}
}

// 55. More than 16 devices don't even have a form.
func TestAttack55TooManyDevices(t *testing.T) {
	account := newAccount(t)
	devices := make([]wire.Device, 16)
	for i := range devices {
		devices[i] = newDevice(t, fmt.Sprint(i))
	}
	e := must(t)(Create(testRealm, "Alice", account, devices, testNow))
	if _, err := e.AddDevice(account.Signer, newDevice(t, "17"), testNow); err == nil {
		t.Error("made an entry with 17 devices")
	}
	// The same by somebody with another encoder: one device more behind the last.
	raw := bytes.Clone(e.Signed().BodyRaw)
	one, err := devices[0].MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	count := len(raw) - 1
	for i := range devices {
		count -= devices[i].Size()
	}
	raw[count] = 17
	raw = append(raw, one...)
	sig := account.Signer.Sign(labelEntry, raw)
	b := append(append(raw, make([]byte, 64)...), sig[:]...)
	_, err = Next(testRealm, nil, b)
	wantRule(t, "17 devices", err, RuleForm)
}
