// Package deployment is a server's state folder: its keys, its users and the
// demo.
//
// The folder is private (mode 0700) and holds
//
//	server.key   the identity and the lasting secret, mode 0600
//	server.pub   the public key, for clients on this machine
//	state.db     users, mailboxes, marks and the manifest, see package store
//	lock         held while a server or a command has the folder open
//
// Open opens what is there and never makes anything; AddUser makes a user with
// a new key pair that only his password opens; ReplaceWithDemo makes a whole
// folder with the four demo users beside the old one and then moves it in its
// place, so that nothing is ever half old and half new. It destroys nothing:
// what was there is moved aside, and if other users are in it, only by force.
//
// # Limitations
//
// The folder is locked while it is open, so users can be added only while the
// server stands still. The key file is not boxed under a passphrase.
package deployment
