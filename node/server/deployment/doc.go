// Package deployment is a server's state folder: its keys, its users and the
// demo.
//
// The folder is private (mode 0700) and holds
//
//	server.key   the server's secrets, mode 0600
//	server.pub   the public key, for clients on this machine
//	state.db     users, mailboxes, marks, and the log or the manifest, see package store
//	address      where the server listened last
//	lock         held while a server or a command has the folder open
//
// A deployment is of one Tier, which its key file says; where another is asked for,
// the error is a *TierError. Open opens what is there and never makes anything;
// AddUser makes a user with new keys that only his password opens, and ResetUser
// gives him others when all were lost; RotateKeys replaces the server's own.
// ReplaceWithDemo makes a whole folder with the four demo users beside the old
// one and then moves it in its place, so that nothing is ever half old and half
// new. It destroys nothing: what was there is moved aside, and if other users are
// in it, only by force.
//
// # Limitations
//
// The folder is locked while it is open, so users can be added and reset only
// while the server stands still. ReadKeys, ReadAddress and RotateKeys need no
// lock. The key file is not boxed under a passphrase.
package deployment
