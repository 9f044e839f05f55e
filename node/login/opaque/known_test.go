package opaque

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"flag"
	"os"
	"strconv"
	"testing"

	"golang.org/x/tools/txtar"

	"sotto/node/keys"
	"sotto/wire"
)

var update = flag.Bool("update", false, "write the known answers anew")

const knownFile = "testdata/known.txtar"

// numbered are random bytes that anybody can make: SHA-512 of "sotto 0", "sotto 1" and
// so on.
type numbered struct {
	n    int
	left []byte
}

func (r *numbered) Read(b []byte) (int, error) {
	if len(r.left) == 0 {
		block := sha512.Sum512([]byte("sotto " + strconv.Itoa(r.n)))
		r.n, r.left = r.n+1, block[:]
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

// TestKnownAnswers plays a registration, a login and a login of nobody as the default tier
// has them: with an OpaqueInput, with Argon2id and with our fake record, none of which is
// in the vectors of the RFC. Another implementation should come to the same.
func TestKnownAnswers(t *testing.T) {
	random := new(numbered)
	archive := &txtar.Archive{Comment: []byte(`Our own answers: a registration, a login and a login of a user who doesn't exist. All
random bytes come one after the other from SHA-512("sotto 0"), SHA-512("sotto 1") and so
on. A scalar is drawn as RFC 9497 section 4.7.1 has it, with the top three bits cleared.
TestKnownAnswers makes them; -update writes them anew.

`)}
	add := func(name string, b []byte) {
		var data bytes.Buffer
		for len(b) > 0 {
			n := min(len(b), 32)
			data.WriteString(hex.EncodeToString(b[:n]) + "\n")
			b = b[n:]
		}
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: data.Bytes()})
	}
	secrets, err := GenerateSecrets(random)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(secrets)
	if err != nil {
		t.Fatal(err)
	}
	add("oprf_seed", secrets.OprfSeed[:])
	add("server_private_key", secrets.PrivateKey[:])
	public := s.PublicKey()
	add("server_public_key", public[:])

	ids := Identities{Client: []byte("alice"), Server: []byte("server")}
	context, user := []byte("context"), []byte("alice")
	input, err := Input([]byte("cafe\u0301"), ids)
	if err != nil {
		t.Fatal(err)
	}
	add("client_identity", ids.Client)
	add("server_identity", ids.Server)
	add("credential_identifier", user)
	add("context", context)
	add("password in form NFD", []byte("cafe\u0301"))
	add("input", input)

	registration, request, err := StartRegistration(random, input)
	if err != nil {
		t.Fatal(err)
	}
	add("request", mustEncode(t, request))
	response, err := s.Register(request, user)
	if err != nil {
		t.Fatal(err)
	}
	add("response", mustEncode(t, response))
	var oprf, stretched hash
	record, registered, err := registration.finish(random, response, ids, func(o [64]byte) [64]byte {
		oprf, stretched = o, keys.Stretch{}.Output(o)
		return stretched
	})
	if err != nil {
		t.Fatal(err)
	}
	add("oprf_output", oprf[:])
	add("stretched", stretched[:])
	add("record", mustEncode(t, record))
	add("export_key", registered.Export[:])

	login, ke1, err := StartLogin(random, input)
	if err != nil {
		t.Fatal(err)
	}
	add("ke1", mustEncode(t, ke1))
	ke2, pending, err := s.Respond(random, record, user, ids, context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	add("ke2", mustEncode(t, ke2))
	ke3, mine, err := login.Finish(ke2, ids, context, Stretch{})
	if err != nil {
		t.Fatal(err)
	}
	add("ke3", mustEncode(t, ke3))
	session, err := pending.Finish(ke3)
	if err != nil {
		t.Fatal(err)
	}
	add("session_key", session[:])
	if session != mine.Session || registered.Export != mine.Export {
		t.Error("the two sides differ")
	}

	fake, err := s.choose(nil, []byte("nobody"))
	if err != nil {
		t.Fatal(err)
	}
	add("fake record of nobody", mustEncode(t, fake))
	nobody := Identities{Client: []byte("nobody"), Server: ids.Server}
	ke2, _, err = s.Respond(random, nil, []byte("nobody"), nobody, context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	add("ke2 for nobody, to the same ke1", mustEncode(t, ke2))

	if *update {
		if err := os.WriteFile(knownFile, txtar.Format(archive), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(knownFile)
	if err != nil {
		t.Fatal(err)
	}
	known := readVectors(t, "known.txtar")
	for _, f := range archive.Files {
		got, err := hex.DecodeString(string(bytes.ReplaceAll(f.Data, []byte("\n"), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, known[f.Name]) {
			t.Errorf("%s = %x, want %x", f.Name, got, known[f.Name])
		}
	}
	if !bytes.Equal(txtar.Format(archive), want) {
		t.Errorf("%s is not what this test writes; if that is meant, run: go test -run KnownAnswers -update", knownFile)
	}
}

// Respond and choose agree on what a fake record is: the answer to nobody unmasks to it.
func TestFakeAnswer(t *testing.T) {
	w := newWorld(t)
	_, ke1 := w.start(w.input)
	ke2, _, err := w.server.Respond(new(numbered), nil, []byte("nobody"), w.ids, w.context, ke1)
	if err != nil {
		t.Fatal(err)
	}
	fake, err := w.server.choose(nil, []byte("nobody"))
	if err != nil {
		t.Fatal(err)
	}
	r := &ke2.CredentialResponse
	plain, err := mask(&fake.MaskingKey, r.MaskingNonce, r.MaskedResponse)
	if err != nil {
		t.Fatal(err)
	}
	want := mustEncode(t, &wire.OpaqueCredentials{ServerPublicKey: w.server.PublicKey()})
	if !bytes.Equal(plain[:], want) {
		t.Errorf("the answer holds %x, want %x", plain, want)
	}
}
