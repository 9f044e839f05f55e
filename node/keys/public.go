package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"math/bits"

	"sotto/wire"
)

const (
	// Bits is the size of every modulus.
	Bits = 3072
	// Exponent is the public exponent of every key. It is never written anywhere.
	Exponent = 65537

	saltSize = sha256.Size
	// smallPrimes is up to where the factors of a modulus are searched. What a
	// mistake in making keys leaves behind is usually found here; what an attacker
	// hides in his own key harms only himself.
	smallPrimes = 1 << 12
)

// ErrSignature says that a signature is not by this key over these bytes.
var ErrSignature = errors.New("the signature is not by this key over these bytes")

// A PublicKey is a checked RSA modulus. It doesn't change and is safe for
// concurrent use.
type PublicKey struct {
	modulus wire.Rsa
	id      wire.KeyId
	rsa     rsa.PublicKey
}

// NewPublicKey checks a modulus: exactly 3072 bits, odd, without small factors.
func NewPublicKey(modulus wire.Rsa) (*PublicKey, error) {
	n := new(big.Int).SetBytes(modulus[:])
	if n.BitLen() != Bits {
		return nil, fmt.Errorf("public key: the modulus has %d bits, not %d", n.BitLen(), Bits)
	}
	if n.Bit(0) == 0 {
		return nil, errors.New("public key: the modulus is even")
	}
	if p := smallFactor(n); p != 0 {
		return nil, fmt.Errorf("public key: the modulus has the small factor %d", p)
	}
	return &PublicKey{
		modulus: modulus,
		id:      wire.KeyId(labelKey.Hash(modulus[:])),
		rsa:     rsa.PublicKey{N: n, E: Exponent},
	}, nil
}

// Modulus returns the modulus, which is the whole key.
func (k *PublicKey) Modulus() wire.Rsa { return k.modulus }

// Id names the key.
func (k *PublicKey) Id() wire.KeyId { return k.id }

// Equal reports whether two keys are the same.
func (k *PublicKey) Equal(o *PublicKey) bool { return o != nil && k.modulus == o.modulus }

// String shows the fingerprint.
func (k *PublicKey) String() string { return k.Fingerprint() }

// Verify checks a signature under a label. The salt must have exactly 32 bytes.
func (k *PublicKey) Verify(l Label, body, sig []byte) error {
	return k.verify(l.Hash(body), sig)
}

func (k *PublicKey) verify(digest wire.Hash, sig []byte) error {
	opts := rsa.PSSOptions{SaltLength: saltSize, Hash: crypto.SHA256}
	if len(sig) != len(k.modulus) || rsa.VerifyPSS(&k.rsa, crypto.SHA256, digest[:], sig, &opts) != nil {
		return ErrSignature
	}
	return nil
}

// primeProducts are the odd primes below smallPrimes, grouped so that the product
// of each group fits a word: one division of the modulus then serves them all.
var primeProducts = func() (products []uint64) {
	product := uint64(1)
	for n := uint64(3); n < smallPrimes; n += 2 {
		if !big.NewInt(int64(n)).ProbablyPrime(0) { // exact below 2^64
			continue
		}
		if hi, lo := bits.Mul64(product, n); hi == 0 {
			product = lo
			continue
		}
		products, product = append(products, product), n
	}
	return append(products, product)
}()

// smallFactor returns an odd prime below smallPrimes that divides n, or 0.
func smallFactor(n *big.Int) uint64 {
	for _, product := range primeProducts {
		common := gcd(mod(n, product), product)
		for p := uint64(3); common > 1 && p < smallPrimes; p += 2 {
			if common%p == 0 {
				return p
			}
		}
	}
	return 0
}

// mod returns n mod m, word by word from the most significant one.
func mod(n *big.Int, m uint64) uint64 {
	var rest uint64
	words := n.Bits()
	for i := len(words) - 1; i >= 0; i-- {
		if bits.UintSize == 32 {
			rest = bits.Rem64(rest>>32, rest<<32|uint64(words[i]), m)
		} else {
			rest = bits.Rem64(rest, uint64(words[i]), m)
		}
	}
	return rest
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
