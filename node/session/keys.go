package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"sotto/wire"
)

// TagSize is how many bytes at the end of a packet prove its origin.
const TagSize = 16

const (
	labelKey  = "sotto/1 packet key"
	labelIV   = "sotto/1 packet iv"
	labelNext = "sotto/1 packet next"
)

const (
	// updateAfter is how many packets one key protects before the next one
	// takes over, see protocol.md section 4.
	updateAfter = 1 << 20

	// sealLimit is how many packets one key may ever protect. A peer that never
	// acknowledges can hold back our update, but not for longer than this.
	sealLimit = 1 << 24

	// forgeryLimit is how many packets may fail to open under one connection's
	// keys: the limit of AES-GCM, transport.md 5.1.
	forgeryLimit = 1 << 36

	// lastNumber is the highest packet number.
	lastNumber = 1<<62 - 1
)

// Errors of Open and Seal.
var (
	// ErrForged says that a packet wasn't made by the peer for this direction, or
	// was changed on the way.
	ErrForged = errors.New("session: packet is not the peer's")
	// ErrReplayed says that a packet number arrived before, or is too old to tell.
	ErrReplayed = errors.New("session: packet number replayed or too old")
	// ErrExhausted says that the keys may not be used any more: too many packets
	// sealed without an update, or too many forgeries seen.
	ErrExhausted = errors.New("session: keys are exhausted")
)

// Secrets are what a handshake ends with: one traffic secret of 32 bytes for
// each direction, seen from the end that holds them. The peer's are swapped.
type Secrets struct {
	Send, Receive [32]byte
}

// Clear overwrites the secrets.
func (s *Secrets) Clear() { clear(s.Send[:]); clear(s.Receive[:]) }

// String shows nothing.
func (s Secrets) String() string { return "secrets of a session" }

// GoString keeps %#v from showing what String hides.
func (s Secrets) GoString() string { return s.String() }

// A key protects the packets of one direction in one phase.
type key struct {
	aead   cipher.AEAD // nil at rest
	iv     [12]byte
	secret [32]byte // the key comes from it, and the next phase's
	phase  bool
	first  uint64 // the lowest packet number of this phase, once one is known
	count  uint64 // packets sealed or opened in this phase
}

// expand derives size bytes from a secret of 32 bytes.
func expand(secret []byte, label string, size int) ([]byte, error) {
	info, err := (&wire.PacketKeyInfo{Label: []byte(label), Length: uint16(size)}).MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return hkdf.Expand(sha256.New, secret, string(info), size)
}

func newKey(secret [32]byte, phase bool) (*key, error) {
	k := &key{secret: secret, phase: phase}
	iv, err := expand(secret[:], labelIV, len(k.iv))
	if err != nil {
		return nil, err
	}
	copy(k.iv[:], iv)
	return k, k.wake()
}

