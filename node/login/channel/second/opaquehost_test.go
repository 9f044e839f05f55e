package second

import (
	"crypto/sha512"
	"crypto/subtle"
	"errors"

	"github.com/cloudflare/circl/oprf"
)

// An opaqueHost is the server of OPAQUE.
type opaqueHost struct {
	seed []byte
	key  akeKey
}

func newOpaqueHost() *opaqueHost { return &opaqueHost{random(64), deriveAke(random(32))} }

// evaluate answers a blinded message for a credential identifier.
func (h *opaqueHost) evaluate(credential, message []byte) ([]byte, error) {
	seed := expand512(h.seed, cat(credential, []byte("OprfKey")), 32)
	key := must(oprf.DeriveKey(oprf.SuiteRistretto255, oprf.BaseMode, seed, []byte("OPAQUE-DeriveKeyPair")))
	e, err := element(message)
	if err != nil {
		return nil, err
	}
	out, err := oprf.NewServer(oprf.SuiteRistretto255, key).Evaluate(&oprf.EvaluationRequest{Elements: []oprf.Blinded{e}})
	if err != nil {
		return nil, err
	}
	return out.Elements[0].MarshalBinaryCompress()
}

// respond answers an OpaqueRequest.
func (h *opaqueHost) respond(credential, request []byte) ([]byte, error) {
	evaluated, err := h.evaluate(credential, request)
	return cat(evaluated, h.key.public), err
}

// fake is the OpaqueRecord of a user who doesn't exist.
func (h *opaqueHost) fake(credential []byte) []byte {
	masking := expand512(h.seed, cat(credential, []byte("FakeKey")), 64)
	public := deriveAke(expand512(h.seed, []byte("FakePub"), 32)).public
	return cat(public, masking, make([]byte, 96))
}

// answer makes ke2, and the ke3 that is to come.
func (h *opaqueHost) answer(record, client, server, context, ke1 []byte) (ke2, ke3 []byte, err error) {
	evaluated, err := h.evaluate(client, ke1[:32])
	if err != nil {
		return nil, nil, err
	}
	clientPublic, maskingKey, envelope := record[:32], record[32:96], record[96:]
	nonce := random(32)
	masked := cat(h.key.public, envelope)
	subtle.XORBytes(masked, masked, expand512(maskingKey, cat(nonce, []byte("CredentialResponsePad")), 128))
	response := cat(evaluated, nonce, masked)

	clientShare, serverNonce, share := ke1[64:], random(32), deriveAke(random(32))
	dh1, err1 := share.dh(clientShare)
	dh2, err2 := h.key.dh(clientShare)
	dh3, err3 := share.dh(clientPublic)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	preamble := cat([]byte("OPAQUEv1-"), long(context), long(client), ke1, long(server), response, serverNonce, share.public)
	km2, km3 := macKeys(preamble, dh1, dh2, dh3)
	agreed := sha512.Sum512(preamble)
	serverMac := mac512(km2, agreed[:])
	all := sha512.Sum512(cat(preamble, serverMac))
	return cat(response, serverNonce, share.public, serverMac), mac512(km3, all[:]), nil
}
