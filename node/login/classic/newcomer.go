package classic

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// ErrKeyShown ends the dial of a KeyAsk that has its answer.
var ErrKeyShown = errors.New("login: the server has shown its key")

// A KeyAsk asks a server for its public key. It has the shape of a transport.Initiator.
// Nothing proves the answer: a person has to compare the fingerprint.
type KeyAsk struct {
	ask wire.KeyAsk
	key *keys.PublicKey
}

// NewKeyAsk makes a question.
func NewKeyAsk(random io.Reader) (*KeyAsk, error) {
	k := new(KeyAsk)
	if _, err := io.ReadFull(random, k.ask.ClientNonce[:]); err != nil {
		return nil, fmt.Errorf("ask for the server's key: %w", err)
	}
	return k, nil
}

// First returns the question.
func (k *KeyAsk) First() ([]byte, error) { return encode(&k.ask) }

// Bind does nothing: there will be no session.
func (k *KeyAsk) Bind([32]byte) {}

// Next takes the answer and returns ErrKeyShown, or ErrDrop for anything else.
func (k *KeyAsk) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	var show wire.KeyShow
	if show.UnmarshalBinary(msg) != nil || show.ClientNonce != k.ask.ClientNonce {
		return nil, nil, ErrDrop
	}
	key, err := keys.NewPublicKey(show.Key)
	if err != nil {
		return nil, nil, ErrDrop
	}
	k.key = key
	return nil, nil, ErrKeyShown
}

// Key returns the key, or nil before there was an answer.
func (k *KeyAsk) Key() *keys.PublicKey { return k.key }

// showKey answers a question for the key. The answer is shorter than the question's
// datagram and costs nothing.
func (s *Server) showKey(ask *wire.KeyAsk) (Verdict, []byte) {
	b, err := encode(&wire.KeyShow{ClientNonce: ask.ClientNonce, Key: s.cfg.Identity.Public().Modulus()})
	if err != nil {
		return Drop, nil
	}
	s.count(ReasonKeyShown)
	return Retry, b
}
