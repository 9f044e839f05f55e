// Package channel is the login of the default tier: a user shows a server who he is, by
// the key of a device, by a password or by an invitation, in six messages that make a
// secure channel; and two clients make the same channel whom the server has introduced.
//
// It promises that no name of a user leaves a client but under a key that only the
// holder of the pinned key can have; that whoever is not the server, or was not
// there, learns nothing later by stealing keys; that a server spends no public-key operation
// on a stranger's first message and at most a signature's check on one who has not worked;
// that it answers for a user or a device that doesn't exist as for one that does; that nothing
// of a run serves in another; that a client works on no puzzle and signs nothing before it knows
// that its server sent them; and that a wrong password, an unknown user and credentials that were
// tampered with are one error.
//
// A Client has the shape of the transport's Initiator, a Server that of its Responder,
// a Run that of its Handshake; the package doesn't import the transport:
//
//	client, err := channel.NewClient(channel.ClientConfig{...})
//	b1, err := client.First()                // B1: to the server, with a HELLO
//	client.Bind(conn)                        // what the transport calls this connection
//	b3, _, err := client.Next(ctx, b2)       // B2 and B3: solves the puzzle
//	b5, secrets, err := client.Next(ctx, b4) // B4 and B5: proves who it is
//	session, err := client.OpenB6(b6)        // the first frame of the session
//
// The messages are in spec/channel.wire. Time is an argument, randomness a reader, except
// that encapsulations draw from the system. A message that is forged, cut, stale or of another
// run leaves a run where it was: it is dropped and a good one awaited. Once a box has opened,
// its sender is who it should be, and a fault in it is final.
//
// # Limitations
//
// Who may log in with a password is limited by counting, in memory: a server that is
// restarted forgives. So does the set of solutions that were used: what it forgets are
// messages of connections that don't exist any more. One who is on the path can end a
// handshake, as he can cut the path: with a solution few boxes are tried, and whose they
// are the server knows only when it has done the work for them.
//
// Go may keep copies of secrets where Clear does not reach.
package channel
