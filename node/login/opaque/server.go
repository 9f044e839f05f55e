package opaque

import (
	"crypto/hmac"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"sotto/wire"
)

// Labels of what a server expands from its seed for a user.
const (
	labelOprfKey = "OprfKey"
	labelFakeKey = "FakeKey"
	labelFakePub = "FakePub"
)

// A Server answers registrations and logins. It keeps nothing of them and may be used by
// many goroutines.
type Server struct {
	seed hash
	keys *keyPair
	fake wire.OpaqueElement // the public key of all users who don't exist
}

// ServerSecrets are to be kept: without them no password of the server's users works
// any more.
type ServerSecrets struct {
	OprfSeed   [64]byte // what the users' OPRF keys come from
	PrivateKey [32]byte // a scalar
}

// GenerateSecrets draws the secrets of a new server.
func GenerateSecrets(random io.Reader) (*ServerSecrets, error) {
	s := new(ServerSecrets)
	if _, err := io.ReadFull(random, s.OprfSeed[:]); err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	private, err := randomScalar(random)
	if err != nil {
		return nil, err
	}
	defer private.SetUint64(0)
	b, err := private.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	defer clear(b)
	copy(s.PrivateKey[:], b)
	return s, nil
}

// Clear overwrites the secrets.
func (s *ServerSecrets) Clear() { *s = ServerSecrets{} }

// String shows no secret.
func (s *ServerSecrets) String() string { return "opaque server secrets" }

// GoString keeps %#v from showing what String hides.
func (s *ServerSecrets) GoString() string { return s.String() }

// NewServer checks the secrets of a server: ErrSecrets. It keeps a copy.
func NewServer(secrets *ServerSecrets) (*Server, error) {
	private, ok := decodeScalar(secrets.PrivateKey)
	if !ok || secrets.OprfSeed == (hash{}) {
		return nil, ErrSecrets
	}
	s := &Server{seed: secrets.OprfSeed, keys: newKeyPair(private)}
	var seed [32]byte
	defer clear(seed[:])
	if err := s.expand(nil, labelFakePub, seed[:]); err != nil {
		return nil, err
	}
	fake, err := deriveKeyPair(seed[:])
	if err != nil {
		return nil, err
	}
	fake.clear()
	s.fake = fake.public
	return s, nil
}

// PublicKey returns the server's public key, which its answers bring to clients.
func (s *Server) PublicKey() wire.OpaqueElement { return s.keys.public }

// String shows which server it is, and no secret.
func (s *Server) String() string { return fmt.Sprintf("opaque server %x", s.keys.public) }

// GoString keeps %#v from showing what String hides.
func (s *Server) GoString() string { return s.String() }

// Clear overwrites the secrets. The server can't be used any more.
func (s *Server) Clear() {
	clear(s.seed[:])
	s.keys.clear()
}

func (s *Server) expand(credentialID []byte, label string, out []byte) error {
	info, err := encode(&wire.OpaqueSeedInfo{CredentialIdentifier: credentialID, Label: [7]byte([]byte(label))})
	if err != nil {
		return err
	}
	expand(s.seed[:], info, out)
	return nil
}

// oprfKey is a user's key of the OPRF.
func (s *Server) oprfKey(credentialID []byte) (*oprf.PrivateKey, error) {
	var seed [32]byte
	defer clear(seed[:])
	if err := s.expand(credentialID, labelOprfKey, seed[:]); err != nil {
		return nil, err
	}
	key, err := oprf.DeriveKey(suite, oprf.BaseMode, seed[:], []byte("OPAQUE-DeriveKeyPair"))
	if err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	return key, nil
}

func evaluate(key *oprf.PrivateKey, blinded group.Element) (wire.OpaqueElement, error) {
	evaluation, err := oprf.NewServer(suite, key).Evaluate(&oprf.EvaluationRequest{Elements: []oprf.Blinded{blinded}})
	if err != nil {
		return wire.OpaqueElement{}, fmt.Errorf("opaque: %w", err)
	}
	return encodeElement(evaluation.Elements[0]), nil
}

