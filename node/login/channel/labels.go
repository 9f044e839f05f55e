package channel

import (
	"encoding"
	"errors"

	"sotto/node/keys"
	"sotto/wire"
)

// Labels of the login, each used in one place. Those of the key schedule are in node/session.
const (
	labelC1   keys.Label = "channel c1"
	labelPow  keys.Label = "channel pow"
	labelKeys keys.Label = "channel keys"

	labelOpaque      keys.Label = "opaque"
	labelEnrol       keys.Label = "enrol"
	labelEnrolDevice keys.Label = "enrol device"
	labelDeviceLogin keys.Label = "device login"
	labelDevicePeer  keys.Label = "device peer"

	labelDecoyName    keys.Label = "decoy name"
	labelDecoyAccount keys.Label = "decoy account"
	labelDecoySigner  keys.Label = "decoy signer"

	labelP1            keys.Label = "p1"
	labelP1Hash        keys.Label = "p1 hash"
	labelPeerChallenge keys.Label = "peer challenge"
)

// errWire says that a struct of ours doesn't fit its own layout.
var errWire = errors.New("login: a message of ours can't be encoded")

// encode encodes a message of ours. Its parts were checked when they were put in,
// so a failure is a broken invariant; it ends the run and not the program.
func encode(m encoding.BinaryMarshaler) ([]byte, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, errWire
	}
	return b, nil
}

// proof is what the one who logs in signs: t3 covers all bytes that were exchanged.
func proof(t3 wire.Hash, device wire.KeyId, user string) ([]byte, error) {
	return encode(&wire.ChannelProof{T3: t3, Device: device, User: keys.Fold(user)})
}
