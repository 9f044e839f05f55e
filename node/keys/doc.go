// Package keys holds the identities of the classic tier: RSA key pairs of 3072
// bits, what they sign and what is sealed to them.
//
// It promises that a signature or a seal made under one label serves for no
// other, that a key which is not exactly of the one allowed shape never becomes
// a PublicKey or an Identity, and that a secret stands in no error and in no
// String. What fails says which promise failed, never why.
//
//	sig, err := identity.Sign(random, label, body)
//	err = identity.Public().Verify(label, body, sig[:])
//	sealed, err := identity.Public().Seal(random, label, body)
//	body, err = identity.Open(label, &sealed)
//
// The layouts are in spec/classic/keys.wire. The package takes bytes and keys and
// gives bytes and errors: who reads and writes key files, and where the random
// bytes come from, is for others to say. It knows nothing of users or messages.
//
// # Limitations
//
// Go may keep copies of secrets where Clear does not reach: Clear overwrites what the
// package itself holds. Key generation draws from the system whatever reader it is given.
package keys
