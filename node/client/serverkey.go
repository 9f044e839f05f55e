package client

import (
	"fmt"

	"sotto/node/keys"
	"sotto/wire"
)

// A ServerKey is the public key of a server, which says also in which tier to
// talk to it. It doesn't change.
type ServerKey struct {
	id      wire.KeyId
	classic *keys.PublicKey // one of the two is set
	key     *wire.ServerKey
}

// NewServerKey takes the key of a server of the default tier.
func NewServerKey(k *wire.ServerKey) *ServerKey {
	return &ServerKey{id: keys.ServerId(k), key: k}
}

// NewClassicServerKey takes the key of a server of the classic tier.
func NewClassicServerKey(k *keys.PublicKey) *ServerKey {
	return &ServerKey{id: k.Id(), classic: k}
}

// ParseServerKeyFile reads the file in which a server of either tier tells its
// key.
func ParseServerKeyFile(b []byte) (*ServerKey, error) {
	var file wire.KeyFile
	if file.UnmarshalBinary(b) == nil && file.Kind == wire.KeyFileKindServerPublic {
		k, err := keys.ParsePublicFile(b)
		if err != nil {
			return nil, err
		}
		return NewClassicServerKey(k), nil
	}
	k, err := keys.ParseHostPublicFile(b)
	if err != nil {
		return nil, err
	}
	return NewServerKey(k), nil
}

// ParsePin reads a key as Pin wrote it for a profile.
func ParsePin(b []byte) (*ServerKey, error) {
	var modulus wire.Rsa
	if len(b) == len(modulus) {
		copy(modulus[:], b)
		k, err := keys.NewPublicKey(modulus)
		if err != nil {
			return nil, fmt.Errorf("pinned server key: %w", err)
		}
		return NewClassicServerKey(k), nil
	}
	k := new(wire.ServerKey)
	if err := k.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("pinned server key: %w", err)
	}
	if err := keys.CheckServerKey(k); err != nil {
		return nil, fmt.Errorf("pinned server key: %w", err)
	}
	return NewServerKey(k), nil
}

// Pin returns the key as a profile keeps it: the modulus in the classic tier, a
// wire.ServerKey in the default one.
func (k *ServerKey) Pin() []byte {
	if k.classic != nil {
		modulus := k.classic.Modulus()
		return modulus[:]
	}
	b, err := k.key.MarshalBinary()
	if err != nil {
		panic("client: " + err.Error()) // nothing in it has bounds to break
	}
	return b
}

// Id names the key.
func (k *ServerKey) Id() wire.KeyId { return k.id }

// Classic reports whether the server speaks the classic tier.
func (k *ServerKey) Classic() bool { return k.classic != nil }

// Fingerprint returns the 30 digits that people compare.
func (k *ServerKey) Fingerprint() string { return keys.Fingerprint(k.id) }

// Equal reports whether two keys are the same.
func (k *ServerKey) Equal(other *ServerKey) bool { return k.id == other.id }

// String shows the fingerprint.
func (k *ServerKey) String() string { return "server key " + k.Fingerprint() }
