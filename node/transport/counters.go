package transport

import (
	"sync/atomic"

	"sotto/node/internet"
)

// Counters say what an endpoint has seen and what became of it. Each reason to drop
// something has its own.
type Counters struct {
	Received uint64 // datagrams
	Sent     uint64 // batches of packets handed to the socket

	// Datagrams of strangers.
	Malformed uint64 // not a packet: wrong length, version or layout
	Corrupt   uint64 // a handshake packet whose tag is wrong
	Short     uint64 // a HELLO below 1,200 bytes
	Unwanted  uint64 // a HELLO that the responder drops, or that nobody responds to
	Crowded   uint64 // a HELLO without a token, beyond what is answered in a second
	BadToken  uint64 // a HELLO whose token is forged, from elsewhere, or too old
	Full      uint64 // a HELLO for which there is no room
	Stale     uint64 // handshake packets that no connection waits for
	Unknown   uint64 // sealed packets for no connection
	BadReset  uint64 // RESET packets for no connection

	// Datagrams of a connection.
	Forged    uint64 // sealed packets that don't open
	Replayed  uint64 // sealed packets that were there before, or too long ago to tell
	Early     uint64 // sealed packets before the keys, for which there is no room
	Scattered uint64 // packets that would make one more hole in a stream than is kept account of; they come again
	NoMemory  uint64 // packets for which all connections together held too much; they come again
	Unread    uint64 // unreliable messages that nobody received in time
	Unsent    uint64 // and those that newer ones displaced before they left

	// Datagrams that the kernel dropped.
	Overflow    uint64 // received, but no room was left in the socket's buffer
	SendRefused uint64 // not sent: nobody there, no way, or too long

	Retried   uint64 // HELLOs answered with a RETRY
	Begun     uint64 // runs of the handshake begun as responder
	Failed    uint64 // runs that the responder's handshake ended
	Expired   uint64 // half-open connections given up
	Resets    uint64 // RESET packets sent
	Withheld  uint64 // and those not sent, because the packet was too short or there were too many
	Accepted  uint64 // connections handed to Accept
	Refused   uint64 // connections closed because the backlog was full
	ReadError uint64 // errors of the socket
}

// counters are the Counters while they count.
type counters struct {
	received, sent, malformed, corrupt, short, unwanted, crowded, badToken, full, stale, unknown, badReset,
	forged, replayed, early, scattered, noMemory, unread, unsent,
	retried, begun, failed, expired, resets, withheld, accepted, refused, readError atomic.Uint64
}

func (c *counters) snapshot() Counters {
	return Counters{
		Received: c.received.Load(), Sent: c.sent.Load(),
		Malformed: c.malformed.Load(), Corrupt: c.corrupt.Load(), Short: c.short.Load(), Unwanted: c.unwanted.Load(),
		Crowded: c.crowded.Load(), BadToken: c.badToken.Load(), Full: c.full.Load(), Stale: c.stale.Load(),
		Unknown: c.unknown.Load(), BadReset: c.badReset.Load(),
		Forged: c.forged.Load(), Replayed: c.replayed.Load(), Early: c.early.Load(), Scattered: c.scattered.Load(),
		NoMemory: c.noMemory.Load(), Unread: c.unread.Load(), Unsent: c.unsent.Load(),
		Retried: c.retried.Load(), Begun: c.begun.Load(), Failed: c.failed.Load(), Expired: c.expired.Load(),
		Resets: c.resets.Load(), Withheld: c.withheld.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		ReadError: c.readError.Load(),
	}
}

// Counters says what the endpoint has seen.
func (e *Endpoint) Counters() Counters {
	c := e.count.snapshot()
	for _, r := range e.readers {
		d := internet.DropsOf(r.io)
		c.Overflow += d.Overflow
		c.SendRefused += d.Refused
	}
	return c
}
