// Package second holds the login of the default tier a second time, as
// wire/PROTOCOL.md tells it: a client, a server, and a client that dials another,
// all by hand. In its tests they meet the first over UDP. This client logs in at
// our server by password, device and invitation, publishes entries and makes
// accounts; our client logs in at this server; and one calls the other. What both
// understand alike, the document says; whoever changes the protocol without its
// prose finds out here.
//
// The client was written from the document alone, by somebody who had not seen
// the code of the first. What he had to guess was added to the document, and the
// rest was written from that.
//
// # Limitations
//
// It shares no code with the rest of the module, and has none of its care: it
// keeps its secrets in memory, compares in constant time only where it is no
// trouble, sends without a congestion window, follows no update of keys and gives
// up at the first error. It is all tests, so that nobody can import it.
package second
