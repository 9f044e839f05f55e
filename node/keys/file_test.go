package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

func serverFile(t *testing.T) *ServerFile {
	t.Helper()
	return &ServerFile{Identity: testIdentity(), Secret: [32]byte{1, 2}}
}

func TestServerFile(t *testing.T) {
	f := serverFile(t)
	for name, passphrase := range map[string][]byte{"open": nil, "boxed": []byte("open sesame")} {
		b, err := f.Marshal(rand.Reader, passphrase, WeakForTests)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := ParseServerFile(b, passphrase, WeakForTests)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !got.Identity.Public().Equal(f.Identity.Public()) || got.Secret != f.Secret {
			t.Errorf("%s: another file came back", name)
		}
		k := f.Identity.Wire()
		if clear := bytes.Contains(b, k.P[:]); clear != (passphrase == nil) {
			t.Errorf("%s: private key in clear = %v", name, clear)
		}
	}
}

// Attack 65: wrong passphrase, truncated, damaged, swapped with the public one: refused in one clear line.
func TestAttack65KeyFiles(t *testing.T) {
	f := serverFile(t)
	open, err := f.Marshal(rand.Reader, nil, WeakForTests)
	if err != nil {
		t.Fatal(err)
	}
	boxed, err := f.Marshal(rand.Reader, []byte("open sesame"), WeakForTests)
	if err != nil {
		t.Fatal(err)
	}
	public, err := MarshalPublicFile(f.Identity.Public())
	if err != nil {
		t.Fatal(err)
	}
	secret := func(b []byte, passphrase string) error {
		var p []byte
		if passphrase != "" {
			p = []byte(passphrase)
		}
		_, err := ParseServerFile(b, p, WeakForTests)
		return err
	}
	flipped := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"wrong passphrase":      {secret(boxed, "open says me"), "wrong passphrase"},
		"no passphrase":         {secret(boxed, ""), "protected by a passphrase"},
		"too long passphrase":   {secret(boxed, strings.Repeat("x", 200)), "password has"},
		"public for secret":     {secret(public, ""), "public key file of the classic tier, not a server's secret"},
		"secret for public":     {second(ParsePublicFile(open)), "secret key file of the classic tier, not a server's public"},
		"boxed for public":      {second(ParsePublicFile(boxed)), "secret key file of the classic tier, not a server's public"},
		"empty":                 {secret(nil, ""), "truncated"},
		"trailing":              {secret(append(bytes.Clone(open), 0), ""), "damaged"},
		"text":                  {secret([]byte("-----BEGIN PRIVATE KEY-----\nMIIG"), ""), "not a key file"},
		"damaged":               {secret(flipped(open, 700), ""), "damaged"},
		"damaged box":           {secret(flipped(boxed, 700), "open sesame"), "damaged"},
		"damaged public":        {second(ParsePublicFile(flipped(public, 100))), "damaged"},
		"version of the future": {secret(flipped(open, 8), ""), "damaged"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) || strings.Contains(test.err.Error(), "\n") {
			t.Errorf("%s: error = %v, want one line with %q", name, test.err, test.want)
		}
	}
	if !errors.Is(secret(boxed, "x"), ErrPassphrase) || !errors.Is(secret(boxed, ""), ErrPassphraseNeeded) {
		t.Error("callers can't tell that the passphrase is at fault")
	}
	for _, b := range [][]byte{open, boxed} {
		for n := 0; n < len(b); n += 7 {
			if err := secret(b[:n], "open sesame"); err == nil || !strings.Contains(err.Error(), "truncated") {
				t.Fatalf("cut to %d bytes: error = %v", n, err)
			}
		}
	}
	for n := range public {
		if _, err := ParsePublicFile(public[:n]); err == nil {
			t.Fatalf("public file cut to %d bytes is taken", n)
		}
	}
}

func second(_ *PublicKey, err error) error { return err }
