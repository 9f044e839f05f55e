package opaque

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"sotto/node/keys"
	"sotto/wire"
)

// A Stretch is the cost of a guess at a password of a stolen record.
type Stretch = keys.Stretch

// A blinded is the client's side of one run of the OPRF. It serves once.
type blinded struct {
	password []byte // a copy, which data refers to
	blind    group.Scalar
	data     *oprf.FinalizeData
}

func blind(random io.Reader, password []byte) (*blinded, wire.OpaqueElement, error) {
	scalar, err := randomScalar(random)
	if err != nil {
		return nil, wire.OpaqueElement{}, err
	}
	b := &blinded{password: append([]byte(nil), password...), blind: scalar}
	var request *oprf.EvaluationRequest
	b.data, request, err = oprf.NewClient(suite).DeterministicBlind([][]byte{b.password}, []oprf.Blind{scalar})
	if err != nil {
		b.clear()
		return nil, wire.OpaqueElement{}, fmt.Errorf("opaque: %w", err)
	}
	return b, encodeElement(request.Elements[0]), nil
}

func (b *blinded) clear() {
	clear(b.password)
	b.blind.SetUint64(0)
	b.data = nil
}

// finish ends the run of the OPRF with what the server answered.
func (b *blinded) finish(evaluated wire.OpaqueElement, stretch stretcher) (randomizedPassword, error) {
	if b.data == nil {
		return nil, errOver
	}
	defer b.clear()
	e, err := decodeElement(evaluated)
	if err != nil {
		return nil, err
	}
	outputs, err := oprf.NewClient(suite).Finalize(b.data, &oprf.Evaluation{Elements: []oprf.Evaluated{e}})
	if err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	defer clear(outputs[0])
	out := wire.OpaqueOutput{OprfOutput: hash(outputs[0])}
	out.Stretched = stretch(out.OprfOutput)
	defer func() { out = wire.OpaqueOutput{} }()
	ikm, err := encode(&out)
	if err != nil {
		return nil, err
	}
	defer clear(ikm)
	return extract(ikm), nil
}

// A stretcher is a key stretching function: that of a Stretch, and in the published
// vectors none.
type stretcher func(oprf [64]byte) [64]byte

// A Registration is the client's side of one registration.
type Registration struct{ *blinded }

// StartRegistration begins to register a password, which is an Input.
func StartRegistration(random io.Reader, password []byte) (*Registration, *wire.OpaqueRequest, error) {
	b, message, err := blind(random, password)
	if err != nil {
		return nil, nil, err
	}
	return &Registration{b}, &wire.OpaqueRequest{BlindedMessage: message}, nil
}

// String shows no secret.
func (r *Registration) String() string { return "opaque registration" }

// GoString keeps %#v from showing what String hides.
func (r *Registration) GoString() string { return r.String() }

// Clear overwrites the secrets of a registration that is given up.
func (r *Registration) Clear() { r.blinded.clear() }

// Finish makes the record for the server, and the keys. There is no session: Keys
// has only the export key. Whatever comes of it, the registration is over.
func (r *Registration) Finish(random io.Reader, response *wire.OpaqueResponse, ids Identities, stretch Stretch) (*wire.OpaqueRecord, *Keys, error) {
	return r.finish(random, response, ids, stretch.Output)
}

func (r *Registration) finish(random io.Reader, response *wire.OpaqueResponse, ids Identities, stretch stretcher) (*wire.OpaqueRecord, *Keys, error) {
	if _, err := decodeElement(response.ServerPublicKey); err != nil {
		r.Clear()
		return nil, nil, err
	}
	p, err := r.blinded.finish(response.EvaluatedMessage, stretch)
	if err != nil {
		return nil, nil, err
	}
	defer clear(p)
	record, v, err := p.seal(random, response.ServerPublicKey, ids)
	if err != nil {
		return nil, nil, err
	}
	defer v.clear()
	return record, &Keys{Export: v.export}, nil
}

