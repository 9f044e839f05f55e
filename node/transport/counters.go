package transport

import "sync/atomic"

// Counters say what became of the datagrams that were not a connection's. Each
// reason to drop one has its own.
type Counters struct {
	Received  uint64 // datagrams
	Sent      uint64 // batches of packets handed to the socket
	Malformed uint64 // not a packet: wrong length, version or layout
	Corrupt   uint64 // a handshake packet whose tag is wrong
	Short     uint64 // a HELLO below 1,200 bytes
	Unwanted  uint64 // a HELLO that the responder drops, or that nobody responds to
	BadToken  uint64 // a HELLO whose token is forged, from elsewhere, or too old
	Full      uint64 // a HELLO for which there is no room
	Retried   uint64 // HELLOs answered with a RETRY
	Begun     uint64 // runs of the handshake begun as responder
	Failed    uint64 // runs that the responder's handshake ended
	Expired   uint64 // half-open connections given up
	Stale     uint64 // handshake packets that no connection waits for
	Unknown   uint64 // sealed packets for no connection
	Forged    uint64 // sealed packets that don't open, or were there before
	Resets    uint64 // RESET packets sent
	BadReset  uint64 // RESET packets for no connection
	Accepted  uint64 // connections handed to Accept
	Refused   uint64 // connections closed because the backlog was full
	ReadError uint64 // errors of the socket
}

// counters are the Counters while they count.
type counters struct {
	received, sent, malformed, corrupt, short, unwanted, badToken, full, retried, begun, failed, expired,
	stale, unknown, forged, resets, badReset, accepted, refused, readError atomic.Uint64
}

func (c *counters) snapshot() Counters {
	return Counters{
		Received: c.received.Load(), Sent: c.sent.Load(), Malformed: c.malformed.Load(), Corrupt: c.corrupt.Load(),
		Short: c.short.Load(), Unwanted: c.unwanted.Load(), BadToken: c.badToken.Load(), Full: c.full.Load(),
		Retried: c.retried.Load(), Begun: c.begun.Load(), Failed: c.failed.Load(), Expired: c.expired.Load(),
		Stale: c.stale.Load(), Unknown: c.unknown.Load(), Forged: c.forged.Load(), Resets: c.resets.Load(),
		BadReset: c.badReset.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(), ReadError: c.readError.Load(),
	}
}
