package puzzle

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"sotto/wire"
)

const (
	// Slot is how long a signed C1 is given out: a flood of first messages costs one
	// signature each two seconds for each k there is.
	Slot = 2 * time.Second
	// Life is how long a client may take to solve it. Eight million hashes, the
	// most a server asks for, take a slow machine ten seconds.
	Life = 30 * time.Second
)

// Challenges are the C1s of one server. It keeps the signed ones of the present slot and
// is safe for concurrent use. The fields are set before it is used.
type Challenges struct {
	Random io.Reader
	Server wire.KeyId
	D      uint8                             // zero bytes of a solution; 0 is 2, the seed's difficulty
	Sign   func(c1 *wire.C1) ([]byte, error) // makes the message that brings a C1

	mu       sync.Mutex
	slot     int64
	messages map[uint8][]byte       // by k
	issued   map[[32]byte]challenge // of the last Life, by n1
}

type challenge struct {
	message []byte
	at      time.Time
}

// Message returns a message that asks for k solutions.
func (c *Challenges) Message(now time.Time, k uint8) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := now.UnixNano() / int64(Slot); s != c.slot || c.messages == nil {
		c.slot, c.messages = s, make(map[uint8][]byte)
		c.forget(now)
	}
	if b := c.messages[k]; b != nil {
		return b, nil
	}
	c1 := wire.C1{
		Server: c.Server, D: c.D, K: k,
		IssuedMs: uint64(now.UnixMilli()), LifeS: uint16(Life / time.Second),
	}
	if c1.D == 0 {
		c1.D = standardD
	}
	if _, err := io.ReadFull(c.Random, c1.N1[:]); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	b, err := c.Sign(&c1)
	if err != nil {
		return nil, err
	}
	c.messages[k] = b
	c.issued[c1.N1] = challenge{b, now}
	return b, nil
}

// forget drops the challenges that nobody can use any more. What remains are those of
// sixteen slots.
func (c *Challenges) forget(now time.Time) {
	if c.issued == nil {
		c.issued = make(map[[32]byte]challenge)
	}
	for n1, old := range c.issued {
		if age := now.Sub(old.at); age < 0 || age > Life {
			delete(c.issued, n1)
		}
	}
}

// Issued reports whether a message is one that was made here and may still be of use, for
// less than its signature's check costs. One of before a restart, or of another server
// with the same key, is not known here and may be as good.
func (c *Challenges) Issued(n1 [32]byte, message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ours, ok := c.issued[n1]
	return ok && bytes.Equal(ours.message, message)
}

// Fresh reports whether something issued then, to live that long, is good now.
func Fresh(now time.Time, issuedMs uint64, lifeS uint16) bool {
	ms := now.UnixMilli()
	return ms >= 0 && issuedMs <= uint64(ms) && uint64(ms)-issuedMs <= uint64(lifeS)*1000
}