// A Login is the client's side of one login.
type Login struct {
	*blinded
	ke1   wire.OpaqueKe1
	share *keyPair
}

// StartLogin begins a login with a password, which is an Input.
func StartLogin(random io.Reader, password []byte) (*Login, *wire.OpaqueKe1, error) {
	b, message, err := blind(random, password)
	if err != nil {
		return nil, nil, err
	}
	l := &Login{blinded: b}
	l.ke1.CredentialRequest.BlindedMessage = message
	request := &l.ke1.AuthRequest
	if l.share, request.ClientNonce, err = newShare(random); err != nil {
		b.clear()
		return nil, nil, err
	}
	request.ClientPublicKeyshare = l.share.public
	ke1 := l.ke1
	return l, &ke1, nil
}

// newShare draws a nonce and a key share: what each side adds to a run.
func newShare(random io.Reader) (*keyPair, [32]byte, error) {
	var nonce, seed [32]byte
	defer clear(seed[:])
	for _, b := range [][]byte{nonce[:], seed[:]} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, nonce, fmt.Errorf("opaque: %w", err)
		}
	}
	share, err := deriveKeyPair(seed[:])
	return share, nonce, err
}

// String shows no secret.
func (l *Login) String() string { return "opaque login" }

// GoString keeps %#v from showing what String hides.
func (l *Login) GoString() string { return l.String() }

// Clear overwrites the secrets of a login that is given up.
func (l *Login) Clear() {
	l.blinded.clear()
	l.share.clear()
}

// Finish takes the server's answer and makes the proof for it, and the keys. It
// returns ErrPassword if the password is wrong or anything else about the answer is:
// then there is no proof that could be sent. Whatever comes of it, the login is over.
//
// It fails as early as it can. From when it failed, the server that sent the answer
// learns no more than it knew of its answer.
func (l *Login) Finish(ke2 *wire.OpaqueKe2, ids Identities, context []byte, stretch Stretch) (*wire.OpaqueKe3, *Keys, error) {
	return l.finish(ke2, ids, context, stretch.Output)
}

func (l *Login) finish(ke2 *wire.OpaqueKe2, ids Identities, context []byte, stretch stretcher) (*wire.OpaqueKe3, *Keys, error) {
	defer l.Clear()
	p, err := l.blinded.finish(ke2.CredentialResponse.EvaluatedMessage, stretch)
	if err != nil {
		return nil, nil, asPassword(err)
	}
	defer clear(p)
	v, server, err := p.open(&ke2.CredentialResponse, ids)
	if err != nil {
		return nil, nil, asPassword(err)
	}
	defer v.clear()
	dh, err := l.dh(v.keys, server, ke2.AuthResponse.ServerPublicKeyshare)
	if err != nil {
		return nil, nil, asPassword(err)
	}
	s, err := newSchedule(dh, preamble(ids.orKeys(v.keys.public, server), context, &l.ke1, ke2))
	if err != nil {
		return nil, nil, err
	}
	defer s.clear()
	if !hmac.Equal(s.serverMAC[:], ke2.AuthResponse.ServerMac[:]) {
		return nil, nil, ErrPassword
	}
	return &wire.OpaqueKe3{ClientMac: s.clientMAC}, &Keys{Session: s.session, Export: v.export}, nil
}

// dh is the client's half of 3DH.
func (l *Login) dh(mine *keyPair, server, share wire.OpaqueElement) (*wire.OpaqueDh, error) {
	theirs, err := decodeElement(server)
	if err != nil {
		return nil, err
	}
	theirShare, err := decodeElement(share)
	if err != nil {
		return nil, err
	}
	return &wire.OpaqueDh{Dh1: l.share.dh(theirShare), Dh2: l.share.dh(theirs), Dh3: mine.dh(theirShare)}, nil
}

// asPassword hides from the user, and from who watches him, which of the two it was.
func asPassword(err error) error {
	if errors.Is(err, ErrMessage) {
		return ErrPassword
	}
	return err
}
