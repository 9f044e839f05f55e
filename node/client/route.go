package client

import "time"

const (
	// directWait is how long messages wait for a direct conn to come up
	// before they go by the server.
	directWait = 1500 * time.Millisecond

	// relayHold is how long a failed direct conn is remembered.
	relayHold = time.Minute

	// awayHold is how long "offline" is believed without asking again. A push
	// that says otherwise ends it at once.
	awayHold = 10 * time.Second
)

// A routeState is what is known about the ways to one user.
type routeState uint8

const (
	routeUnknown routeState = iota // nothing: ask the server
	routeFinding                   // the server is asked, or the conn dialed
	routeDirect                    // a conn to the user's own socket
	routeRelay                     // by the server
)

// A way is what a route says about the next message.
type way uint8

const (
	wayFind   way = iota // start to look for a direct conn; the message waits
	wayWait              // the message waits
	wayDirect            // over the direct conn
	wayRelay             // by the server
)

// A route decides which way messages to one user go: directly where that is
// possible, by the server otherwise. The zero value knows nothing.
type route struct {
	state routeState
	until time.Time // when routeFinding is given up, or routeRelay forgotten
}

// way says where the next message goes.
func (r *route) way(now time.Time) way {
	switch r.state {
	case routeDirect:
		return wayDirect
	case routeFinding:
		if now.Before(r.until) {
			return wayWait
		}
		r.failed(now)
		return wayRelay
	case routeRelay:
		if now.Before(r.until) {
			return wayRelay
		}
		r.state = routeUnknown
	}
	return wayFind
}

// deadline is when way must be asked again although nothing happened; zero if
// never.
func (r *route) deadline() time.Time {
	if r.state == routeFinding {
		return r.until
	}
	return time.Time{}
}

// finding says that the search for a direct conn has begun.
func (r *route) finding(now time.Time) { r.state, r.until = routeFinding, now.Add(directWait) }

// connected says that there is a direct conn.
func (r *route) connected() { r.state = routeDirect }

// failed says that a direct conn could not be made, or died.
func (r *route) failed(now time.Time) { r.state, r.until = routeRelay, now.Add(relayHold) }

// away says that the server knows the user as offline.
func (r *route) away(now time.Time) { r.state, r.until = routeRelay, now.Add(awayHold) }

// forget says that what was known no longer holds: the user logged in again,
// or our own session is new. A direct conn that stands is kept.
func (r *route) forget() {
	if r.state != routeDirect {
		r.state = routeUnknown
	}
}
