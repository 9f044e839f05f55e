// Package manifest is the directory of the classic tier: the server signs a
// manifest of all users, and a client checks it and remembers what it has seen.
//
// It promises that a manifest which it returns was signed by the pinned server,
// is well formed, holds no name and no key twice and no key that isn't one, and
// that Follows refuses to go back, to follow a fork or a broken chain, and to
// believe what has expired.
//
//	m, err := manifest.Verify(server, signed)
//	err = m.Follows(seen, now)     // then store m.Seen()
//	err = m.CheckOwn(name, key)    // an alarm
//
// The layout is in spec/classic/directory.wire. The package has no clock, disk or
// locks: now is the server's time. What was seen, and which key of a person was
// accepted, is for the client's profile to keep.
//
// # Limitations
//
// A client that missed a manifest can't check the chain across the gap: it then
// knows only that the version has grown. A server can show different people
// different manifests; what stops it from using that is the pins and the safety
// numbers.
package manifest
