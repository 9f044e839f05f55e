package opaque

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"sotto/wire"
)

// badElements are what RFC 9496 says is no encoding, and the identity, by name.
func badElements(t *testing.T) map[string]wire.OpaqueElement {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "rfc9496.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]wire.OpaqueElement{"identity": {}}
	for _, f := range archive.Files {
		for i, digits := range strings.Fields(string(f.Data)) {
			b, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			bad[fmt.Sprintf("%s, %d", f.Name, i+1)] = wire.OpaqueElement(b)
		}
	}
	if len(bad) != 30 {
		t.Fatalf("%d bad elements, want 30", len(bad))
	}
	return bad
}

// "Blinded or evaluated element: identity, non-canonical, 31 bytes, negative encodings
// of RFC 9496": the server drops it, the client fails; in each place where an element
// arrives.
func TestAttack47Elements(t *testing.T) {
	w := newWorld(t)
	_, goodRequest, err := StartRegistration(rand.Reader, w.input)
	if err != nil {
		t.Fatal(err)
	}
	goodResponse, err := w.server.Register(goodRequest, w.user)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range badElements(t) {
		if response, err := w.server.Register(&wire.OpaqueRequest{BlindedMessage: bad}, w.user); err != ErrMessage || response != nil {
			t.Errorf("%s: a request is answered with error %v", name, err)
		}

		for field, change := range map[string]func(*wire.OpaqueResponse){
			"evaluated message": func(r *wire.OpaqueResponse) { r.EvaluatedMessage = bad },
			"server public key": func(r *wire.OpaqueResponse) { r.ServerPublicKey = bad },
		} {
			registration, _, err := StartRegistration(rand.Reader, w.input)
			if err != nil {
				t.Fatal(err)
			}
			response := *goodResponse
			change(&response)
			if record, _, err := registration.Finish(rand.Reader, &response, w.ids, w.stretch); err != ErrMessage || record != nil {
				t.Errorf("%s: %s of a response: error %v", name, field, err)
			}
		}

		record := *w.record
		record.ClientPublicKey = bad
		if err := CheckRecord(&record); err != ErrMessage {
			t.Errorf("%s: a record has error %v", name, err)
		}

		for field, change := range map[string]func(*wire.OpaqueKe1){
			"blinded message": func(m *wire.OpaqueKe1) { m.CredentialRequest.BlindedMessage = bad },
			"key share":       func(m *wire.OpaqueKe1) { m.AuthRequest.ClientPublicKeyshare = bad },
		} {
			_, ke1 := w.start(w.input)
			change(ke1)
			for whose, record := range map[string]*wire.OpaqueRecord{"alice": w.record, "nobody": nil} {
				ke2, pending, err := w.server.Respond(rand.Reader, record, w.user, w.ids, w.context, ke1)
				if err != ErrMessage || ke2 != nil || pending != nil {
					t.Errorf("%s: %s of ke1 for %s: error %v", name, field, whose, err)
				}
			}
		}

		for field, change := range map[string]func(*wire.OpaqueKe2){
			"evaluated message": func(m *wire.OpaqueKe2) { m.CredentialResponse.EvaluatedMessage = bad },
			"key share":         func(m *wire.OpaqueKe2) { m.AuthResponse.ServerPublicKeyshare = bad },
			"server public key": func(m *wire.OpaqueKe2) {
				// By a server that knows what the response is masked with.
				masked := &m.CredentialResponse.MaskedResponse
				for i, b := range w.server.keys.public {
					masked[i] ^= b ^ bad[i]
				}
			},
		} {
			login, ke1 := w.start(w.input)
			ke2, _ := w.respond(ke1)
			change(ke2)
			w.refuses(name+": "+field+" of ke2", login, ke2, w.ids, w.context)
		}
	}
}

// Elements of 31 bytes, and all messages that are too short or too long.
func TestAttack47Lengths(t *testing.T) {
	w := newWorld(t)
	_, ke1 := w.start(w.input)
	ke2, _ := w.respond(ke1)
	for _, test := range []struct {
		size int
		m    encoding.BinaryMarshaler
		into encoding.BinaryUnmarshaler
	}{
		{32, new(wire.OpaqueRequest), new(wire.OpaqueRequest)},
		{64, new(wire.OpaqueResponse), new(wire.OpaqueResponse)},
		{192, w.record, new(wire.OpaqueRecord)},
		{96, &w.record.Envelope, new(wire.OpaqueEnvelope)},
		{96, ke1, new(wire.OpaqueKe1)},
		{320, ke2, new(wire.OpaqueKe2)},
		{64, new(wire.OpaqueKe3), new(wire.OpaqueKe3)},
	} {
		good := mustEncode(t, test.m)
		if len(good) != test.size {
			t.Errorf("%T has %d bytes, want %d", test.m, len(good), test.size)
		}
		for n := range test.size {
			if err := test.into.UnmarshalBinary(good[:n]); err == nil {
				t.Errorf("%T is taken with %d bytes", test.m, n)
			}
		}
		if err := test.into.UnmarshalBinary(append(bytes.Clone(good), 0)); err == nil {
			t.Errorf("%T is taken with a byte behind it", test.m)
		}
	}
}

