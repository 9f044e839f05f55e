package opaque

import (
	"crypto/rand"
	"testing"

	"sotto/node/keys"
	"sotto/wire"
)

// A world is a server with one user, alice.
type world struct {
	t       testing.TB
	stretch Stretch
	server  *Server
	user    []byte // her credential identifier
	ids     Identities
	context []byte
	input   []byte // her password
	record  *wire.OpaqueRecord
	export  [64]byte
}

func newWorld(t testing.TB) *world { return newWorldWith(t, keys.WeakForTests) }

func newWorldWith(t testing.TB, stretch Stretch) *world {
	t.Helper()
	secrets, err := GenerateSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, stretch: stretch, user: []byte("alice"), context: []byte("one connection"),
		ids: Identities{Client: []byte("alice"), Server: []byte("server")},
	}
	if w.server, err = NewServer(secrets); err != nil {
		t.Fatal(err)
	}
	w.input = w.inputOf("correct horse")
	var session *Keys
	w.record, session = w.register(w.input)
	w.export = session.Export
	return w
}

func (w *world) inputOf(password string) []byte {
	w.t.Helper()
	input, err := Input([]byte(password), w.ids)
	if err != nil {
		w.t.Fatal(err)
	}
	return input
}

func (w *world) register(input []byte) (*wire.OpaqueRecord, *Keys) {
	w.t.Helper()
	registration, request, err := StartRegistration(rand.Reader, input)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := w.server.Register(request, w.user)
	if err != nil {
		w.t.Fatal(err)
	}
	record, keys, err := registration.Finish(rand.Reader, response, w.ids, w.stretch)
	if err != nil {
		w.t.Fatal(err)
	}
	return record, keys
}

// start is a client's first message.
func (w *world) start(input []byte) (*Login, *wire.OpaqueKe1) {
	w.t.Helper()
	login, ke1, err := StartLogin(rand.Reader, input)
	if err != nil {
		w.t.Fatal(err)
	}
	return login, ke1
}

// respond is the server's answer for alice.
func (w *world) respond(ke1 *wire.OpaqueKe1) (*wire.OpaqueKe2, *Pending) {
	w.t.Helper()
	ke2, pending, err := w.server.Respond(rand.Reader, w.record, w.user, w.ids, w.context, ke1)
	if err != nil {
		w.t.Fatal(err)
	}
	return ke2, pending
}

// refuses fails unless the client says ErrPassword, and has nothing to send nor any key.
func (w *world) refuses(what string, login *Login, ke2 *wire.OpaqueKe2, ids Identities, context []byte) {
	w.t.Helper()
	ke3, keys, err := login.Finish(ke2, ids, context, w.stretch)
	if err != ErrPassword || ke3 != nil || keys != nil {
		w.t.Errorf("%s: proof %v, keys %v, error %v; want only %v", what, ke3, keys, err, ErrPassword)
	}
}
