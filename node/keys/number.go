package keys

import (
	"fmt"
	"slices"
	"strings"

	"sotto/wire"
)

// Fingerprint shows a key as 30 digits, "48213 90417 22875 61120 09934 71158".
func Fingerprint(id wire.KeyId) string {
	return strings.Join(groups(labelFingerprint.Hash(id[:])), " ")
}

// Fingerprint shows the key as 30 digits.
func (k *PublicKey) Fingerprint() string { return Fingerprint(k.id) }

// A Party is one of the two people of a safety number.
type Party struct {
	Name string
	Key  wire.KeyId
}

// SafetyNumber returns the 60 digits that two people compare, in groups of five.
// Both see the same, whoever is named first.
func SafetyNumber(a, b Party) string {
	halves := [][]string{a.half(), b.half()}
	slices.SortFunc(halves, slices.Compare)
	return strings.Join(slices.Concat(halves...), " ")
}

func (p Party) half() []string {
	input, err := (&wire.SafetyInput{Key: p.Key, Name: Fold(p.Name)}).MarshalBinary()
	if err != nil {
		// A name that nobody can have. Its number must still not be another's.
		input = fmt.Appendf(nil, "%q %x", p.Name, p.Key)
	}
	return groups(labelSafetyNumber.Hash(input))
}

// groups reads a hash as six groups of five digits.
func groups(h wire.Hash) []string {
	var d wire.Digits
	if err := d.UnmarshalBinary(h[:]); err != nil {
		panic("keys: " + err.Error()) // any 32 bytes are digits
	}
	var out []string
	for _, n := range d.Groups {
		out = append(out, fmt.Sprintf("%05d", n%100_000))
	}
	return out
}
