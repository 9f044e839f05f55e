// Package directory is the log of the default tier: which keys and devices each
// account has, since when, and proof that everybody is told the same. The directory
// of the classic tier is in manifest.
//
// It promises that an Entry which Next returned keeps every rule of spec/log.wire
// against the entry before it, that a Follower takes none that brings back the keys of a
// device which was removed, that no proof and no head is taken for true which
// isn't, and that a Follower goes on with no log but the one that it has followed.
// A server that shows two people two logs is found out with the first message between
// them, and whoever got it has the evidence.
//
// Whoever owns an account makes its entries, a server appends them and signs heads:
//
//	e, err := directory.Create(realm, "alice", account, devices, now)
//	e, err = directory.Next(realm, before, bytes)        // as the server got it
//	head, err := directory.SignHead(signer, realm, size, hashes)
//	proof, err := directory.ProveTree(from, size, hashes)
//
// A client follows. What it takes is kept before it counts:
//
//	f := directory.NewFollower(history, own, memory, seen)
//	q := f.Ask()                                // q.From goes into B5
//	update, err := f.TakeHead(ctx, q, head, proof)   // of B6
//	update, err = f.TakeLeaves(ctx, q, reply)        // while f.Behind()
//	update, err = f.Hear(ctx, head)                  // of a message
//	f.Keep(update)                              // once it is on the disk
//
// An error is an alarm, and changes nothing. A *ForkError holds the evidence, which
// CheckEvidence checks for whoever has pinned a key of the server.
//
// The tree, its hashes and proofs are those of golang.org/x/mod/sumdb/tlog. The
// package has no clock, disk or locks; where leaves and hashes lie is for others to
// say.
//
// # Limitations
//
// Clients read the whole log. It tells everybody the names of all users, how many devices
// they have and when that changed. A server that shows a person another log than
// all others, and keeps every message between him and them from arriving, isn't found
// out; nobody else watches the log. Heads under a former key count against the server,
// too: whoever has stolen one can go on accusing the server after the key was replaced.
package directory
