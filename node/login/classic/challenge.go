package classic

import (
	"fmt"
	"io"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

const (
	// slot is how long a signed C1 is given out: a flood of message 1 costs one
	// signature each two seconds for each k there is.
	slot = 2 * time.Second
	// c1Life is how long a client may take to solve it. Eight million hashes, the
	// most a server asks for, take a slow machine ten seconds.
	c1Life = 30 * time.Second
)

// A challenger signs C1s and keeps the ones of the present slot.
type challenger struct {
	identity *keys.Identity
	random   io.Reader
	d        uint8

	mu   sync.Mutex
	slot int64
	m2   map[uint8][]byte // by k
}

// m2For returns a message 2 that asks for k solutions.
func (c *challenger) m2For(now time.Time, k uint8) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := now.UnixNano() / int64(slot); s != c.slot || c.m2 == nil {
		c.slot, c.m2 = s, make(map[uint8][]byte)
	}
	if b := c.m2[k]; b != nil {
		return b, nil
	}
	c1 := wire.C1{
		Server: c.identity.Public().Id(), D: c.d, K: k,
		IssuedMs: uint64(now.UnixMilli()), LifeS: uint16(c1Life / time.Second),
	}
	if _, err := io.ReadFull(c.random, c1.N1[:]); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	body, err := encode(&c1)
	if err != nil {
		return nil, err
	}
	sig, err := c.identity.Sign(c.random, labelC1, body)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	b, err := encode(&wire.M2{Body: c1, Sig: sig})
	if err != nil {
		return nil, err
	}
	c.m2[k] = b
	return b, nil
}

// fresh reports whether something issued then, to live that long, is good now.
func fresh(now time.Time, issuedMs uint64, lifeS uint16) bool {
	ms := now.UnixMilli()
	return ms >= 0 && issuedMs <= uint64(ms) && uint64(ms)-issuedMs <= uint64(lifeS)*1000
}
