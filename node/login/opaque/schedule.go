package opaque

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"encoding"

	"sotto/wire"
)

// labels of RFC 9807 section 6.4.2, each used in one place.
const (
	labelHandshake = "OPAQUE-HandshakeSecret"
	labelSession   = "OPAQUE-SessionKey"
	labelServerMAC = "OPAQUE-ServerMAC"
	labelClientMAC = "OPAQUE-ClientMAC"
)

// A hash is as long as everything that is derived, but seeds.
type hash = [sha512.Size]byte

// encode encodes a struct of ours. It fails only for identities and contexts that
// are too long.
func encode(m encoding.BinaryMarshaler) ([]byte, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, errWire
	}
	return b, nil
}

func extract(secret []byte) []byte {
	prk, err := hkdf.Extract(sha512.New, secret, nil)
	if err != nil {
		panic("opaque: " + err.Error()) // only where a FIPS mode refuses short secrets: ours have 96 bytes and more
	}
	return prk
}

// expand fills out with HKDF-Expand under an info.
func expand(prk, info, out []byte) {
	b, err := hkdf.Expand(sha512.New, prk, string(info), len(out))
	if err != nil {
		panic("opaque: " + err.Error()) // more than 255 hashes wanted: nobody asks for that much
	}
	copy(out, b)
	clear(b)
}

func mac(key *hash, msg []byte) hash {
	h := hmac.New(sha512.New, key[:])
	h.Write(msg)
	return hash(h.Sum(nil))
}

// deriveSecret is Derive-Secret: one more key of the run.
func deriveSecret(prk []byte, label string, context []byte, out *hash) error {
	info, err := encode(&wire.OpaqueLabel{Length: uint16(len(out)), Label: []byte(label), Context: context})
	if err != nil {
		return err
	}
	expand(prk, info, out[:])
	return nil
}

// A schedule is what both sides derive of one run.
type schedule struct {
	handshake hash
	server    hash // Km2, the key of the server's MAC
	client    hash // Km3, the key of the client's
	session   hash

	serverMAC, clientMAC hash
}

// newSchedule derives all of it, and clears dh. Who takes clientMAC to send it has to have compared
// serverMAC before.
func newSchedule(dh *wire.OpaqueDh, preamble *wire.OpaquePreamble) (*schedule, error) {
	ikm, err := encode(dh)
	if err != nil {
		return nil, err
	}
	defer clear(ikm)
	*dh = wire.OpaqueDh{}
	b, err := encode(preamble)
	if err != nil {
		return nil, err
	}
	prk, hashed, s := extract(ikm), sha512.Sum512(b), new(schedule)
	defer clear(prk)
	for _, key := range []struct {
		of      []byte
		label   string
		context []byte
		out     *hash
	}{
		{prk, labelHandshake, hashed[:], &s.handshake},
		{prk, labelSession, hashed[:], &s.session},
		{s.handshake[:], labelServerMAC, nil, &s.server},
		{s.handshake[:], labelClientMAC, nil, &s.client},
	} {
		if err := deriveSecret(key.of, key.label, key.context, key.out); err != nil {
			return nil, err
		}
	}
	s.serverMAC = mac(&s.server, hashed[:])
	b, err = encode(&wire.OpaqueTranscript{Preamble: *preamble, ServerMac: s.serverMAC})
	if err != nil {
		return nil, err
	}
	hashed = sha512.Sum512(b)
	s.clientMAC = mac(&s.client, hashed[:])
	return s, nil
}

// preamble is what both sides must agree on. Of ke2 all counts but the MAC.
func preamble(ids Identities, context []byte, ke1 *wire.OpaqueKe1, ke2 *wire.OpaqueKe2) *wire.OpaquePreamble {
	return &wire.OpaquePreamble{
		Context:              context,
		ClientIdentity:       ids.Client,
		Ke1:                  *ke1,
		ServerIdentity:       ids.Server,
		CredentialResponse:   ke2.CredentialResponse,
		ServerNonce:          ke2.AuthResponse.ServerNonce,
		ServerPublicKeyshare: ke2.AuthResponse.ServerPublicKeyshare,
	}
}

func (s *schedule) clear() { *s = schedule{} }
