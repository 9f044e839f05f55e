// Package directory is the log of the default tier: which keys and devices each
// account has, since when, and proof that everybody is told the same. The directory
// of the classic tier is in manifest.
//
// It promises that an Entry which Next returned keeps every rule of spec/log.wire
// against the entry before it, and that no proof and no head is taken for true which
// isn't.
//
// Whoever owns an account makes its entries, a server appends them and signs heads:
//
//	e, err := directory.Create(realm, "alice", account, devices, now)
//	e, err = directory.Next(realm, before, bytes)        // as the server got it
//	head, err := directory.SignHead(signer, realm, size, hashes)
//	proof, err := directory.ProveTree(from, size, hashes)
//
// The tree, its hashes and proofs are those of golang.org/x/mod/sumdb/tlog. The
// package has no clock, disk or locks; where leaves and hashes lie is for others to
// say.
package directory
