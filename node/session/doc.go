// Package session protects packets: it seals what an end of a connection
// sends and opens what it receives, under keys that a handshake agreed on.
//
// It promises that nothing which it opens was made by anybody but the peer,
// in this direction, and that it opens each packet at most once. A nonce is
// never used twice: packet numbers only grow, through key updates too, and
// sealing stops at the last one.
//
//	keys, err := session.New(secrets)
//	keys.Seal(packet, head, number)            // in place
//	number, err := keys.Open(packet, head, phase, low)
//
// It does not hide packet numbers from observers, knows no sockets or clocks,
// and is not safe for concurrent use: the connection that owns it has a lock.
package session
