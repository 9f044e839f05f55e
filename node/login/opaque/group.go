package opaque

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"sotto/wire"
)

// suite is the one there is: group, hash and OPRF.
var suite = oprf.SuiteRistretto255

// decodeElement takes what RFC 9497 section 2.1 takes: the one encoding of an
// element other than the identity.
func decodeElement(b wire.OpaqueElement) (group.Element, error) {
	e := suite.Group().NewElement()
	if err := e.UnmarshalBinary(b[:]); err != nil || e.IsIdentity() {
		return nil, ErrMessage
	}
	return e, nil
}

func encodeElement(e group.Element) wire.OpaqueElement {
	b, err := e.MarshalBinaryCompress()
	if err != nil {
		panic("opaque: " + err.Error()) // an element always has an encoding
	}
	return wire.OpaqueElement(b)
}

// decodeScalar takes the one encoding of a scalar other than zero.
func decodeScalar(b [32]byte) (s group.Scalar, ok bool) {
	s = suite.Group().NewScalar()
	if err := s.UnmarshalBinary(b[:]); err != nil || s.IsZero() {
		return nil, false
	}
	return s, true
}

// maxDraws is how often randomScalar draws. A draw succeeds with a chance of one half:
// a source of which 256 fail isn't random.
const maxDraws = 256

// randomScalar draws scalars until one is below the order: RFC 9497 section 4.7.1. The
// group's own RandomScalar doesn't look at the reader it is given.
func randomScalar(random io.Reader) (group.Scalar, error) {
	var b [32]byte
	defer clear(b[:])
	for range maxDraws {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("opaque: %w", err)
		}
		b[31] &= 0x1f // the order has 253 bits
		if s, ok := decodeScalar(b); ok {
			return s, nil
		}
	}
	return nil, errNotRandom
}

// A keyPair is for 3DH: a party's lasting one or its share in one run.
type keyPair struct {
	private group.Scalar
	public  wire.OpaqueElement
}

func newKeyPair(private group.Scalar) *keyPair {
	return &keyPair{private, encodeElement(suite.Group().NewElement().MulGen(private))}
}

// deriveKeyPair is DeriveDiffieHellmanKeyPair of RFC 9807 section 6.4.1.1.
func deriveKeyPair(seed []byte) (*keyPair, error) {
	key, err := oprf.DeriveKey(suite, oprf.BaseMode, seed, []byte("OPAQUE-DeriveDiffieHellmanKeyPair"))
	if err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	b, err := key.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("opaque: %w", err)
	}
	defer clear(b)
	private, ok := decodeScalar([32]byte(b))
	if !ok {
		return nil, errWire
	}
	return newKeyPair(private), nil
}

// dh is never the identity: the group's order is prime, the scalar isn't zero and
// the element isn't the identity.
func (k *keyPair) dh(peer group.Element) [32]byte {
	return encodeElement(suite.Group().NewElement().Mul(peer, k.private))
}

func (k *keyPair) clear() { k.private.SetUint64(0) }
