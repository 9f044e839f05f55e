// Package second holds the default tier a second time: a client that was
// written only from wire/PROTOCOL.md, by hand and without a look at the code
// of the first. Its tests let it log in, by each kind of login, to our own
// server over UDP. What both understand alike, the document says; whoever
// changes the protocol without its prose finds out here.
//
// It shares no code with the rest of the module and has none of its care: it
// keeps its secrets in memory, compares what need not be compared in constant
// time, sends without a congestion window and takes the first error for the
// last. It is all tests, so nobody can import it.
package second