// wake makes the cipher, if there is none.
func (k *key) wake() error {
	if k.aead != nil {
		return nil
	}
	raw, err := expand(k.secret[:], labelKey, 32)
	if err != nil {
		return err
	}
	defer clear(raw)
	block, err := aes.NewCipher(raw)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// following is the key of the next phase.
func (k *key) following() (*key, error) {
	raw, err := expand(k.secret[:], labelNext, len(k.secret))
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	return newKey([32]byte(raw), !k.phase)
}

// Keys are both directions of one connection.
type Keys struct {
	send     *key
	receive  *key
	next     *key // to be tried when the peer's phase flips; made ahead, so that a forgery costs no derivation
	previous *key // for packets of the last phase that were overtaken; nil when there is none

	window window
	sealed uint64 // one above the highest number sealed
	forged uint64

	nonce [12]byte // scratch: a local array would escape to the heap with every packet
}

// New makes keys from the secrets of a handshake. The caller should clear s afterwards.
func New(s *Secrets) (*Keys, error) {
	send, err := newKey(s.Send, false)
	if err != nil {
		return nil, err
	}
	receive, err := newKey(s.Receive, false)
	if err != nil {
		return nil, err
	}
	return &Keys{send: send, receive: receive}, nil
}

// Phase is the key phase to write into the next packet's head.
func (k *Keys) Phase() bool { return k.send.phase }

// Seal protects a packet in place: packet[:head] is authenticated,
// packet[head:len(packet)-TagSize] is sealed, and the tag fills the last
// TagSize bytes. The number must be higher than any before it.
func (k *Keys) Seal(packet []byte, head int, number uint64) error {
	if number < k.sealed || number > lastNumber || k.send.count >= sealLimit {
		return ErrExhausted
	}
	if err := k.send.wake(); err != nil {
		return err
	}
	k.sealed = number + 1
	if k.send.count == 0 {
		k.send.first = number
	}
	k.send.count++
	k.setNonce(k.send, number)
	k.send.aead.Seal(packet[:head], k.nonce[:], packet[head:len(packet)-TagSize], packet[:head])
	return nil
}

// Open checks a packet and opens it in place. low and phase come from its head,
// which is packet[:head]. It returns the whole packet number; the payload is then
// in packet[head:len(packet)-TagSize]. Nothing changes unless the packet is
// genuine and new, and a packet that isn't is destroyed.
func (k *Keys) Open(packet []byte, head int, phase bool, low uint32) (uint64, error) {
	if len(packet) < head+TagSize {
		return 0, ErrForged
	}
	if k.forged >= forgeryLimit {
		return 0, ErrExhausted
	}
	number := k.whole(low)
	if !k.window.fresh(number) {
		return 0, ErrReplayed
	}
	by, err := k.opener(phase, number)
	if err != nil {
		return 0, err
	}
	if err := by.wake(); err != nil {
		return 0, err
	}
	k.setNonce(by, number)
	if _, err := by.aead.Open(packet[:head], k.nonce[:], packet[head:], packet[:head]); err != nil {
		k.forged++
		return 0, ErrForged
	}
	k.window.mark(number)
	if by == k.next {
		if err := k.follow(number); err != nil {
			return 0, err
		}
	}
	if by.count == 0 || number < by.first {
		by.first = number
	}
	by.count++
	return number, nil
}

// opener chooses the key for a phase bit. A number below the first of the present
// phase can only be of the phase before; a flipped bit above it announces the next.
func (k *Keys) opener(phase bool, number uint64) (*key, error) {
	if phase == k.receive.phase {
		return k.receive, nil
	}
	if k.receive.count > 0 && number < k.receive.first {
		if k.previous == nil {
			return nil, ErrReplayed
		}
		return k.previous, nil
	}
	if k.next == nil {
		var err error
		if k.next, err = k.receive.following(); err != nil {
			return nil, err
		}
	}
	return k.next, nil
}

// follow takes over the peer's key update, and answers it with our own if it
// wasn't the answer to ours.
func (k *Keys) follow(number uint64) error {
	k.previous, k.receive, k.next = k.receive, k.next, nil
	k.receive.first = number
	if k.send.phase != k.receive.phase {
		return k.advance()
	}
	return nil
}

// whole rebuilds a packet number from its low half: of the numbers that end so,
// the one next to what is expected.
func (k *Keys) whole(low uint32) uint64 {
	const span = 1 << 32
	expected := k.window.next
	n := expected&^(span-1) | uint64(low)
	switch {
	case n+span/2 <= expected && n+span <= lastNumber:
		return n + span
	case n > expected+span/2 && n >= span:
		return n - span
	}
	return n
}

func (k *Keys) setNonce(by *key, number uint64) {
	n := wire.PacketNonce{Number: number}
	// The encoding can't fail: it has no bounds to break.
	b, _ := n.AppendBinary(k.nonce[:0])
	for i := range b {
		k.nonce[i] ^= by.iv[i]
	}
}

// WantsUpdate reports whether one of the two directions has protected enough
// packets under its key: the next packet should be sealed after an Update.
func (k *Keys) WantsUpdate() bool {
	return k.send.count >= updateAfter || k.receive.count > updateAfter && k.send.phase == k.receive.phase
}

// MayUpdate reports whether an update is possible: the peer has followed the
// last one, and has acknowledged a packet of the present phase, which the caller
// knows (oldest is the lowest number sealed in this phase).
func (k *Keys) MayUpdate(acked func(oldest uint64) bool) bool {
	return k.send.phase == k.receive.phase && k.previous == nil && k.send.count > 0 && acked(k.send.first)
}

// Update moves our sending direction to the next key. The peer follows when it
// sees the flipped phase.
func (k *Keys) Update() error { return k.advance() }

func (k *Keys) advance() error {
	next, err := k.send.following()
	if err != nil {
		return err
	}
	clear(k.send.secret[:])
	k.send = next
	return nil
}

// Rest gives up the ciphers, which are most of what keys need of memory. Seal and Open make
// them again: it takes some microseconds.
func (k *Keys) Rest() {
	k.send.aead, k.receive.aead, k.next = nil, nil, nil
}

// DropPrevious forgets the key of the peer's last phase. Call it when packets
// of that phase can't be on their way any more: three probe timeouts after
// the update.
func (k *Keys) DropPrevious() {
	if k.previous != nil {
		clear(k.previous.secret[:])
		k.previous = nil
	}
}

// HasPrevious reports whether DropPrevious has something to forget.
func (k *Keys) HasPrevious() bool { return k.previous != nil }
