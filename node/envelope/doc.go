// Package envelope seals a message from one person to another.
//
// It promises that what Open returns was written by the sender whose key was
// given, to this recipient and under these two keys, exactly so: nothing of it can
// be taken out, put into another envelope, signed again by somebody else or sent
// on to a third. A Window adds that each message is taken once and in an order that
// shows what is missing.
//
//	b, err := envelope.Seal(random, me, recipient, heading, "hello")
//	m, err := envelope.Open(identity, myName, sender, now, envelope.DirectAge, b)
//	gaps, err := window.Accept(m.Header.Seq, m.Header.Id)
//
// The layouts are in spec/classic/envelope.wire. The server must not import this
// package. There is no clock, disk or lock in it: the Window is state that its
// owner stores before he says that he has the message.
//
// # Limitations
//
// There is no forward secrecy: who gets a recipient's private key opens what was
// kept. Length is hidden up to the next 64 bytes, and who writes to whom and when
// not at all.
package envelope
