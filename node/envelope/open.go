package envelope

import (
	"errors"
	"fmt"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// Why an envelope is refused.
var (
	ErrMalformed  = errors.New("this is no envelope")
	ErrNotForMe   = errors.New("the envelope is addressed to somebody else")
	ErrOldKey     = errors.New("the envelope is sealed to a key of mine that I don't use")
	ErrSender     = errors.New("the envelope names another sender")
	ErrSenderKey  = errors.New("the envelope names a key that is not the accepted one of its sender")
	ErrSignature  = errors.New("the envelope is not signed by its sender")
	ErrSealed     = errors.New("the envelope does not open")
	ErrFromFuture = errors.New("the envelope was written in the future")
	ErrTooOld     = errors.New("the envelope is too old")
)

const (
	// DirectAge is how old an envelope may be that comes from its sender himself.
	DirectAge = 24 * time.Hour
	// StoredAge is how old one may be that the server has kept.
	StoredAge = 31 * 24 * time.Hour
	// maxSkew is by how much two people's idea of the server's time may differ.
	maxSkew = 10 * time.Minute
)

// A Message is what an envelope held. All of it is the sender's word.
type Message struct {
	Header wire.EnvelopeHeader
	Text   string
}

// Peek reads a header without believing it. It serves to find the key to verify
// with, and for nothing else.
func Peek(b []byte) (*wire.EnvelopeHeader, error) {
	e, err := decode(b)
	if err != nil {
		return nil, err
	}
	return &e.Body.Header, nil
}

// decode reads an envelope, which shares memory with b.
func decode(b []byte) (*wire.Envelope, error) {
	e := new(wire.Envelope)
	n, err := e.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if n != len(b) {
		return nil, ErrMalformed
	}
	return e, nil
}

// Open checks an envelope against the sender's accepted key and opens it. now is
// the server's time as this client knows it, and oldest how old the envelope may be.
func Open(me *keys.Identity, myName string, sender Person, now time.Time, oldest time.Duration, b []byte) (*Message, error) {
	e, err := decode(b)
	if err != nil {
		return nil, err
	}
	h := &e.Body.Header
	switch {
	case keys.Fold(h.To) != keys.Fold(myName):
		return nil, ErrNotForMe
	case h.ToKey != me.Public().Id():
		return nil, ErrOldKey
	case keys.Fold(h.From) != keys.Fold(sender.Name):
		return nil, ErrSender
	case h.FromKey != sender.Key.Id():
		return nil, ErrSenderKey
	}
	if err := sender.Key.Verify(label, e.BodyRaw, e.Sig[:]); err != nil {
		return nil, ErrSignature
	}
	text, err := open(me, &e.Body)
	if err != nil {
		return nil, err
	}
	if err := checkOrder(h.Seq, h.SentMs, now, oldest); err != nil {
		return nil, err
	}
	return &Message{Header: *h, Text: text}, nil
}

// checkOrder says what is wrong with a message's number and time.
func checkOrder(seq, sentMs uint64, now time.Time, oldest time.Duration) error {
	switch {
	case !validSeq(seq):
		return ErrSeq
	case after(sentMs, now.Add(maxSkew)):
		return ErrFromFuture
	case !after(sentMs, now.Add(-oldest)):
		return ErrTooOld
	}
	return nil
}

func open(me *keys.Identity, body *wire.EnvelopeBody) (string, error) {
	once, err := me.KeyFrom(label, &body.Ek)
	if err != nil {
		return "", ErrSealed
	}
	defer once.Clear()
	aad, err := associated(&body.Header, body.Ek)
	if err != nil {
		return "", ErrSealed
	}
	return openText(once, aad, body.Ct)
}

// after reports whether a time on the wire is after t. Any 64 bits are a time there.
func after(ms uint64, t time.Time) bool {
	limit := t.UnixMilli()
	return limit < 0 || ms > uint64(limit)
}
