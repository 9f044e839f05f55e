package puzzle

import (
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
	messages map[uint8][]byte // by k
}

// Message returns a message that asks for k solutions.
func (c *Challenges) Message(now time.Time, k uint8) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := now.UnixNano() / int64(Slot); s != c.slot || c.messages == nil {
		c.slot, c.messages = s, make(map[uint8][]byte)
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
	return b, nil
}

// Fresh reports whether something issued then, to live that long, is good now.
func Fresh(now time.Time, issuedMs uint64, lifeS uint16) bool {
	ms := now.UnixMilli()
	return ms >= 0 && issuedMs <= uint64(ms) && uint64(ms)-issuedMs <= uint64(lifeS)*1000
}
