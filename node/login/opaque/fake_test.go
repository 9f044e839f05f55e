package opaque

import (
	"crypto/rand"
	"testing"

	"sotto/wire"
)

// Two asks for a user who doesn't exist agree, also after a restart; two users, and two
// servers, share nothing but a server's one public key for all of them.
func TestFakeRecords(t *testing.T) {
	w := newWorld(t)
	secrets, err := GenerateSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fake := func(user string) wire.OpaqueRecord {
		server, err := NewServer(secrets) // a restart
		if err != nil {
			t.Fatal(err)
		}
		r, err := server.choose(nil, []byte(user))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckRecord(r); err != nil {
			t.Error(err)
		}
		return *r
	}
	first, again, other := fake("nobody"), fake("nobody"), fake("nobodz")
	if first != again {
		t.Error("two asks for a user who doesn't exist don't agree")
	}
	if first.MaskingKey == other.MaskingKey || first.MaskingKey == (hash{}) {
		t.Error("two users who don't exist share a masking key")
	}
	elsewhere, err := w.server.choose(nil, []byte("nobody"))
	if err != nil {
		t.Fatal(err)
	}
	if first.MaskingKey == elsewhere.MaskingKey || first.ClientPublicKey == elsewhere.ClientPublicKey {
		t.Error("two servers share fake records")
	}
	if real, err := w.server.choose(w.record, w.user); err != nil || *real != *w.record {
		t.Errorf("a record isn't taken as it is: %v", err)
	}
}

// The OPRF answers a user who doesn't exist as it always does: with one key for a name,
// and with the key that he would be registered under.
func TestFakeOprf(t *testing.T) {
	w := newWorld(t)
	_, ke1 := w.start(w.input)
	answer := func(record *wire.OpaqueRecord) wire.OpaqueElement {
		ke2, _, err := w.server.Respond(rand.Reader, record, w.user, w.ids, w.context, ke1)
		if err != nil {
			t.Fatal(err)
		}
		return ke2.CredentialResponse.EvaluatedMessage
	}
	if answer(nil) != answer(nil) || answer(nil) != answer(w.record) {
		t.Error("the OPRF's key depends on whether the user exists")
	}
}

// Nobody logs in as a user who doesn't exist, whatever he proves.
func TestFakeNeverLogsIn(t *testing.T) {
	w := newWorld(t)
	login, ke1 := w.start(w.input)
	_, pending, err := w.server.Respond(rand.Reader, nil, w.user, w.ids, w.context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	real, _ := w.respond(ke1)
	ke3, _, err := login.Finish(real, w.ids, w.context, w.stretch)
	if err != nil {
		t.Fatal(err)
	}
	if session, err := pending.Finish(ke3); err != ErrProof || session != [64]byte{} {
		t.Errorf("error = %v, want %v", err, ErrProof)
	}
}
