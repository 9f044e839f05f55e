// Package classic is the login of the classic tier: a puzzle, credentials that
// only the password opens, and a proof of possession, in six messages; and how two
// clients recognise each other whom the server has introduced.
//
// It promises that a server spends no private-key operation on a message 1, and
// none that a stranger can repeat without new work; that it answers for a
// user who doesn't exist as for one who does; that nothing of a run serves in another;
// that a client works on no puzzle, opens no credentials and signs nothing before it
// knows that its server sent them; and that a wrong password, an unknown user and
// credentials that were tampered with are one error.
//
// A Client has the shape of the transport's Initiator, a Server that of its Responder,
// a Run that of its Handshake; the package doesn't import the transport:
//
//	client, err := classic.NewClient(classic.ClientConfig{...})
//	m1, err := client.First()                // 1: to the server, with a HELLO
//	client.Bind(conn)                        // what the transport calls this connection
//	m3, _, err := client.Next(ctx, m2)       // 2 and 3: solves the puzzle
//	m5, secrets, err := client.Next(ctx, m4) // 4 and 5: opens the credentials
//	session, manifest, err := client.OpenM6(m6)
//
// The messages are in spec/classic/login.wire, peer.wire and newcomer.wire. Time is an
// argument, randomness a reader; what must survive a restart goes to a Marks.
//
// # Limitations
//
// Who solves puzzles gets a user's credentials and can search for the password offline,
// one Argon2id a guess: that is the shape of this protocol. There is no forward secrecy:
// who gets the server's key and a recording reads the logins in it.
package classic