// "KE2: each field bit-flipped: fail before KE3 is sent".
func TestAttack48FlippedBits(t *testing.T) {
	w := newWorld(t)
	seed := make([]byte, 4096)
	rand.Read(seed)
	start := func() (*Login, *wire.OpaqueKe1) { // the same login each time
		login, ke1, err := StartLogin(bytes.NewReader(seed), w.input)
		if err != nil {
			t.Fatal(err)
		}
		return login, ke1
	}
	login, ke1 := start()
	ke2, _ := w.respond(ke1)
	good := mustEncode(t, ke2)
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		var changed wire.OpaqueKe2
		if err := changed.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		victim, _ := start()
		w.refuses(fmt.Sprintf("bit %d of byte %d", i%8, i), victim, &changed, w.ids, w.context)
	}
	if _, _, err := login.Finish(ke2, w.ids, w.context, w.stretch); err != nil {
		t.Errorf("the honest answer: %v", err)
	}
}

// The server's part of the same: a ke1 that was changed on the way fails at the client.
func TestAttack48FlippedKe1(t *testing.T) {
	w := newWorld(t)
	for i := range (&wire.OpaqueKe1{}).Size() {
		login, ke1 := w.start(w.input)
		b := mustEncode(t, ke1)
		b[i] ^= 1 << (i % 8)
		var changed wire.OpaqueKe1
		if err := changed.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		ke2, _, err := w.server.Respond(rand.Reader, w.record, w.user, w.ids, w.context, &changed)
		if err == ErrMessage {
			continue // no element any more
		}
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(fmt.Sprintf("byte %d", i), login, ke2, w.ids, w.context)
	}
}

// "KE1 of session 1 answered in session 2 (context differs): fail". And what belongs to
// another run of the same context fails, in both directions.
func TestAttack49OtherSession(t *testing.T) {
	w := newWorld(t)
	login1, ke1 := w.start(w.input)
	ke2, _, err := w.server.Respond(rand.Reader, w.record, w.user, w.ids, []byte("another connection"), ke1)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses("answered in another session", login1, ke2, w.ids, w.context)

	login2, ke1 := w.start(w.input)
	ke2, _ = w.respond(ke1)
	w.refuses("no context", login2, ke2, w.ids, nil)

	login3, _ := w.start(w.input)
	_, ke1 = w.start(w.input)
	ke2, _ = w.respond(ke1)
	w.refuses("the answer to another ke1", login3, ke2, w.ids, w.context)

	login4, ke1 := w.start(w.input)
	ke2, _ = w.respond(ke1)
	_, again := w.respond(ke1) // the same ke1 a second time
	ke3, _, err := login4.Finish(ke2, w.ids, w.context, w.stretch)
	if err != nil {
		t.Fatal(err)
	}
	if session, err := again.Finish(ke3); err != ErrProof || session != [64]byte{} {
		t.Errorf("a proof for one answer serves another: error %v", err)
	}
}

// "KE3 missing: counted as failed guess": without a proof a server has nothing, and a
// second try at one answer is none. Who counts is the caller.
func TestAttack50NoProofNoKey(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*wire.OpaqueKe3){
		"zeros":     func(m *wire.OpaqueKe3) { *m = wire.OpaqueKe3{} },
		"first bit": func(m *wire.OpaqueKe3) { m.ClientMac[0] ^= 1 },
		"last bit":  func(m *wire.OpaqueKe3) { m.ClientMac[63] ^= 0x80 },
	} {
		login, ke1 := w.start(w.input)
		ke2, pending := w.respond(ke1)
		ke3, _, err := login.Finish(ke2, w.ids, w.context, w.stretch)
		if err != nil {
			t.Fatal(err)
		}
		bad := *ke3
		change(&bad)
		for _, try := range []*wire.OpaqueKe3{&bad, ke3, new(wire.OpaqueKe3)} { // zeros are what Clear leaves
			if session, err := pending.Finish(try); err != ErrProof || session != [64]byte{} {
				t.Errorf("%s: error %v, want %v", name, err, ErrProof)
			}
		}
	}
	// The server's own MAC, which a client without the password has seen.
	_, ke1 := w.start(w.input)
	ke2, pending := w.respond(ke1)
	if _, err := pending.Finish(&wire.OpaqueKe3{ClientMac: ke2.AuthResponse.ServerMac}); err != ErrProof {
		t.Errorf("reflected: error %v, want %v", err, ErrProof)
	}
}

