// Package envelope seals a message from one person to another: as an Envelope in the
// classic tier, as a Letter in the default one.
//
// It promises that what Open and OpenLetter return was written by the sender whose
// keys were given, to this recipient and under these keys, exactly so: nothing of it can
// be taken out, put into another envelope, signed again by somebody else or sent
// on to a third. A Window adds that each message is taken once and in an order that
// shows what is missing.
//
//	b, err := envelope.Seal(random, me, recipient, heading, "hello")
//	m, err := envelope.Open(identity, myName, sender, now, envelope.DirectAge, b)
//
//	b, err := envelope.SealLetter(random, myDevice, contact, heading, "hello")
//	m, err := envelope.OpenLetter(myDevice, myAccounts, contact, now, envelope.DirectAge, b)
//
//	gaps, err := window.Accept(m.Header.Seq, m.Header.Id)
//
// An envelope is from one key to another. A letter is from one device to all devices of
// an account, or to the account itself where it has none yet, and carries the head of the
// log that its sender has checked, so that two people whom the server shows two logs find
// out.
//
// The layouts are in spec/classic/envelope.wire and spec/message.wire. The server must
// not import this package. There is no clock, disk or lock in it: the Window is state that its
// owner stores before he says that he has the message.
//
// # Limitations
//
// There is no forward secrecy: who gets a recipient's private key opens what was
// kept. A device that was added later doesn't open what was sealed before. Length is
// hidden up to the next 64 bytes, and who writes to whom and when not at all.
package envelope
