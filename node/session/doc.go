// Package session is the secure channel: the key schedule of its handshake, and
// the protection of the packets after it.
//
// The schedule is a type for each stage, Start, First, Second, Third and Done, as
// spec/channel.wire has it. A stage is reached only from the one before it and with
// the bytes that belong between them, so that a wrong order does not compile and
// whoever has seen other bytes has other keys. Each stage but the first and the last
// has a box for one message:
//
//	start, ct1, err := session.StartTo(&server.Seal)
//	first := start.First(conn, b2, id, head)
//	box := first.Seal(plain)                        // B3
//	second, err := first.SecondFrom(e, b3, &ct2)
//	plain, err := second.Open(box)                  // B4
//	third := second.Third(b4)
//	box = third.Seal(plain)                         // B5
//	secrets := third.Done(b5).Dialler()
//
// Keys protect packets: they seal what an end of a connection sends and open what it
// receives. They promise that nothing which they open was made by anybody but the
// peer, in this direction, and that they open each packet at most once. A nonce is
// never used twice: packet numbers only grow, through key updates too, and sealing
// stops at the last one.
//
//	keys, err := session.New(secrets)
//	keys.Seal(packet, head, number)            // in place
//	number, err := keys.Open(packet, head, phase, low)
//
// The package does not hide packet numbers from observers, knows no sockets or clocks,
// and says nothing of who the peer is: that is for package login. Nothing in it is
// safe for concurrent use: the connection that owns it has a lock. What is not needed
// any more its owner clears; Go may keep copies where Clear does not reach.
package session
