package server

import (
	"context"
	"time"

	"sotto/node/transport"
	"sotto/wire"
)

// A tier is what the protocol of a server's tier has for itself: how people log
// in, what a session begins with, and how their keys become known to others.
// Mailboxes, presence, introductions and limits are the same in all of them.
type tier interface {
	transport.Responder

	// fingerprint is what people compare to know the server.
	fingerprint() string
	// admit says who has logged in, of what the handshake calls the peer; nil is nobody.
	admit(peer any) guest
	// reason names a number that the login counts by.
	reason(n uint8) string
	// keepHouse does what time asks for, about once a minute.
	keepHouse(ctx context.Context)
}

// A guest is who logged in on one conn, as his tier knows him.
type guest interface {
	// name is the user's, as registered; empty, of somebody who has no account yet.
	name() string
	// visitor is what somebody who has no account yet may still ask for.
	visitor() *allowance
	// full reports whether the session may begin at once. Until it begins nobody
	// sees it, nothing is pushed, and only the tier's own requests are answered.
	full() bool
	// welcome returns the first frame of the control stream. It is asked for once.
	welcome(now time.Time) ([]byte, error)
	// answer does a request that only this tier knows; nil says that it knows
	// it no more than the others.
	answer(s *session, req *wire.Request) *wire.Reply
}