// "Registration replay, with other's session": what was registered for one user at one
// server serves no other, and a registration ends with its first response.
func TestAttack51RegistrationOfAnother(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	for name, respond := range map[string]func(*wire.OpaqueKe1) (*wire.OpaqueKe2, *Pending, error){
		"as another user": func(ke1 *wire.OpaqueKe1) (*wire.OpaqueKe2, *Pending, error) {
			return w.server.Respond(rand.Reader, w.record, []byte("bob"), w.ids, w.context, ke1)
		},
		"at another server": func(ke1 *wire.OpaqueKe1) (*wire.OpaqueKe2, *Pending, error) {
			return other.server.Respond(rand.Reader, w.record, w.user, w.ids, w.context, ke1)
		},
	} {
		login, ke1 := w.start(w.input)
		ke2, _, err := respond(ke1)
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(name, login, ke2, w.ids, w.context)
	}

	registration, request, err := StartRegistration(rand.Reader, w.input)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.server.Register(request, w.user)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := registration.Finish(rand.Reader, response, w.ids, w.stretch); err != nil {
		t.Fatal(err)
	}
	if record, keys, err := registration.Finish(rand.Reader, response, w.ids, w.stretch); err == nil || record != nil || keys != nil {
		t.Error("a registration took two responses")
	}

	// The response to another's request gives a record that no login opens.
	registration, _, err = StartRegistration(rand.Reader, w.input)
	if err != nil {
		t.Fatal(err)
	}
	record, _, err := registration.Finish(rand.Reader, response, w.ids, w.stretch)
	if err != nil {
		t.Fatal(err)
	}
	login, ke1 := w.start(w.input)
	ke2, _, err := w.server.Respond(rand.Reader, record, w.user, w.ids, w.context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses("another's response", login, ke2, w.ids, w.context)
}

// "server_identity/client_identity swapped: MAC fails", on one side or on both, and
// also where the bytes of both together are the same.
func TestAttack52Identities(t *testing.T) {
	w := newWorld(t)
	bad := map[string]Identities{
		"swapped":        {Client: w.ids.Server, Server: w.ids.Client},
		"another client": {Client: []byte("alicf"), Server: w.ids.Server},
		"another server": {Client: w.ids.Client, Server: []byte("servex")},
		"shifted":        {Client: []byte("alices"), Server: []byte("erver")},
		"none":           {},
	}
	for name, ids := range bad {
		login, ke1 := w.start(w.input)
		ke2, _ := w.respond(ke1)
		w.refuses(name+" at the client", login, ke2, ids, w.context)

		login, ke1 = w.start(w.input)
		ke2, _, err := w.server.Respond(rand.Reader, w.record, w.user, ids, w.context, ke1)
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(name+" at the server", login, ke2, w.ids, w.context)

		login, ke1 = w.start(w.input)
		if ke2, _, err = w.server.Respond(rand.Reader, w.record, w.user, ids, w.context, ke1); err != nil {
			t.Fatal(err)
		}
		w.refuses(name+" at both", login, ke2, ids, w.context) // the record says otherwise
	}
}

// A server without its private key, or with another, isn't believed, though it has
// all else: the seed and the record.
func TestServerWithoutItsKey(t *testing.T) {
	w := newWorld(t)
	secrets, err := GenerateSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secrets.OprfSeed = w.server.seed
	thief, err := NewServer(secrets)
	if err != nil {
		t.Fatal(err)
	}
	login, ke1 := w.start(w.input)
	ke2, _, err := thief.Respond(rand.Reader, w.record, w.user, w.ids, w.context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	w.refuses("its own public key", login, ke2, w.ids, w.context)

	thief.keys.public = w.server.keys.public
	login, ke1 = w.start(w.input)
	if ke2, _, err = thief.Respond(rand.Reader, w.record, w.user, w.ids, w.context, ke1); err != nil {
		t.Fatal(err)
	}
	w.refuses("the server's public key", login, ke2, w.ids, w.context)
}
