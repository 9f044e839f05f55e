package envelope

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// ErrNoSlot says that a letter was sealed to other devices of mine, and not to this one.
var ErrNoSlot = errors.New("the envelope was sealed before its sender knew this device")

// An OpenedLetter is what a letter held. All of it is the sender's word, the head of the
// log too: whether it is signed and fits to what one knows is for package directory to
// say.
type OpenedLetter struct {
	Header wire.LetterHeader
	Text   string
}

// PeekLetter reads a header without believing it. It serves to find the keys to verify
// with, and for nothing else.
func PeekLetter(b []byte) (*wire.LetterHeader, error) {
	l, err := decodeLetter(b)
	if err != nil {
		return nil, err
	}
	return &l.Body.Header, nil
}

// Readers gives the devices and accounts to whose keys a letter is sealed, without believing
// it.
func Readers(b []byte) ([]wire.KeyId, error) {
	l, err := decodeLetter(b)
	if err != nil {
		return nil, err
	}
	var ids []wire.KeyId
	for i := range l.Body.Slots {
		ids = append(ids, l.Body.Slots[i].To)
	}
	return ids, nil
}

// SealedTo reports whether a letter is sealed to somebody as SealLetter would seal it: to
// the devices that he has, and to no other. It believes the letter.
func SealedTo(to *Contact, b []byte) bool {
	l, err := decodeLetter(b)
	if err != nil || l.Body.Header.ToAccount != to.id {
		return false
	}
	return slices.EqualFunc(l.Body.Slots, to.readers(), func(s wire.LetterSlot, r reader) bool { return s.To == r.id })
}

// decodeLetter reads a letter, which shares memory with b.
func decodeLetter(b []byte) (*wire.Letter, error) {
	l := new(wire.Letter)
	n, err := l.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if n != len(b) {
		return nil, ErrMalformed
	}
	return l, nil
}

// OpenLetter checks a letter against the keys that the log shows for its sender and opens
// it. accounts are the ids of my account as the log shows it and of those that it was rotated
// from, now the server's time as this client knows it, and oldest how old the letter may be.
func OpenLetter(me *keys.Device, accounts []wire.KeyId, sender *Contact, now time.Time, oldest time.Duration, b []byte) (*OpenedLetter, error) {
	l, err := decodeLetter(b)
	if err != nil {
		return nil, err
	}
	h := &l.Body.Header
	switch {
	case keys.Fold(h.To) != keys.Fold(me.User):
		return nil, ErrNotForMe
	case !slices.Contains(accounts, h.ToAccount):
		return nil, ErrOldKey
	case keys.Fold(h.From) != keys.Fold(sender.name):
		return nil, ErrSender
	}
	device, ok := sender.Device(h.FromDevice)
	if !ok {
		return nil, ErrSenderKey
	}
	if keys.VerifyEd(labelLetter, device.Sign, l.BodyRaw, &l.Sig) != nil {
		return nil, ErrSignature
	}
	text, err := openLetter(me, &l.Body)
	if err != nil {
		return nil, err
	}
	if err := checkOrder(h.Seq, h.SentMs, now, oldest); err != nil {
		return nil, err
	}
	return &OpenedLetter{Header: *h, Text: text}, nil
}

// ReopenLetter opens a letter of this device that was verified before: its sender's
// device may be gone by now.
func ReopenLetter(me *keys.Device, b []byte) (*OpenedLetter, error) {
	l, err := decodeLetter(b)
	if err != nil {
		return nil, err
	}
	text, err := openLetter(me, &l.Body)
	if err != nil {
		return nil, err
	}
	return &OpenedLetter{Header: l.Body.Header, Text: text}, nil
}

func openLetter(me *keys.Device, body *wire.LetterBody) (string, error) {
	slot, sealer := findSlot(me, body.Header.ToAccount, body.Slots)
	if slot == nil {
		return "", ErrNoSlot
	}
	known, err := hashed(labelLetterHeader, &body.Header)
	if err != nil {
		return "", ErrSealed
	}
	plain, err := sealer.Open(labelLetterKey, known, &slot.Enc, nil, slot.Sealed[:])
	if err != nil {
		return "", ErrSealed
	}
	defer clear(plain)
	var key wire.LetterKey
	if key.UnmarshalBinary(plain) != nil {
		return "", ErrSealed
	}
	defer func() { key = wire.LetterKey{} }()
	aad, err := letterAad(&body.Header, body.Slots)
	if err != nil {
		return "", ErrSealed
	}
	once := keys.NewOnceKey(key.Key, key.Iv)
	defer once.Clear()
	return openText(once, aad, body.Ct)
}

// findSlot finds the slot that this device can open: its own, or the account's at the first
// device, which inherited that key.
func findSlot(me *keys.Device, account wire.KeyId, slots []wire.LetterSlot) (*wire.LetterSlot, *keys.Sealer) {
	id := me.Id()
	if i := slices.IndexFunc(slots, func(s wire.LetterSlot) bool { return s.To == id }); i >= 0 {
		return &slots[i], me.Sealer
	}
	if me.Inherited == nil {
		return nil, nil
	}
	if i := slices.IndexFunc(slots, func(s wire.LetterSlot) bool { return s.To == account }); i >= 0 {
		return &slots[i], me.Inherited
	}
	return nil, nil
}

// openText opens the text of an envelope or a letter.
func openText(once *keys.OnceKey, aad, ct []byte) (string, error) {
	plain, err := once.Open(aad, ct)
	if err != nil {
		return "", ErrSealed
	}
	var text wire.EnvelopeText
	if err := text.UnmarshalBinary(plain); err != nil {
		return "", ErrSealed
	}
	return text.Text, nil
}

// SealDraft seals a text to the device that keeps it.
func SealDraft(me *keys.Device, text string) ([]byte, error) {
	if len(text) > MaxText {
		return nil, ErrTooLong
	}
	plain, err := (&wire.EnvelopeText{Text: text}).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal draft: %w", err)
	}
	defer clear(plain)
	to := me.Sealer.Public()
	var d wire.Draft
	if d.Enc, d.Ct, err = keys.SealTo(&to, labelDraft, nil, nil, plain); err != nil {
		return nil, err
	}
	return d.MarshalBinary()
}

// OpenDraft opens what SealDraft sealed, or returns ErrSealed.
func OpenDraft(me *keys.Device, b []byte) (string, error) {
	var d wire.Draft
	if d.UnmarshalBinary(b) != nil {
		return "", ErrSealed
	}
	plain, err := me.Sealer.Open(labelDraft, nil, &d.Enc, nil, d.Ct)
	if err != nil {
		return "", ErrSealed
	}
	defer clear(plain)
	var text wire.EnvelopeText
	if text.UnmarshalBinary(plain) != nil {
		return "", ErrSealed
	}
	return text.Text, nil
}
