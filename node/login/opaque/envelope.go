package opaque

import (
	"crypto/hmac"
	"crypto/subtle"
	"fmt"
	"io"

	"sotto/wire"
)

// Labels of RFC 9807 section 4.1 and 6.3.2, each used in one place.
const (
	labelMaskingKey = "MaskingKey"
	labelAuthKey    = "AuthKey"
	labelExportKey  = "ExportKey"
	labelPrivateKey = "PrivateKey"
	labelPad        = "CredentialResponsePad"
)

// expandNonce fills out with HKDF-Expand under a nonce and a label.
func expandNonce(prk []byte, nonce [32]byte, label string, out []byte) error {
	info, err := encode(&wire.OpaqueNonceInfo{Nonce: nonce, Label: []byte(label)})
	if err != nil {
		return err
	}
	expand(prk, info, out)
	return nil
}

// A randomizedPassword is what the OPRF and the stretching make of a password: a
// pseudorandom key, from which comes all that the client keeps at the server.
type randomizedPassword []byte

func (p randomizedPassword) maskingKey() (key hash) {
	expand(p, []byte(labelMaskingKey), key[:])
	return key
}

// A vault is what one nonce makes of a randomized password.
type vault struct {
	nonce        [32]byte
	auth, export hash
	keys         *keyPair // the client's
}

func (p randomizedPassword) vault(nonce [32]byte) (*vault, error) {
	v := &vault{nonce: nonce}
	var seed [32]byte
	defer clear(seed[:])
	for _, key := range []struct {
		label string
		out   []byte
	}{{labelAuthKey, v.auth[:]}, {labelExportKey, v.export[:]}, {labelPrivateKey, seed[:]}} {
		if err := expandNonce(p, nonce, key.label, key.out); err != nil {
			return nil, err
		}
	}
	var err error
	v.keys, err = deriveKeyPair(seed[:])
	return v, err
}

// envelope binds the client's keys to the server's and to both identities.
func (v *vault) envelope(server wire.OpaqueElement, ids Identities) (wire.OpaqueEnvelope, error) {
	ids = ids.orKeys(v.keys.public, server)
	b, err := encode(&wire.OpaqueEnvelopeInput{
		EnvelopeNonce: v.nonce,
		Credentials: wire.OpaqueCleartextCredentials{
			ServerPublicKey: server, ServerIdentity: ids.Server, ClientIdentity: ids.Client,
		},
	})
	if err != nil {
		return wire.OpaqueEnvelope{}, err
	}
	return wire.OpaqueEnvelope{EnvelopeNonce: v.nonce, AuthTag: mac(&v.auth, b)}, nil
}

func (v *vault) clear() {
	clear(v.auth[:])
	clear(v.export[:])
	v.keys.clear()
}

// seal makes the record of a new user, and the keys that belong to it.
func (p randomizedPassword) seal(random io.Reader, server wire.OpaqueElement, ids Identities) (*wire.OpaqueRecord, *vault, error) {
	var nonce [32]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return nil, nil, fmt.Errorf("opaque: %w", err)
	}
	v, err := p.vault(nonce)
	if err != nil {
		return nil, nil, err
	}
	envelope, err := v.envelope(server, ids)
	if err != nil {
		return nil, nil, err
	}
	return &wire.OpaqueRecord{ClientPublicKey: v.keys.public, MaskingKey: p.maskingKey(), Envelope: envelope}, v, nil
}

// open takes the client's keys, and the server's public key, out of a response. With
// another password than the record was made of, the pad and the tag are others.
func (p randomizedPassword) open(r *wire.OpaqueCredentialResponse, ids Identities) (*vault, wire.OpaqueElement, error) {
	key := p.maskingKey()
	defer clear(key[:])
	plain, err := mask(&key, r.MaskingNonce, r.MaskedResponse)
	if err != nil {
		return nil, wire.OpaqueElement{}, err
	}
	var c wire.OpaqueCredentials
	if err := c.UnmarshalBinary(plain[:]); err != nil {
		return nil, wire.OpaqueElement{}, ErrPassword
	}
	v, err := p.vault(c.Envelope.EnvelopeNonce)
	if err != nil {
		return nil, wire.OpaqueElement{}, err
	}
	want, err := v.envelope(c.ServerPublicKey, ids)
	if err != nil {
		return nil, wire.OpaqueElement{}, err
	}
	if !hmac.Equal(want.AuthTag[:], c.Envelope.AuthTag[:]) {
		v.clear()
		return nil, wire.OpaqueElement{}, ErrPassword
	}
	return v, c.ServerPublicKey, nil
}

// mask masks credentials, or unmasks them.
func mask(key *hash, nonce [32]byte, credentials [128]byte) ([128]byte, error) {
	var pad [128]byte
	if err := expandNonce(key[:], nonce, labelPad, pad[:]); err != nil {
		return pad, err
	}
	subtle.XORBytes(pad[:], pad[:], credentials[:])
	return pad, nil
}
