package opaque

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"

	"sotto/wire"
)

// rfc9807 are the vectors of RFC 9807 appendix C, which lie beside the checkout on
// some machines.
const rfc9807 = "../../../../shared/security-vectors/opaque/rfc9807_vectors.json"

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// A vector has what one of them gives, under the names of the RFC.
type vector struct {
	Config                         map[string]string
	Inputs, Intermediates, Outputs map[string]hexBytes
}

// ours are the vectors of our configuration. The others have another group for 3DH or
// for everything.
func ours(t *testing.T, fake string) []vector {
	t.Helper()
	b, err := os.ReadFile(rfc9807)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the vectors are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	var all, found []vector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Config["OPRF"] == "ristretto255-SHA512" && v.Config["Group"] == "ristretto255" && v.Config["Fake"] == fake {
			found = append(found, v)
		}
	}
	return found
}

func (v *vector) server(t *testing.T) *Server {
	t.Helper()
	s, err := NewServer(&ServerSecrets{
		OprfSeed: hash(v.Inputs["oprf_seed"]), PrivateKey: [32]byte(v.Inputs["server_private_key"]),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (v *vector) ids() Identities {
	return Identities{Client: v.Inputs["client_identity"], Server: v.Inputs["server_identity"]}
}

func (v *vector) context(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Config["Context"])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// random gives these inputs, in this order, as the random bytes.
func (v *vector) random(names ...string) *bytes.Buffer {
	b := new(bytes.Buffer)
	for _, name := range names {
		b.Write(v.Inputs[name])
	}
	return b
}

// A checker compares values with those of a vector, and notes that it did.
type checker struct {
	t    *testing.T
	v    *vector
	seen map[string]bool
}

func (c *checker) is(name string, got []byte) {
	c.t.Helper()
	want, ok := c.v.Outputs[name]
	if !ok {
		want, ok = c.v.Intermediates[name]
	}
	if !ok {
		want, ok = c.v.Inputs[name]
	}
	if !ok || !bytes.Equal(got, want) {
		c.t.Errorf("%s = %x, want %x", name, got, []byte(want))
	}
	c.seen[name] = true
}

func (c *checker) message(name string, m encoding.BinaryMarshaler) {
	c.t.Helper()
	c.is(name, mustEncode(c.t, m))
}

// all fails for every output and intermediate value that was not compared.
func (c *checker) all() {
	for _, values := range []map[string]hexBytes{c.v.Outputs, c.v.Intermediates} {
		for name := range values {
			if !c.seen[name] {
				c.t.Errorf("%s was not compared", name)
			}
		}
	}
}

func mustEncode(t testing.TB, m encoding.BinaryMarshaler) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// identity is the key stretching function of the vectors.
func identity(oprf [64]byte) [64]byte { return oprf }

// Registration and login give each output and each intermediate value of the RFC.
func TestRFC9807Real(t *testing.T) {
	vectors := ours(t, "False")
	if len(vectors) != 2 {
		t.Fatalf("%d vectors, want 2", len(vectors))
	}
	for _, v := range vectors {
		c := &checker{t, &v, make(map[string]bool)}
		s, password, id, ids := v.server(t), v.Inputs["password"], v.Inputs["credential_identifier"], v.ids()
		public := s.PublicKey()
		c.is("server_public_key", public[:])

		registration, request, err := StartRegistration(v.random("blind_registration"), password)
		if err != nil {
			t.Fatal(err)
		}
		c.message("registration_request", request)
		response, err := s.Register(request, id)
		if err != nil {
			t.Fatal(err)
		}
		c.message("registration_response", response)
		record, keys, err := registration.finish(v.random("envelope_nonce"), response, ids, identity)
		if err != nil {
			t.Fatal(err)
		}
		c.message("registration_upload", record)
		c.is("export_key", keys.Export[:])
		c.is("client_public_key", record.ClientPublicKey[:])
		c.is("masking_key", record.MaskingKey[:])
		c.message("envelope", &record.Envelope)

		login, ke1, err := StartLogin(v.random("blind_login", "client_nonce", "client_keyshare_seed"), password)
		if err != nil {
			t.Fatal(err)
		}
		c.message("KE1", ke1)
		ke2, pending, err := s.Respond(v.random("masking_nonce", "server_nonce", "server_keyshare_seed"), record, id, ids, v.context(t), ke1)
		if err != nil {
			t.Fatal(err)
		}
		c.message("KE2", ke2)
		for name, b := range v.inside(t, s, ke2) {
			c.is(name, b)
		}
		ke3, keys, err := login.finish(ke2, ids, v.context(t), identity)
		if err != nil {
			t.Fatal(err)
		}
		c.message("KE3", ke3)
		c.is("session_key", keys.Session[:])
		c.is("export_key", keys.Export[:])
		session, err := pending.Finish(ke3)
		if err != nil {
			t.Fatal(err)
		}
		c.is("session_key", session[:])
		c.all()
	}
}

// inside makes the values again that both sides clear: it runs the same login with the
// steps that the package has inside.
func (v *vector) inside(t *testing.T, s *Server, ke2 *wire.OpaqueKe2) map[string][]byte {
	t.Helper()
	oprfKey, err := s.oprfKey(v.Inputs["credential_identifier"])
	if err != nil {
		t.Fatal(err)
	}
	login, _, err := StartLogin(v.random("blind_login", "client_nonce", "client_keyshare_seed"), v.Inputs["password"])
	if err != nil {
		t.Fatal(err)
	}
	p, err := login.blinded.finish(ke2.CredentialResponse.EvaluatedMessage, identity)
	if err != nil {
		t.Fatal(err)
	}
	box, server, err := p.open(&ke2.CredentialResponse, v.ids())
	if err != nil {
		t.Fatal(err)
	}
	dh, err := login.dh(box.keys, server, ke2.AuthResponse.ServerPublicKeyshare)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := newSchedule(dh, preamble(v.ids().orKeys(box.keys.public, server), v.context(t), &login.ke1, ke2))
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"oprf_key": mustEncode(t, oprfKey), "randomized_password": p, "auth_key": box.auth[:],
		"handshake_secret": keys.handshake[:], "server_mac_key": keys.server[:], "client_mac_key": keys.client[:],
	}
}

// The answer for a user who doesn't exist, with the fake record that the RFC gives.
func TestRFC9807Fake(t *testing.T) {
	vectors := ours(t, "True")
	if len(vectors) != 1 {
		t.Fatalf("%d vectors, want 1", len(vectors))
	}
	for _, v := range vectors {
		c := &checker{t, &v, make(map[string]bool)}
		var ke1 wire.OpaqueKe1
		if err := ke1.UnmarshalBinary(v.Inputs["KE1"]); err != nil {
			t.Fatal(err)
		}
		fake := &wire.OpaqueRecord{
			ClientPublicKey: wire.OpaqueElement(v.Inputs["client_public_key"]), MaskingKey: hash(v.Inputs["masking_key"]),
		}
		s := v.server(t)
		public := s.PublicKey()
		c.is("server_public_key", public[:])
		ke2, pending, err := s.Respond(v.random("masking_nonce", "server_nonce", "server_keyshare_seed"), fake,
			v.Inputs["credential_identifier"], v.ids(), v.context(t), &ke1)
		if err != nil {
			t.Fatal(err)
		}
		c.message("KE2", ke2)
		c.all()
		if _, err := pending.Finish(new(wire.OpaqueKe3)); err != ErrProof {
			t.Errorf("error = %v, want %v", err, ErrProof)
		}
	}
}
