package envelope

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"sotto/node/keys"
	"sotto/wire"
)

const label keys.Label = "msg"

// MaxText is the longest text in bytes.
const MaxText = 1 << 20

// Errors of Seal.
var (
	ErrTooLong = errors.New("the text is longer than 1 MiB")
	ErrNotText = errors.New("the text is not valid UTF-8")
)

// A Sender is who writes.
type Sender struct {
	Identity *keys.Identity
	Name     string
}

// A Person is somebody else: a name and the key that was accepted for it.
type Person struct {
	Name string
	Key  *keys.PublicKey
}

// A Heading is what the sender's client says of a message.
type Heading struct {
	Id              [16]byte
	Seq             uint64 // one more than the last to this recipient
	Sent            time.Time
	ManifestVersion uint64
}

// Seal writes an envelope.
func Seal(random io.Reader, from Sender, to Person, h Heading, text string) ([]byte, error) {
	switch {
	case len(text) > MaxText:
		return nil, ErrTooLong
	case !utf8.ValidString(text):
		return nil, ErrNotText
	case !validSeq(h.Seq):
		return nil, ErrSeq
	}
	header := wire.EnvelopeHeader{
		From: from.Name, FromKey: from.Identity.Public().Id(),
		To: to.Name, ToKey: to.Key.Id(),
		Id: h.Id, Seq: h.Seq, SentMs: uint64(max(h.Sent.UnixMilli(), 0)),
		ManifestVersion: h.ManifestVersion,
	}
	plain, err := (&wire.EnvelopeText{Text: text}).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal message: %w", err)
	}
	defer clear(plain)
	once, ek, err := to.Key.NewKeyTo(random, label)
	if err != nil {
		return nil, err
	}
	defer once.Clear()
	aad, err := associated(&header, ek)
	if err != nil {
		return nil, fmt.Errorf("seal message: %w", err)
	}
	e := wire.Envelope{Body: wire.EnvelopeBody{Header: header, Ek: ek, Ct: once.Seal(aad, plain)}}
	body, err := e.Body.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal message: %w", err)
	}
	if e.Sig, err = from.Identity.Sign(random, label, body); err != nil {
		return nil, err
	}
	return e.MarshalBinary()
}

// associated is what the ciphertext is bound to.
func associated(h *wire.EnvelopeHeader, ek [384]byte) ([]byte, error) {
	return (&wire.EnvelopeAad{Header: *h, Ek: ek}).AppendBinary(label.Bytes())
}