// Register answers a registration. credentialID names the user for good: two users never
// share one, and it isn't used again for another.
func (s *Server) Register(request *wire.OpaqueRequest, credentialID []byte) (*wire.OpaqueResponse, error) {
	blinded, err := decodeElement(request.BlindedMessage)
	if err != nil {
		return nil, err
	}
	key, err := s.oprfKey(credentialID)
	if err != nil {
		return nil, err
	}
	evaluated, err := evaluate(key, blinded)
	if err != nil {
		return nil, err
	}
	return &wire.OpaqueResponse{EvaluatedMessage: evaluated, ServerPublicKey: s.keys.public}, nil
}

// CheckRecord checks what a client sent as its record before it is kept.
func CheckRecord(record *wire.OpaqueRecord) error {
	_, err := decodeElement(record.ClientPublicKey)
	return err
}

// Respond answers a login. record is the user's, or nil for a user who doesn't exist:
// then the answer is made in the same way of a fake record. Nothing that the peer sees
// or measures depends on which it was, up to here: who has no record can't prove
// anything to Pending.
//
// context is what both sides know of their connection and must agree on.
func (s *Server) Respond(random io.Reader, record *wire.OpaqueRecord, credentialID []byte, ids Identities, context []byte, ke1 *wire.OpaqueKe1) (*wire.OpaqueKe2, *Pending, error) {
	blinded, err := decodeElement(ke1.CredentialRequest.BlindedMessage)
	if err != nil {
		return nil, nil, err
	}
	theirShare, err := decodeElement(ke1.AuthRequest.ClientPublicKeyshare)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := s.choose(record, credentialID)
	if err != nil {
		return nil, nil, err
	}
	defer clear(chosen.MaskingKey[:])
	client, err := decodeElement(chosen.ClientPublicKey)
	if err != nil {
		return nil, nil, errRecord
	}

	ke2 := new(wire.OpaqueKe2)
	if err := s.respond(random, chosen, blinded, credentialID, &ke2.CredentialResponse); err != nil {
		return nil, nil, err
	}
	answer := &ke2.AuthResponse
	share, nonce, err := newShare(random)
	if err != nil {
		return nil, nil, err
	}
	defer share.clear()
	answer.ServerNonce, answer.ServerPublicKeyshare = nonce, share.public
	dh := &wire.OpaqueDh{Dh1: share.dh(theirShare), Dh2: s.keys.dh(theirShare), Dh3: share.dh(client)}
	keys, err := newSchedule(dh, preamble(ids.orKeys(chosen.ClientPublicKey, s.keys.public), context, ke1, ke2))
	if err != nil {
		return nil, nil, err
	}
	defer keys.clear()
	answer.ServerMac = keys.serverMAC
	return ke2, &Pending{expected: keys.clientMAC, session: keys.session}, nil
}

// respond masks what the record holds: CreateCredentialResponse.
func (s *Server) respond(random io.Reader, record *wire.OpaqueRecord, blinded group.Element, credentialID []byte, r *wire.OpaqueCredentialResponse) error {
	key, err := s.oprfKey(credentialID)
	if err != nil {
		return err
	}
	if r.EvaluatedMessage, err = evaluate(key, blinded); err != nil {
		return err
	}
	if _, err := io.ReadFull(random, r.MaskingNonce[:]); err != nil {
		return fmt.Errorf("opaque: %w", err)
	}
	plain, err := encode(&wire.OpaqueCredentials{ServerPublicKey: s.keys.public, Envelope: record.Envelope})
	if err != nil {
		return err
	}
	r.MaskedResponse, err = mask(&record.MaskingKey, r.MaskingNonce, [128]byte(plain))
	return err
}

// A Pending is a login that waits for the client's proof. It serves once.
type Pending struct {
	expected hash // the client's MAC
	session  hash
	over     bool
}

// String shows no secret.
func (p *Pending) String() string { return "opaque login that waits for its proof" }

// GoString keeps %#v from showing what String hides.
func (p *Pending) GoString() string { return p.String() }

// Clear overwrites the secrets of a login that is given up.
func (p *Pending) Clear() { *p = Pending{over: true} }

// Finish checks the proof and returns the session key, or ErrProof.
func (p *Pending) Finish(ke3 *wire.OpaqueKe3) (session [64]byte, err error) {
	defer p.Clear()
	if p.over || !hmac.Equal(p.expected[:], ke3.ClientMac[:]) {
		return hash{}, ErrProof
	}
	return p.session, nil
}
