package opaque

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sotto/node/keys"
	"sotto/wire"
)

// Registration and login: both sides end with one session key, and the client with the
// export key of its registration.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	sessions := make(map[[64]byte]bool)
	for range 3 {
		login, ke1 := w.start(w.input)
		ke2, pending := w.respond(ke1)
		ke3, keys, err := login.Finish(ke2, w.ids, w.context, w.stretch)
		if err != nil {
			t.Fatal(err)
		}
		session, err := pending.Finish(ke3)
		if err != nil {
			t.Fatal(err)
		}
		if session != keys.Session || sessions[session] || session == [64]byte{} {
			t.Error("the session keys are not one new key")
		}
		sessions[session] = true
		if keys.Export != w.export || keys.Export == [64]byte{} {
			t.Error("the export key isn't that of the registration")
		}
		if _, err := pending.Finish(ke3); err != ErrProof {
			t.Errorf("the same proof again: error %v, want %v", err, ErrProof)
		}
		if _, _, err := login.Finish(ke2, w.ids, w.context, w.stretch); err == nil {
			t.Error("a login took two answers")
		}
	}
}

// Without identities the public keys stand for them.
func TestLoginWithoutIdentities(t *testing.T) {
	w := newWorld(t)
	w.ids = Identities{}
	w.record, _ = w.register(w.input)
	login, ke1 := w.start(w.input)
	ke2, pending := w.respond(ke1)
	ke3, _, err := login.Finish(ke2, w.ids, w.context, w.stretch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pending.Finish(ke3); err != nil {
		t.Error(err)
	}
}

// A wrong password is the same error as an answer that was tampered with, and as a user
// who doesn't exist.
func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	for _, password := range []string{"correct hors", "Correct horse", "correct horse "} {
		login, ke1 := w.start(w.inputOf(password))
		ke2, _ := w.respond(ke1)
		w.refuses(password, login, ke2, w.ids, w.context)
	}
	login, ke1 := w.start(w.input)
	ke2, _, err := w.server.Respond(rand.Reader, nil, []byte("nobody"), w.ids, w.context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses("nobody", login, ke2, w.ids, w.context)
	login, ke1 = w.start(w.input)
	ke2, _ = w.respond(ke1)
	w.stretch.Time++
	w.refuses("stretched otherwise", login, ke2, w.ids, w.context)
}

// What goes into the OPRF says for whom it is; the two Unicode forms of a password are
// one.
func TestInput(t *testing.T) {
	ids := Identities{Client: []byte("alice"), Server: []byte("server")}
	input := func(password string, ids Identities) string {
		b, err := Input([]byte(password), ids)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	composed := input("caf\u00e9", ids)
	if input("cafe\u0301", ids) != composed {
		t.Error("NFC and NFD of one password differ")
	}
	for _, other := range []string{
		input("cafe", ids),
		input("caf\u00e9", Identities{Client: []byte("alicf"), Server: []byte("server")}),
		input("caf\u00e9", Identities{Client: []byte("alice"), Server: []byte("serves")}),
		input("caf\u00e9", Identities{Client: []byte("server"), Server: []byte("alice")}),
	} {
		if other == composed {
			t.Errorf("two inputs are the same: %x", composed)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", 129), "\xff"} {
		if _, err := Input([]byte(bad), ids); err != keys.ErrBadPassword {
			t.Errorf("a password of %d bytes: error %v, want %v", len(bad), err, keys.ErrBadPassword)
		}
	}
	if _, err := Input([]byte("x"), Identities{Client: ids.Client}); err == nil {
		t.Error("an input without a server's identity")
	}
}

// Secrets of a server that can't be such are refused; those that are drawn can.
func TestServerSecrets(t *testing.T) {
	good, err := GenerateSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewServer(good); err != nil {
		t.Error(err)
	}
	order := [32]byte{0: 0xed, 1: 0xd3, 2: 0xf5, 3: 0x5c, 4: 0x1a, 5: 0x63, 6: 0x12, 7: 0x58, 8: 0xd6, 9: 0x9c, 10: 0xf7,
		11: 0xa2, 12: 0xde, 13: 0xf9, 14: 0xde, 15: 0x14, 31: 0x10}
	for name, change := range map[string]func(*ServerSecrets){
		"no private key": func(s *ServerSecrets) { s.PrivateKey = [32]byte{} },
		"the order":      func(s *ServerSecrets) { s.PrivateKey = order },
		"not reduced":    func(s *ServerSecrets) { s.PrivateKey[31] |= 0x80 },
		"no seed":        func(s *ServerSecrets) { s.OprfSeed = [64]byte{} },
	} {
		bad := *good
		change(&bad)
		if _, err := NewServer(&bad); err != ErrSecrets {
			t.Errorf("%s: error %v, want %v", name, err, ErrSecrets)
		}
	}
	order[0]--
	good.PrivateKey = order
	if _, err := NewServer(good); err != nil {
		t.Errorf("the largest scalar: %v", err)
	}
}

// A source of randomness that ends or isn't random is an error wherever it is asked, and
// nothing comes with it.
func TestBadRandomness(t *testing.T) {
	w := newWorld(t)
	_, request, err := StartRegistration(rand.Reader, w.input)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.server.Register(request, w.user)
	if err != nil {
		t.Fatal(err)
	}
	_, ke1 := w.start(w.input)
	for name, test := range map[string]struct {
		needs int // bytes, at least
		use   func(io.Reader) error
	}{
		"GenerateSecrets": {96, func(r io.Reader) error {
			_, err := GenerateSecrets(r)
			return err
		}},
		"StartRegistration": {32, func(r io.Reader) error {
			_, _, err := StartRegistration(r, w.input)
			return err
		}},
		"Registration.Finish": {32, func(r io.Reader) error {
			registration, _, err := StartRegistration(rand.Reader, w.input)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = registration.Finish(r, response, w.ids, w.stretch)
			return err
		}},
		"StartLogin": {96, func(r io.Reader) error {
			_, _, err := StartLogin(r, w.input)
			return err
		}},
		"Respond": {96, func(r io.Reader) error {
			_, _, err := w.server.Respond(r, w.record, w.user, w.ids, w.context, ke1)
			return err
		}},
	} {
		if err := test.use(rand.Reader); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := 0; n < test.needs; n += 31 {
			if err := test.use(io.LimitReader(rand.Reader, int64(n))); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s with %d random bytes: error %v", name, n, err)
			}
		}
	}
	for name, r := range map[string]io.Reader{"zeros": constant(0), "ones": constant(0xff)} {
		if _, err := randomScalar(r); err != errNotRandom {
			t.Errorf("%s: error %v, want %v", name, err, errNotRandom)
		}
	}
}

type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

// Identities and contexts that don't fit their fields are errors and no panic.
func TestTooLong(t *testing.T) {
	w := newWorld(t)
	long := make([]byte, 1<<16)
	for name, test := range map[string]struct {
		ids     Identities
		context []byte
	}{
		"client":  {Identities{Client: long, Server: w.ids.Server}, nil},
		"server":  {Identities{Client: w.ids.Client, Server: long}, nil},
		"context": {w.ids, long},
	} {
		login, ke1 := w.start(w.input)
		if ke2, pending, err := w.server.Respond(rand.Reader, w.record, w.user, test.ids, test.context, ke1); err == nil || ke2 != nil || pending != nil {
			t.Errorf("%s: the server answers", name)
		}
		ke2, _ := w.respond(ke1)
		if ke3, keys, err := login.Finish(ke2, test.ids, test.context, w.stretch); err == nil || ke3 != nil || keys != nil {
			t.Errorf("%s: the client proves", name)
		}
	}
}

// A record that is damaged is the server's own fault, and not the peer's.
func TestDamagedRecord(t *testing.T) {
	w := newWorld(t)
	_, ke1 := w.start(w.input)
	ke2, pending, err := w.server.Respond(rand.Reader, new(wire.OpaqueRecord), w.user, w.ids, w.context, ke1)
	if err == nil || errors.Is(err, ErrMessage) || ke2 != nil || pending != nil {
		t.Errorf("error = %v", err)
	}
}

// What is over has no secrets left, and what is shown of anything has none.
func TestSecretsAreClearedAndNotShown(t *testing.T) {
	w := newWorld(t)
	registration, request, err := StartRegistration(rand.Reader, w.input)
	if err != nil {
		t.Fatal(err)
	}
	login, ke1 := w.start(w.input)
	ke2, pending := w.respond(ke1)
	secrets, err := GenerateSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := &Keys{Session: pending.session, Export: w.export}
	seed, blind := mustEncode(t, login.blind), mustEncode(t, login.share.private)
	for _, v := range []any{registration, login, pending, keys, secrets, w.server} {
		shown := fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
		for _, secret := range [][]byte{w.input, pending.session[:], pending.expected[:], secrets.OprfSeed[:], w.server.seed[:], seed, blind} {
			for _, form := range []string{string(secret), fmt.Sprintf("%x", secret[:8]), fmt.Sprint(secret[:8]), fmt.Sprintf("%#v", secret[:8])[7:40]} {
				if strings.Contains(shown, strings.Trim(form, "[]")) {
					t.Errorf("%T shows a secret: %s", v, shown)
				}
			}
		}
	}

	response, err := w.server.Register(request, w.user)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := registration.Finish(rand.Reader, response, w.ids, w.stretch); err != nil {
		t.Fatal(err)
	}
	if _, _, err := login.Finish(ke2, w.ids, w.context, w.stretch); err != nil {
		t.Fatal(err)
	}
	pending.Clear()
	keys.Clear()
	secrets.Clear()
	zeros := make([]byte, len(w.input))
	for name, b := range map[string][]byte{
		"password of a registration": registration.password,
		"password of a login":        login.password,
		"blind of a registration":    mustEncode(t, registration.blind),
		"blind of a login":           mustEncode(t, login.blind),
		"key share of a login":       mustEncode(t, login.share.private),
		"MAC of a pending login":     pending.expected[:],
		"key of a pending login":     pending.session[:],
		"session key":                keys.Session[:],
		"export key":                 keys.Export[:],
		"seed":                       secrets.OprfSeed[:],
		"private key":                secrets.PrivateKey[:],
	} {
		if !bytes.HasPrefix(append(zeros, make([]byte, 64)...), b) {
			t.Errorf("%s isn't cleared", name)
		}
	}
	w.server.Clear()
	if w.server.seed != (hash{}) || !w.server.keys.private.IsZero() {
		t.Error("the secrets of a server aren't cleared")
	}
}
