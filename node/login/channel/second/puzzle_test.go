package second

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
)

// A challenge is a B2 whose signature holds.
type challenge struct {
	raw  []byte
	n1   []byte
	d, k byte
}

const challengeLen = 77 + signatureLen

func openChallenge(s serverKey, b2 []byte) (*challenge, error) {
	if len(b2) != challengeLen || b2[0] != 20 {
		return nil, errDecode
	}
	body, sig := b2[:77], b2[77:]
	if !bytes.Equal(body[1:33], s.id()) || !verify(s.sign, "channel c1", body, sig) {
		return nil, errors.New("a challenge of another server")
	}
	c := &challenge{b2, body[33:65], body[65], body[66]}
	if float64(c.k)*math.Pow(256, float64(c.d)) > 1<<26 || c.k < 1 || c.k > 128 {
		return nil, errors.New("the server asks for too much work")
	}
	return c, nil
}

// bind is what each solution begins with.
func (c *challenge) bind(conn, keys []byte) []byte {
	return hashOf("channel pow", c.n1, conn, hashOf("channel keys", keys))[:16]
}

func (c *challenge) solves(x []byte) bool {
	h := sha256.Sum256(cat(c.n1, x))
	return bytes.HasPrefix(h[:], make([]byte, c.d))
}

// solve finds the solutions, one after the other.
func (c *challenge) solve(conn, keys []byte) []byte {
	var all []byte
	for index := range c.k {
		x := cat(c.bind(conn, keys), []byte{index}, make([]byte, 15))
		for counter := uint64(0); !c.solves(x); counter++ {
			binary.BigEndian.PutUint64(x[24:], counter)
		}
		all = append(all, x...)
	}
	return append([]byte{c.k}, all...)
}

// solved checks k solutions.
func (c *challenge) solved(conn, keys []byte, k byte, xs []byte) bool {
	if k != c.k {
		return false
	}
	for index := range k {
		x := xs[int(index)*32:][:32]
		if !bytes.Equal(x[:17], append(c.bind(conn, keys), index)) || !c.solves(x) {
			return false
		}
	}
	return true
}
