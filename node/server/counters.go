package server

import (
	"reflect"
	"sync/atomic"

	"sotto/wire"
)

// A Count names something that the server counts instead of logging.
type Count uint8

const (
	SessionBegun     Count = iota // control stream open, the first frame written
	SessionReplaced               // ended by a newer login of the same user
	SessionRefused                // no room, no account or no control stream
	SessionTooSlow                // ended because its pushes were not read
	BadSignal                     // a frame on the control stream that does not decode
	EnvelopeStored                // accepted for a mailbox
	EnvelopeRepeated              // sent again and known
	EnvelopePushed                // written to its recipient's session
	ReceiptPushed                 // written to its sender's session
	PushDropped                   // did not fit into a session's queue
	AckFailed                     // could not be stored at the first try
	Introduced                    // two clients told of each other
	RequestBroken                 // a stream that ended before its request did
	Published                     // an entry of an account that is in the log
	Registered                    // an account that its user has made
	PasswordChanged               // of an account whose keys stay
	numCounts
)

var countNames = [numCounts]string{
	"session begun", "session replaced", "session refused", "session too slow", "bad signal",
	"envelope stored", "envelope repeated", "envelope pushed", "receipt pushed", "push dropped",
	"ack failed", "introduced", "request broken", "published", "registered", "password changed",
}

func (c Count) String() string { return countNames[c] }

// counters are the numbers behind Counters.
type counters struct {
	counts  [numCounts]atomic.Uint64
	logins  [256]atomic.Uint64 // by what the tier calls its reasons
	refused [256]atomic.Uint64 // by wire.RefusedCode
}

func (s *Server) count(c Count) { s.counters.counts[c].Add(1) }

func (s *Server) countLogin(reason uint8) { s.counters.logins[reason].Add(1) }

func (s *Server) countRefused(c wire.RefusedCode) { s.counters.refused[c].Add(1) }

// Packets returns what became of datagrams, by the names of the transport's
// Counters, and leaves out what never happened.
func (s *Server) Packets() map[string]uint64 {
	m := make(map[string]uint64)
	c := reflect.ValueOf(s.endpoint.Counters())
	for field, v := range c.Fields() {
		if n := v.Uint(); n > 0 {
			m[field.Name] = n
		}
	}
	return m
}

// Counters returns what was counted since the server was made, by name, and
// leaves out what never happened.
func (s *Server) Counters() map[string]uint64 {
	m := make(map[string]uint64)
	set := func(name string, n *atomic.Uint64) {
		if v := n.Load(); v > 0 {
			m[name] = v
		}
	}
	for i := range s.counters.counts {
		set(Count(i).String(), &s.counters.counts[i])
	}
	for i := range s.counters.logins {
		set("login: "+s.tier.reason(uint8(i)), &s.counters.logins[i])
		set("refused: "+wire.RefusedCode(i).String(), &s.counters.refused[i])
	}
	return m
}
