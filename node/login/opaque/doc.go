// Package opaque is the password login of the default tier: OPAQUE as in RFC 9807,
// OPAQUE-3DH with ristretto255-SHA512 and Argon2id.
//
// It promises that a server, or who steals what it keeps, never sees a password nor
// anything that a password can be looked up in: a guess costs one run with the server
// or, with its secrets and the user's record, one Argon2id; that both sides end with the same
// key only if the password is right and they agree on every byte of the run, on who they
// are and on a context that the caller gives; that no client sends its proof before it has
// checked the server's; that a wrong password and an answer that was tampered with are
// one error; and that a server answers for a user who doesn't exist as for one who does.
//
//	                                                        // once, over a channel that is secret and authentic:
//	registration, request, err := opaque.StartRegistration(random, input)
//	response, err := server.Register(request, credentialID)
//	record, keys, err := registration.Finish(random, response, ids, stretch)
//	                                                        // and at each login:
//	login, ke1, err := opaque.StartLogin(random, input)
//	ke2, pending, err := server.Respond(random, record, credentialID, ids, context, ke1)
//	ke3, keys, err := login.Finish(ke2, ids, context, stretch)
//	session, err := pending.Finish(ke3)
//
// The messages are in spec/opaque.wire, and with them all that is hashed. The group
// and the OPRF are circl's, the rest is the standard library's and x/crypto's.
//
// # Limitations
//
// The package counts nothing. Each Respond lets the peer try one password: who calls it
// limits how often, for a user and for an address, and takes a run whose proof doesn't
// come for a failed guess. Register tells nobody whether a user exists, but who answers
// it with a record replaces what there was: let only the user.
//
// The identities are part of what the client keeps at the server. If a server changes
// its name, all passwords have to be registered anew.
//
// circl keeps copies of scalars that can't be overwritten, and Go may: Clear overwrites what
// the package itself holds.
package opaque
