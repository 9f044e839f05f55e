package opaque

import (
	"errors"

	"sotto/node/keys"
	"sotto/wire"
)

var (
	// ErrMessage says that a message is not one that an honest peer sends. It is
	// to be dropped.
	ErrMessage = errors.New("opaque: not a message of this exchange")
	// ErrPassword is the one error of a login for all that is wrong with the password or
	// with what the server answered. Which of them it was, the client can't know or must
	// not say.
	ErrPassword = errors.New("wrong name or password")
	// ErrProof says that a client has not shown that it knows the password. It counts as
	// a guess, as does a login whose last message never comes.
	ErrProof = errors.New("opaque: not a proof of the password")
	// ErrSecrets says that a server's secrets can't be such.
	ErrSecrets = errors.New("opaque: not the secrets of a server")
)

var (
	errOver      = errors.New("opaque: this run is over")
	errRecord    = errors.New("opaque: the record of a user was never checked, or is damaged")
	errNotRandom = errors.New("opaque: the source of randomness isn't random")
	errWire      = errors.New("opaque: a struct of ours can't be encoded")
)

// Identities say who is meant to talk with whom: what the client is called at
// the server and how the client knows the server. Both sides must be given the same,
// at registration and at every login. One that is empty is that party's public key.
type Identities struct {
	Client, Server []byte
}

func (ids Identities) orKeys(client, server wire.OpaqueElement) Identities {
	if len(ids.Client) == 0 {
		ids.Client = client[:]
	}
	if len(ids.Server) == 0 {
		ids.Server = server[:]
	}
	return ids
}

// Input makes of a password what the exchange takes for it, see OpaqueInput in
// spec/opaque.wire. Both identities are needed. The caller clears the result.
func Input(password []byte, ids Identities) ([]byte, error) {
	normal, err := keys.NormalPassword(password)
	if err != nil {
		return nil, err
	}
	defer clear(normal)
	return encode(&wire.OpaqueInput{ServerIdentity: ids.Server, ClientIdentity: ids.Client, Password: normal})
}

// Keys are what a registration or a login ends with.
type Keys struct {
	// Session is known to both sides of one login, and to nobody else.
	Session [64]byte
	// Export is the client's alone, and the same at registration and at each login.
	Export [64]byte
}

// Clear overwrites the keys.
func (k *Keys) Clear() { *k = Keys{} }

// String shows no secret.
func (k *Keys) String() string { return "opaque keys" }

// GoString keeps %#v from showing what String hides.
func (k *Keys) GoString() string { return k.String() }
