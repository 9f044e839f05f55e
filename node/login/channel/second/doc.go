// Package second holds the default tier's login a second time: a client and a
// server that were written only from wire/PROTOCOL.md, by hand and without a
// look at the code of the first. In its tests they meet the first over UDP: this
// client logs in at our server by password, device and invitation, publishes
// entries and makes accounts, and our client logs in at this server. What both
// understand alike, the document says; whoever changes the protocol without its
// prose finds out here.
//
// # Limitations
//
// It shares no code with the rest of the module, and has none of its care: it
// keeps its secrets in memory, compares in constant time only where it is no
// trouble, sends without a congestion window, follows no update of keys and gives
// up at the first error. It is all tests, so that nobody can import it.
package second
