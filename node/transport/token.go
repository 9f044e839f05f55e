package transport

import (
	"crypto/subtle"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
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

// tokenSecrets are the secrets of an endpoint's tokens, for all its readers: one may get a token back
// that another has issued.
type tokenSecrets struct {
	random io.Reader
	pair   atomic.Pointer[secretPair]
	mu     sync.Mutex // held by who makes the next pair
}

// A secretPair is the present secret and the one before, if that is any good still.
type secretPair struct {
	keys  [][32]byte // the present one first
	since time.Time  // when that was made
}

// at is the pair for a time: there is a new secret when the present one is two
// minutes old.
func (t *tokenSecrets) at(now time.Time) (*secretPair, error) {
	if p := t.pair.Load(); p != nil && now.Sub(p.since) < tokenRotation {
		return p, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.pair.Load()
	if old != nil && now.Sub(old.since) < tokenRotation {
		return old, nil
	}
	var key [32]byte
	if _, err := io.ReadFull(t.random, key[:]); err != nil {
		return nil, fmt.Errorf("transport: secret for tokens: %w", err)
	}
	p := &secretPair{keys: [][32]byte{key}, since: now}
	if old != nil && now.Sub(old.since) < 2*tokenRotation {
		// Older ones would have been replaced, had anybody asked.
		p.keys = append(p.keys, old.keys[0])
	}
	t.pair.Store(p)
	return p, nil
}

// A tokenMint makes and checks the tokens of RETRY packets. It remembers nothing of them.
// Each reader has one.
type tokenMint struct {
	secrets *tokenSecrets
	pair    *secretPair // of which macs are
	macs    []hash.Hash
	input   wire.TokenInput
	token   wire.RetryToken
	buf     []byte
}

func newTokenMint(secrets *tokenSecrets) *tokenMint {
	return &tokenMint{secrets: secrets, input: wire.TokenInput{Label: []byte(labelToken)}}
}

// ready sees to it that macs are those of a time.
func (t *tokenMint) ready(now time.Time) error {
	pair, err := t.secrets.at(now)
	if err != nil || pair == t.pair {
		return err
	}
	t.pair, t.macs = pair, t.macs[:0]
	for _, key := range pair.keys {
		t.macs = append(t.macs, internet.NewMAC(key))
	}
	return nil
}

// A claim is what a token speaks for.
type claim struct {
	from                 netip.AddrPort
	initiator, responder uint64
	first                [32]byte
}

// issue appends a token to b.
func (t *tokenMint) issue(b []byte, now time.Time, c *claim) ([]byte, error) {
	if err := t.ready(now); err != nil {
		return nil, err
	}
	m := &t.token
	m.IssuedMs, m.First = uint64(now.UnixMilli()), c.first
	t.mac(t.macs[0], m.IssuedMs, c, m.Mac[:0])
	return m.AppendBinary(b)
}

// check reports whether a token was issued for this address and these connection
// IDs, not long ago, and sets c.first to what it was issued for.
func (t *tokenMint) check(now time.Time, token []byte, c *claim) bool {
	m := &t.token
	if len(token) != tokenSize || m.UnmarshalBinary(token) != nil || t.ready(now) != nil {
		return false
	}
	age := now.UnixMilli() - int64(m.IssuedMs)
	if age < -1 || age > tokenLife.Milliseconds() {
		return false
	}
	c.first = m.First
	for _, secret := range t.macs {
		var mac [16]byte
		t.mac(secret, m.IssuedMs, c, mac[:0])
		if subtle.ConstantTimeCompare(mac[:], m.Mac[:]) == 1 {
			return true
		}
	}
	return false
}

func (t *tokenMint) mac(secret hash.Hash, issued uint64, c *claim, sum []byte) {
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
