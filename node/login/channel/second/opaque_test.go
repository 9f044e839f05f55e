package second

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"errors"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/cryptobyte"
)

// The client of OPAQUE-3DH with ristretto255-SHA512, RFC 9807.

const (
	opaqueRecordLen = 192
	ke1Len          = 96
	ke2Len          = 320
	ke3Len          = 64
)

var errPassword = errors.New("wrong password, or somebody in between")

func expand512(prk []byte, info []byte, n int) []byte {
	return must(hkdf.Expand(sha512.New, prk, string(info), n))
}

func extract512(ikm []byte) []byte { return must(hkdf.Extract(sha512.New, ikm, nil)) }

func mac512(key, body []byte) []byte {
	m := hmac.New(sha512.New, key)
	m.Write(body)
	return m.Sum(nil)
}

// An akeKey is a pair of the group.
type akeKey struct {
	private group.Scalar
	public  []byte
}

func deriveAke(seed []byte) akeKey {
	k := must(oprf.DeriveKey(oprf.SuiteRistretto255, oprf.BaseMode, seed, []byte("OPAQUE-DeriveDiffieHellmanKeyPair")))
	private := group.Ristretto255.NewScalar()
	if err := private.UnmarshalBinary(must(k.MarshalBinary())); err != nil {
		panic(err)
	}
	return akeKey{private, must(k.Public().MarshalBinary())}
}

// element decodes an OpaqueElement.
func element(b []byte) (group.Element, error) {
	e := group.Ristretto255.NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	if e.IsIdentity() {
		return nil, errors.New("the identity of the group")
	}
	return e, nil
}

func (k akeKey) dh(public []byte) ([]byte, error) {
	e, err := element(public)
	if err != nil {
		return nil, err
	}
	return e.Mul(e, k.private).MarshalBinaryCompress()
}

// A blinded is a password on its way through the OPRF.
type blinded struct {
	client, server []byte // identities
	state          *oprf.FinalizeData
	message        []byte
}

func blind(password, client, server []byte) *blinded {
	input := cat(long(server), long(client), short(password))
	state, req, err := oprf.NewClient(oprf.SuiteRistretto255).Blind([][]byte{input})
	if err != nil {
		panic(err)
	}
	return &blinded{client, server, state, must(req.Elements[0].MarshalBinaryCompress())}
}

// A randomized is the randomized password, from which all else comes.
type randomized []byte

func (b *blinded) finish(evaluated []byte) (randomized, error) {
	e, err := element(evaluated)
	if err != nil {
		return nil, err
	}
	out, err := oprf.NewClient(oprf.SuiteRistretto255).Finalize(b.state, &oprf.Evaluation{Elements: []oprf.Evaluated{e}})
	if err != nil {
		return nil, err
	}
	stretched := argon2.IDKey(out[0], make([]byte, 16), 3, 64<<10, 4, 64)
	return extract512(cat(out[0], stretched)), nil
}

func (r randomized) maskingKey() []byte { return expand512(r, []byte("MaskingKey"), 64) }

func (r randomized) withNonce(nonce []byte, name string, n int) []byte {
	return expand512(r, cat(nonce, []byte(name)), n)
}

func (r randomized) exportKey(nonce []byte) []byte { return r.withNonce(nonce, "ExportKey", 64) }

// authTag is that of the envelope.
func (b *blinded) authTag(r randomized, nonce, serverPublic []byte) []byte {
	credentials := cat(serverPublic, long(b.server), long(b.client))
	return mac512(r.withNonce(nonce, "AuthKey", 64), cat(nonce, credentials))
}

// register answers an OpaqueResponse with the OpaqueRecord.
func (b *blinded) register(response []byte) (record, exportKey []byte, err error) {
	s := cryptobyte.String(response)
	var evaluated, serverPublic []byte
	if !s.ReadBytes(&evaluated, 32) || !s.ReadBytes(&serverPublic, 32) || !s.Empty() {
		return nil, nil, errDecode
	}
	r, err := b.finish(evaluated)
	if err != nil {
		return nil, nil, err
	}
	nonce := random(32)
	public := deriveAke(r.withNonce(nonce, "PrivateKey", 32)).public
	return cat(public, r.maskingKey(), nonce, b.authTag(r, nonce, serverPublic)), r.exportKey(nonce), nil
}

// An opaqueLogin is one on its way.
type opaqueLogin struct {
	*blinded
	share akeKey
	ke1   []byte
}

func startOpaque(password, client, server []byte) *opaqueLogin {
	l := &opaqueLogin{blinded: blind(password, client, server), share: deriveAke(random(32))}
	l.ke1 = cat(l.message, random(32), l.share.public)
	return l
}

// opaqueLabel is the info of Expand in the key schedule.
func opaqueLabel(name string, context []byte) []byte {
	return cat(u16(64), short("OPAQUE-"+name), short(context))
}

// macKeys are Km2 and Km3.
func macKeys(preamble, dh1, dh2, dh3 []byte) (km2, km3 []byte) {
	agreed := sha512.Sum512(preamble)
	secret := expand512(extract512(cat(dh1, dh2, dh3)), opaqueLabel("HandshakeSecret", agreed[:]), 64)
	return expand512(secret, opaqueLabel("ServerMAC", nil), 64), expand512(secret, opaqueLabel("ClientMAC", nil), 64)
}

// finish answers a ke2 with ke3.
func (l *opaqueLogin) finish(context, ke2 []byte) (ke3, exportKey []byte, err error) {
	s := cryptobyte.String(ke2)
	var response, evaluated, maskingNonce, masked, serverNonce, serverShare, serverMac []byte
	if !s.ReadBytes(&response, 192) || !s.ReadBytes(&serverNonce, 32) || !s.ReadBytes(&serverShare, 32) || !s.ReadBytes(&serverMac, 64) || !s.Empty() {
		return nil, nil, errDecode
	}
	s = response
	if !s.ReadBytes(&evaluated, 32) || !s.ReadBytes(&maskingNonce, 32) || !s.ReadBytes(&masked, 128) {
		return nil, nil, errDecode
	}
	r, err := l.blinded.finish(evaluated)
	if err != nil {
		return nil, nil, err
	}
	credentials := make([]byte, 128)
	subtle.XORBytes(credentials, masked, expand512(r.maskingKey(), cat(maskingNonce, []byte("CredentialResponsePad")), 128))
	serverPublic, nonce, tag := credentials[:32], credentials[32:64], credentials[64:]
	if subtle.ConstantTimeCompare(tag, l.authTag(r, nonce, serverPublic)) != 1 {
		return nil, nil, errPassword
	}
	own := deriveAke(r.withNonce(nonce, "PrivateKey", 32))

	dh1, err1 := l.share.dh(serverShare)
	dh2, err2 := l.share.dh(serverPublic)
	dh3, err3 := own.dh(serverShare)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	preamble := cat([]byte("OPAQUEv1-"), long(context), long(l.client), l.ke1, long(l.server), response, serverNonce, serverShare)
	km2, km3 := macKeys(preamble, dh1, dh2, dh3)
	agreed := sha512.Sum512(preamble)
	if subtle.ConstantTimeCompare(serverMac, mac512(km2, agreed[:])) != 1 {
		return nil, nil, errPassword
	}
	all := sha512.Sum512(cat(preamble, serverMac))
	return mac512(km3, all[:]), r.exportKey(nonce), nil
}
