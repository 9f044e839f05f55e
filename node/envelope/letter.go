package envelope

import (
	"encoding"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"sotto/node/keys"
	"sotto/wire"
)

// Labels of letters.
const (
	labelLetter       keys.Label = "letter"
	labelLetterKey    keys.Label = "letter key"
	labelLetterHeader keys.Label = "letter header"
	labelDraft        keys.Label = "draft"
)

// A Contact is somebody as the log shows him. It doesn't change.
type Contact struct {
	name    string
	account wire.AccountKeys
	id      wire.KeyId // of account
	devices []contactDevice
}

type contactDevice struct {
	id   wire.KeyId
	keys wire.DeviceKeys
}

// NewContact makes a Contact of a user's name and of the keys that count.
func NewContact(name string, account *wire.AccountKeys, devices []wire.Device) *Contact {
	c := &Contact{name: name, account: *account, id: keys.AccountId(account)}
	for i := range devices {
		k := &devices[i].Keys
		c.devices = append(c.devices, contactDevice{keys.DeviceId(k), *k})
	}
	return c
}

// Name returns the contact's name as registered.
func (c *Contact) Name() string { return c.name }

// Id names the contact's account: what people compare.
func (c *Contact) Id() wire.KeyId { return c.id }

// Device returns the keys of one of the contact's devices.
func (c *Contact) Device(id wire.KeyId) (wire.DeviceKeys, bool) {
	i := slices.IndexFunc(c.devices, func(d contactDevice) bool { return d.id == id })
	if i < 0 {
		return wire.DeviceKeys{}, false
	}
	return c.devices[i].keys, true
}

// A reader is a key to which a letter is sealed, and the id of the device or account
// that has it.
type reader struct {
	id  wire.KeyId
	key *wire.SealingKey
}

// readers are the contact's devices, or his account if he has none yet.
func (c *Contact) readers() []reader {
	if len(c.devices) == 0 {
		return []reader{{c.id, &c.account.Seal}}
	}
	var all []reader
	for i := range c.devices {
		all = append(all, reader{c.devices[i].id, &c.devices[i].keys.Seal})
	}
	return all
}

// A LetterHeading is what the sender's client says of a letter.
type LetterHeading struct {
	Id   [16]byte
	Seq  uint64 // one more than the last of this device to this recipient
	Sent time.Time
	Head wire.TreeHead // the newest that was checked
}

// SealLetter writes a letter to all devices of somebody, or to his account if he has
// none yet.
func SealLetter(random io.Reader, from *keys.Device, to *Contact, h LetterHeading, text string) ([]byte, error) {
	switch {
	case len(text) > MaxText:
		return nil, ErrTooLong
	case !utf8.ValidString(text):
		return nil, ErrNotText
	case !validSeq(h.Seq):
		return nil, ErrSeq
	}
	header := wire.LetterHeader{
		From: from.User, FromDevice: from.Id(),
		To: to.name, ToAccount: to.id,
		Id: h.Id, Seq: h.Seq, SentMs: uint64(max(h.Sent.UnixMilli(), 0)),
		Head: h.Head,
	}
	var key wire.LetterKey
	defer func() { key = wire.LetterKey{} }()
	if _, err := io.ReadFull(random, key.Key[:]); err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	if _, err := io.ReadFull(random, key.Iv[:]); err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	slots, err := letterSlots(to, &header, &key)
	if err != nil {
		return nil, err
	}
	plain, err := (&wire.EnvelopeText{Text: text}).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	defer clear(plain)
	aad, err := letterAad(&header, slots)
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	once := keys.NewOnceKey(key.Key, key.Iv)
	defer once.Clear()
	l := wire.Letter{Body: wire.LetterBody{Header: header, Slots: slots, Ct: once.Seal(aad, plain)}}
	body, err := l.Body.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	l.Sig = from.Signer.Sign(labelLetter, body)
	return l.MarshalBinary()
}

// letterSlots seals the key of a letter once for each reader. The slots are bound to
// the header, so none of them serves for another letter.
func letterSlots(to *Contact, h *wire.LetterHeader, key *wire.LetterKey) ([]wire.LetterSlot, error) {
	known, err := hashed(labelLetterHeader, h)
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	plain, err := key.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("seal letter: %w", err)
	}
	defer clear(plain)
	var slots []wire.LetterSlot
	for _, r := range to.readers() {
		enc, ct, err := keys.SealTo(r.key, labelLetterKey, known, nil, plain)
		if err != nil {
			return nil, err
		}
		slots = append(slots, wire.LetterSlot{To: r.id, Enc: enc, Sealed: [60]byte(ct)})
	}
	return slots, nil
}

// letterAad is what a letter's ciphertext is bound to.
func letterAad(h *wire.LetterHeader, slots []wire.LetterSlot) ([]byte, error) {
	return (&wire.LetterAad{Header: *h, Slots: slots}).AppendBinary(labelLetter.Bytes())
}

func hashed(l keys.Label, m encoding.BinaryMarshaler) ([]byte, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	h := l.Hash(b)
	return h[:], nil
}
