// Package profile holds what one client must not forget about one user on
// one server: the pinned key of the server, the manifest or the log that it has
// seen, the keys of peers that the user relies on, the numbers of the messages
// it has sent, those messages until their fate is known, drafts that could not
// be sent, what it has received until it was shown, and evidence of a server
// that lied.
//
// It promises that changes which belong together happen together or not at
// all: a message's number is used up in the transaction that puts the sealed
// message into the outbox, and a sender's window moves in the transaction
// that puts the message into the inbox, and the log's leaves, hashes and head
// move in one with the keys that they show of peers. What a method reported as done
// survives kill -9 and power cuts. One process at a time holds a profile.
//
// A message leaves only after Send returned, and is acked only after Receive
// returned; then a client that is killed at any moment loses no message and
// uses no number twice. It may show a message a second time, with the same
// ID, if it was killed between showing it and Shown.
//
// What it does not do: it has no network, no clock and no cryptography. It
// keeps envelopes sealed and the key file of this device, as it gets them. Whoever
// copies the database learns who wrote to whom and when, and no text; who copies the key
// file too is this device.
package profile
