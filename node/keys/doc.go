// Package keys holds the keys of people, devices and servers: what they sign, what is
// sealed to them, the files they lie in, and the digits by which people compare them.
//
// It promises that a signature or a seal made under one label serves for no
// other, that a key which is not of the allowed shape neither verifies nor seals
// anything, and that a secret stands in no error and in no String. What fails
// says which promise failed, never why.
//
// Each tier has keys of its own. Those of the default tier are Ed25519 and X-Wing pairs,
// made of seeds; a Host, an Account and a Device have one of each:
//
//	sig := device.Signer.Sign(label, body)
//	err = keys.VerifyEd(label, public.Sign, body, &sig)
//	enc, secret, err := keys.Encapsulate(&public.Seal, label)
//	secret, err = device.Sealer.Decapsulate(label, &enc)
//
// Those of the classic tier are RSA pairs of 3072 bits:
//
//	sig, err := identity.Sign(random, label, body)
//	err = identity.Public().Verify(label, body, sig[:])
//	sealed, err := identity.Public().Seal(random, label, body)
//	body, err = identity.Open(label, &sealed)
//
// The layouts are in spec/identity.wire and spec/classic/keys.wire. The package takes bytes and keys and
// gives bytes and errors: who reads and writes key files, and where the random
// bytes come from, is for others to say. It knows nothing of users or messages.
//
// # Limitations
//
// Go may keep copies of secrets where Clear does not reach: Clear overwrites what the
// package itself holds. The generation of RSA keys, and encapsulations, draw from the system
// whatever reader they are given.
package keys
