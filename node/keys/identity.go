package keys

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"

	"sotto/wire"
)

// An Identity is a key pair: somebody who can sign, and to whom things can be
// sealed. It is safe for concurrent use until it is cleared.
type Identity struct {
	public *PublicKey
	rsa    *rsa.PrivateKey
}

// Generate makes a new key pair. It takes between a tenth of a second and a few.
func Generate(random io.Reader) (*Identity, error) {
	key, err := rsa.GenerateKey(random, Bits)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return newIdentity(key)
}

// newIdentity checks a key pair and takes it over.
func newIdentity(key *rsa.PrivateKey) (*Identity, error) {
	var modulus wire.Rsa
	switch {
	case key.E != Exponent:
		return nil, fmt.Errorf("private key: the exponent is %d, not %d", key.E, Exponent)
	case key.N.BitLen() != Bits:
		return nil, fmt.Errorf("private key: the modulus has %d bits, not %d", key.N.BitLen(), Bits)
	case len(key.Primes) != 2 || key.Primes[0].BitLen() != Bits/2 || key.Primes[1].BitLen() != Bits/2:
		return nil, errors.New("private key: the modulus is not made of two primes of half its size")
	}
	public, err := NewPublicKey(wire.Rsa(key.N.FillBytes(modulus[:])))
	if err != nil {
		return nil, err
	}
	key.Precompute()
	if key.Validate() != nil {
		return nil, errors.New("private key: its parts do not belong together")
	}
	return &Identity{public: public, rsa: key}, nil
}

// NewIdentity takes a key pair from its form at rest.
func NewIdentity(k *wire.PrivateKey) (*Identity, error) {
	return newIdentity(&rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus[:]), E: Exponent},
		D:         new(big.Int).SetBytes(k.D[:]),
		Primes:    []*big.Int{new(big.Int).SetBytes(k.P[:]), new(big.Int).SetBytes(k.Q[:])},
	})
}

// Wire returns the key pair in its form at rest. All of it is secret.
func (i *Identity) Wire() wire.PrivateKey {
	k := wire.PrivateKey{Modulus: i.public.modulus}
	p, q := i.rsa.Primes[0], i.rsa.Primes[1]
	if p.Cmp(q) < 0 {
		p, q = q, p
	}
	p.FillBytes(k.P[:])
	q.FillBytes(k.Q[:])
	i.rsa.D.FillBytes(k.D[:])
	return k
}

// Public returns the public half.
func (i *Identity) Public() *PublicKey { return i.public }

// String shows the fingerprint of the public half and nothing of the other.
func (i *Identity) String() string { return "identity " + i.public.Fingerprint() }

// GoString keeps %#v from showing what String hides.
func (i *Identity) GoString() string { return i.String() }

// Sign signs a body under a label.
func (i *Identity) Sign(random io.Reader, l Label, body []byte) (wire.Signature, error) {
	digest := l.Hash(body)
	opts := rsa.PSSOptions{SaltLength: saltSize, Hash: crypto.SHA256}
	sig, err := rsa.SignPSS(random, i.rsa, crypto.SHA256, digest[:], &opts)
	if err != nil {
		return wire.Signature{}, fmt.Errorf("sign %s: %w", l, err)
	}
	return wire.Signature(sig), nil
}

// Clear overwrites the private half as far as Go lets us. The identity is of no
// use afterwards.
func (i *Identity) Clear() {
	for _, n := range append([]*big.Int{i.rsa.D, i.rsa.Precomputed.Dp, i.rsa.Precomputed.Dq, i.rsa.Precomputed.Qinv}, i.rsa.Primes...) {
		if n != nil {
			clear(n.Bits())
		}
	}
	i.rsa.Precomputed = rsa.PrecomputedValues{}
}
