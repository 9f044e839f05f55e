package client

import (
	"encoding/hex"
	"net/netip"
	"time"
)

// An Event is something that a person or a program would want to know. The
// events of a Client are one stream, in the order in which they happened:
// every view (line mode, and others later) renders this stream and nothing
// else.
type Event interface{ event() }

// A MessageID names a message. The sender chose it at random.
type MessageID [16]byte

// Short gives the first four hex digits, which people use to tell the few
// messages on a screen apart.
func (id MessageID) Short() string { return hex.EncodeToString(id[:2]) }

func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// A State is what is known of a message that we sent.
type State uint8

const (
	Queued    State = iota + 1 // kept until the recipient, or the server, is there: see StateChanged.Held
	Sent                       // the server has it on disk and the recipient is online
	Delivered                  // the recipient has it on disk
	Failed                     // it will not arrive; StateChanged.Why says why
)

func (s State) String() string {
	return [...]string{"unknown", "queued", "sent", "delivered", "failed"}[s]
}

// Connected says that the login succeeded.
type Connected struct {
	User   string // as registered
	Server netip.AddrPort
	Again  bool // contact was lost before
}

// Lost says that there is no contact with the server. The client keeps trying.
type Lost struct {
	Why     error
	Waiting int           // messages in our outbox
	Retry   time.Duration // until the next try
}

// Ended says that the client gave up for good: another login replaced this
// one (ErrReplaced), the server's key changed, the password was refused. It is
// the last event.
type Ended struct{ Why error }

// A Message is a text from somebody. It is on disk and stays there until
// Client.Shown is called with it; a message that was never marked comes again
// in the next run.
type Message struct {
	ID       MessageID
	place    int64 // in the profile's inbox
	From     string
	Text     string
	Sent     time.Time // by the sender's clock
	Verified bool      // the sender's key has been compared
	Late     bool      // it was reported as missing before
}

// A Gap says that messages of a sender that should have come before the next
// one did not.
type Gap struct {
	From    string
	Missing uint64
}

// Unreadable says that something arrived that was not accepted as a message,
// and why.
type Unreadable struct {
	From string // who it claims, or the way it came by, to be from; may be empty
	Why  error
}

// StateChanged says what became of a message of ours.
type StateChanged struct {
	ID     MessageID
	To     string
	State  State
	Held   bool   // Queued: the server holds it for somebody offline
	Direct bool   // Delivered: the recipient's own client said so, not the server
	Why    string // Failed
	At     time.Time
}

// KeyChanged says that somebody's key is not the one we know. Sending to him
// stops until Client.Trust.
type KeyChanged struct {
	User        string
	Fingerprint string // of the new key
}

// An AccountChanged says that somebody's account has other devices or keys, and
// that the keys that we know of it vouch for that.
type AccountChanged struct {
	User           string
	Own            bool     // it is our own account
	Added, Removed []string // devices, as their owner calls them
	Rotated        bool     // the account's keys are new, signed by the old ones
}

// A ServerKeyRenewed says that the server has another key, signed by the old
// one.
type ServerKeyRenewed struct {
	Fingerprint string
	Since       time.Time
}

// A PresenceChanged says that somebody came online or went offline.
type PresenceChanged struct {
	User   string
	Online bool
}

// A Held says that the server holds messages of earlier runs that a user has
// not fetched yet.
type Held struct {
	To       string
	Messages int
}

// A RateLimited says that the server takes no more messages for now. They wait
// and go out by themselves.
type RateLimited struct {
	To    string
	Retry time.Duration
}

// A Notice is something to tell the person that has no event of its own.
type Notice struct{ Text string }

func (Connected) event()        {}
func (Lost) event()             {}
func (Ended) event()            {}
func (Message) event()          {}
func (Gap) event()              {}
func (Unreadable) event()       {}
func (StateChanged) event()     {}
func (KeyChanged) event()       {}
func (AccountChanged) event()   {}
func (ServerKeyRenewed) event() {}
func (PresenceChanged) event()  {}
func (Held) event()             {}
func (RateLimited) event()      {}
func (Notice) event()           {}
