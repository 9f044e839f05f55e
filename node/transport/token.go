package transport

import (
	"crypto/subtle"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

const (
	labelToken = "sotto/1 token"
	labelReset = "sotto/1 reset"
	labelConn  = "sotto/1 conn"
	tokenSize  = 8 + 32 + 16
)

// A tokenMint makes and checks the tokens of RETRY packets. It has two secrets,
// the present one and the one before, and remembers nothing else. Only the
// reader uses it.
type tokenMint struct {
	random  io.Reader
	secrets [2]hash.Hash // the present one first
	since   time.Time    // when the present one was made
	input   wire.TokenInput
	buf     []byte
}

func newTokenMint(random io.Reader) *tokenMint {
	return &tokenMint{random: random, input: wire.TokenInput{Label: []byte(labelToken)}}
}

// rotate makes a new secret when the present one is two minutes old.
func (t *tokenMint) rotate(now time.Time) error {
	if t.secrets[0] != nil && now.Sub(t.since) < tokenRotation {
		return nil
	}
	var key [32]byte
	if _, err := io.ReadFull(t.random, key[:]); err != nil {
		return fmt.Errorf("transport: secret for tokens: %w", err)
	}
	stale := t.secrets[0] == nil || now.Sub(t.since) >= 2*tokenRotation
	t.secrets[1], t.secrets[0] = t.secrets[0], internet.NewMAC(key)
	if stale {
		t.secrets[1] = nil // it would have been replaced, had anybody asked
	}
	t.since = now
	return nil
}

// A claim is what a token speaks for.
type claim struct {
	from                 netip.AddrPort
	initiator, responder uint64
	first                [32]byte
}

// issue makes a token.
func (t *tokenMint) issue(now time.Time, c claim) ([]byte, error) {
	if err := t.rotate(now); err != nil {
		return nil, err
	}
	m := wire.RetryToken{IssuedMs: uint64(now.UnixMilli()), First: c.first}
	t.mac(t.secrets[0], m.IssuedMs, c, m.Mac[:0])
	return m.MarshalBinary()
}

// check reports whether a token was issued for this address and these connection
// IDs, not long ago, and sets c.first to what it was issued for.
func (t *tokenMint) check(now time.Time, token []byte, c *claim) bool {
	var m wire.RetryToken
	if len(token) != tokenSize || m.UnmarshalBinary(token) != nil || t.rotate(now) != nil {
		return false
	}
	age := now.UnixMilli() - int64(m.IssuedMs)
	if age < -1 || age > tokenLife.Milliseconds() {
		return false
	}
	c.first = m.First
	for _, secret := range t.secrets {
		if secret == nil {
			continue
		}
		var mac [16]byte
		t.mac(secret, m.IssuedMs, *c, mac[:0])
		if subtle.ConstantTimeCompare(mac[:], m.Mac[:]) == 1 {
			return true
		}
	}
	return false
}

func (t *tokenMint) mac(secret hash.Hash, issued uint64, c claim, sum []byte) {
	t.input.IssuedMs = issued
	t.input.Address = c.from.Addr().As16()
	t.input.Port = c.from.Port()
	t.input.Initiator, t.input.Responder = c.initiator, c.responder
	t.input.First = c.first
	// It can't fail: all fields are of fixed size.
	t.buf, _ = t.input.AppendBinary(t.buf[:0])
	secret.Reset()
	secret.Write(t.buf)
	secret.Sum(sum)
}

// resetTag is the tag of a RESET packet for a connection ID of ours.
func resetTag(key [32]byte, id uint64) (tag [16]byte) {
	b, _ := (&wire.ResetInput{Label: []byte(labelReset), Id: id}).MarshalBinary()
	mac := internet.NewMAC(key)
	mac.Write(b)
	mac.Sum(tag[:0])
	return tag
}
