package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sotto/wire"
)

var testNow = time.UnixMilli(1_800_000_000_123)

func testHost(t testing.TB) *Host {
	t.Helper()
	h, err := NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func testAccount(t testing.TB) *Account {
	t.Helper()
	a, err := NewAccount(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func testDevice(t testing.TB, a *Account) *Device {
	t.Helper()
	d, err := NewDevice(rand.Reader, wire.Realm{7}, "Alice", a)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHostFile(t *testing.T) {
	h := testHost(t)
	for range 3 {
		for name, passphrase := range map[string][]byte{"open": nil, "boxed": []byte("open sesame")} {
			b, err := h.Marshal(rand.Reader, passphrase, WeakForTests)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := ParseHostFile(b, passphrase, WeakForTests)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seed := h.signer.seed()
			if got.Key() != h.Key() || got.secrets != h.secrets || got.signer.seed() != seed {
				t.Errorf("%s: another host came back", name)
			}
			if clear := bytes.Contains(b, seed[:]); clear != (passphrase == nil) {
				t.Errorf("%s: private key in clear = %v", name, clear)
			}
			sig := got.Signer().Sign(labelA, nil)
			if err := VerifyEd(labelA, h.Key().Sign, nil, &sig); err != nil {
				t.Error(err)
			}
		}
		if err := h.Rotate(rand.Reader, testNow); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeviceFile(t *testing.T) {
	a := testAccount(t)
	d := testDevice(t, a)
	for _, inherits := range []bool{false, true} {
		if inherits {
			d.Inherit(a)
		}
		for name, passphrase := range map[string][]byte{"open": nil, "boxed": []byte("open sesame")} {
			b, err := d.Marshal(rand.Reader, passphrase, WeakForTests)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := ParseDeviceFile(b, passphrase, WeakForTests)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got.Id() != d.Id() || got.User != "Alice" || got.Realm != d.Realm || got.Account != a.Signer.Public() {
				t.Errorf("%s: another device came back", name)
			}
			if (got.Inherited != nil) != inherits || inherits && got.Inherited.Public() != a.Sealer.Public() {
				t.Errorf("%s: inherited = %v, want %v", name, got.Inherited, inherits)
			}
		}
	}
}

// Attack 65: wrong passphrase, truncated, damaged, of another kind: refused in one clear line.
func TestAttack65HostAndDeviceFiles(t *testing.T) {
	h, passphrase := testHost(t), []byte("open sesame")
	d := testDevice(t, testAccount(t))
	key := h.Key()
	file := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	files := map[string][]byte{
		"host":         file(h.Marshal(rand.Reader, nil, WeakForTests)),
		"boxed host":   file(h.Marshal(rand.Reader, passphrase, WeakForTests)),
		"device":       file(d.Marshal(rand.Reader, nil, WeakForTests)),
		"boxed device": file(d.Marshal(rand.Reader, passphrase, WeakForTests)),
		"public":       file(MarshalHostPublicFile(&key)),
		"classic":      file(serverFile(t).Marshal(rand.Reader, nil, WeakForTests)),
	}
	parse := map[string]func(b, passphrase []byte) error{
		"host":   func(b, p []byte) error { _, err := ParseHostFile(b, p, WeakForTests); return err },
		"device": func(b, p []byte) error { _, err := ParseDeviceFile(b, p, WeakForTests); return err },
		"public": func(b, _ []byte) error { _, err := ParseHostPublicFile(b); return err },
	}
	refused := func(name string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want one line with %q", name, err, want)
		}
	}
	for kind, parse := range parse {
		for name, b := range files {
			if strings.HasSuffix(name, kind) {
				if err := parse(b, passphrase); err != nil {
					t.Errorf("%s file as %s: %v", name, kind, err)
				}
				for n := 0; n < len(b); n += 11 {
					refused(name, parse(b[:n], passphrase), "truncated")
				}
				damaged := bytes.Clone(b)
				damaged[len(b)/2] ^= 1
				refused(name, parse(damaged, passphrase), "damaged")
				refused(name, parse(append(bytes.Clone(b), 0), passphrase), "damaged")
				continue
			}
			refused(name+" file as "+kind, parse(b, passphrase), ", not a")
		}
	}
	for _, kind := range []string{"host", "device"} {
		refused(kind, parse[kind](files["boxed "+kind], []byte("open says me")), "wrong passphrase")
		refused(kind, parse[kind](files["boxed "+kind], nil), "protected by a passphrase")
		if !errors.Is(parse[kind](files["boxed "+kind], []byte("x")), ErrPassphrase) {
			t.Errorf("%s: callers can't tell that the passphrase is at fault", kind)
		}
	}
}

// A rotation is signed by the old key and the new one; from any key on the way a client
// gets to the last.
func TestFollow(t *testing.T) {
	h := testHost(t)
	pins := []wire.KeyId{h.Id()}
	for n := range 3 {
		if err := h.Rotate(rand.Reader, testNow.Add(time.Duration(n)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		pins = append(pins, h.Id())
	}
	for i, pin := range pins {
		key, changed, err := Follow(h.History(), pin)
		if err != nil || key != h.Key() || changed != (i < 3) {
			t.Errorf("from key %d: changed = %v, %v", i, changed, err)
		}
	}
	if _, _, err := Follow(h.History(), testHost(t).Id()); err != ErrPin {
		t.Errorf("from another server's key: error = %v", err)
	}
	shorter := &wire.ServerHistory{First: h.history.First, Rotations: h.history.Rotations[:1]}
	if _, _, err := Follow(shorter, pins[3]); err != ErrPin {
		t.Errorf("a history that ends before the pin: error = %v", err)
	}
	other := testHost(t)
	for name, change := range map[string]func(h *wire.ServerHistory){
		"dropped":       func(h *wire.ServerHistory) { h.Rotations = slices.Delete(h.Rotations, 1, 2) },
		"twice":         func(h *wire.ServerHistory) { h.Rotations = append(h.Rotations, h.Rotations[2]) },
		"order":         func(h *wire.ServerHistory) { h.Rotations[0], h.Rotations[1] = h.Rotations[1], h.Rotations[0] },
		"sig_old":       func(h *wire.ServerHistory) { h.Rotations[1].SigOld[3] ^= 1 },
		"sig_new":       func(h *wire.ServerHistory) { h.Rotations[1].SigNew[3] ^= 1 },
		"sigs swapped":  func(h *wire.ServerHistory) { r := &h.Rotations[1]; r.SigOld, r.SigNew = r.SigNew, r.SigOld },
		"new key":       func(h *wire.ServerHistory) { h.Rotations[2].Body.New.Sign = other.Key().Sign },
		"realm":         func(h *wire.ServerHistory) { h.Rotations[2].Body.New.Realm[0] ^= 1 },
		"since":         func(h *wire.ServerHistory) { h.Rotations[2].Body.SinceMs = 0 },
		"another first": func(h *wire.ServerHistory) { h.First = other.Key() },
		"no first":      func(h *wire.ServerHistory) { h.First = wire.ServerKey{} },
	} {
		changed := *h.History()
		changed.Rotations = slices.Clone(changed.Rotations)
		change(&changed)
		for _, pin := range pins {
			if _, _, err := Follow(&changed, pin); err == nil {
				t.Errorf("%s: followed", name)
			}
		}
	}
	// A rotation to another realm is refused even when both keys sign it.
	old := NewSigner(h.signer.seed())
	id := h.Id()
	h.key.Realm[0] ^= 1
	h.history.Rotations = append(h.history.Rotations, wire.KeyRotation{Body: wire.RotationBody{Old: id, New: h.key, SinceMs: 1 << 50}})
	r := &h.history.Rotations[3]
	r.SigOld = old.Sign(labelRotationOld, mustEncode(&r.Body))
	r.SigNew = h.signer.Sign(labelRotationNew, mustEncode(&r.Body))
	if _, _, err := Follow(h.History(), pins[0]); err != ErrHistory {
		t.Errorf("another realm: error = %v", err)
	}
}

// A host's file has room for as many rotations as it may make, also in a box.
func TestRotateUntilFull(t *testing.T) {
	h := testHost(t)
	for range maxRotations {
		if err := h.Rotate(rand.Reader, testNow); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Rotate(rand.Reader, testNow); err == nil {
		t.Error("rotated once more")
	}
	b, err := h.Marshal(rand.Reader, []byte("x"), WeakForTests)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseHostFile(b, []byte("x"), WeakForTests); err != nil {
		t.Error(err)
	}
}

func TestWrapAccount(t *testing.T) {
	a, export, realm := testAccount(t), &[64]byte{1, 2, 3}, wire.Realm{9}
	w, err := a.Wrap(rand.Reader, export, realm, "Alice")
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnwrapAccount(export, realm, "aLICE", w)
	if err != nil || got.Id() != a.Id() {
		t.Errorf("another account came back, or %v", err)
	}
	changedIv, changedCt := *w, *w
	changedIv.Iv[0] ^= 1
	changedCt.Ct[79] ^= 1
	unwrap := func(export *[64]byte, realm wire.Realm, user string, w *wire.WrappedAccount) error {
		_, err := UnwrapAccount(export, realm, user, w)
		return err
	}
	for name, err := range map[string]error{
		"another key":   unwrap(&[64]byte{1, 2, 4}, realm, "Alice", w),
		"another realm": unwrap(export, wire.Realm{8}, "Alice", w),
		"another user":  unwrap(export, realm, "Alicf", w),
		"no user":       unwrap(export, realm, "", w),
		"iv":            unwrap(export, realm, "Alice", &changedIv),
		"ct":            unwrap(export, realm, "Alice", &changedCt),
	} {
		if err != ErrSealed {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSealed)
		}
	}
}

func TestHostShowsNoSecret(t *testing.T) {
	h, a := testHost(t), testAccount(t)
	d := testDevice(t, a)
	decoy, seed := h.Decoy(), d.Signer.seed()
	for _, v := range []any{h, a, d} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			shown := fmt.Sprintf(verb, v)
			for _, secret := range [][]byte{decoy[:8], seed[:8]} {
				if strings.Contains(shown, fmt.Sprintf("%x", secret)) || strings.Contains(shown, strings.Trim(fmt.Sprint(secret), "[]")) {
					t.Errorf("%T in %s shows %s", v, verb, shown)
				}
			}
		}
	}
	for _, random := range []string{"", "too short", strings.Repeat("x", 150)} {
		if _, err := NewHost(strings.NewReader(random)); err == nil {
			t.Errorf("a host of %d random bytes", len(random))
		}
	}
}
