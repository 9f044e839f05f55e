package classic

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// A Verdict says what a responder makes of a first message.
type Verdict uint8

// The verdicts.
const (
	Drop    Verdict = iota // nothing happens
	Retry                  // a message goes back, nothing is kept
	Proceed                // the message proves itself: a run may begin
)

// Users are the accounts.
type Users interface {
	// Record returns a user's record, or nil if there is no such user. The name
	// is in lower case.
	Record(folded string) (*wire.Record, error)
}

// Marks remember what may not come twice, through restarts too.
type Marks interface {
	// Mark reports whether a key is new, and remembers it until it expires. When it
	// returns, that is on disk.
	Mark(now time.Time, key [32]byte, expires time.Time) (fresh bool, err error)
}

// A ServerConfig is what a Server needs.
type ServerConfig struct {
	Random   io.Reader // safe for concurrent use
	Identity *keys.Identity
	Secret   [32]byte // lasting; credentials of users that don't exist come of it
	Users    Users
	Marks    Marks
	Count    func(Reason) // safe for concurrent use; may be nil
	BaseK    uint8        // solutions that are asked of everybody; 0 is 1, the seed's difficulty
}

// A Server answers logins. It has the shape of a transport.Responder and is safe for
// concurrent use. What it keeps has a fixed size.
type Server struct {
	cfg        ServerConfig
	challenges *puzzle.Challenges
	decoys     decoyer
	demand     *puzzle.Demand // a guess is an unanswered message 4
}

// NewServer makes a server of logins.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Random == nil || cfg.Identity == nil || cfg.Users == nil || cfg.Marks == nil {
		return nil, errors.New("login: the server lacks its key, users, marks or random source")
	}
	demand, err := puzzle.NewDemand(cfg.BaseK)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, decoys: decoyer{cfg.Secret}, demand: demand}
	s.challenges = &puzzle.Challenges{Random: cfg.Random, Server: cfg.Identity.Public().Id(), Sign: s.signC1}
	return s, nil
}

// signC1 makes a message 2.
func (s *Server) signC1(c1 *wire.C1) ([]byte, error) {
	body, err := encode(c1)
	if err != nil {
		return nil, err
	}
	sig, err := s.cfg.Identity.Sign(s.cfg.Random, labelC1, body)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return encode(&wire.M2{Body: *c1, Sig: sig})
}

// String shows whose server it is, and no secret.
func (s *Server) String() string { return "logins at " + s.cfg.Identity.Public().Fingerprint() }

// GoString keeps %#v from showing what String hides.
func (s *Server) GoString() string { return s.String() }

func (s *Server) count(r Reason) {
	if s.cfg.Count != nil {
		s.cfg.Count(r)
	}
}

// First answers a message 1 with the message 2 of this slot, and a question for the
// key with the key. It does no public-key operation of its own: message 1 is not
// opened, only what it contains can make its sender's message 3 fit.
func (s *Server) First(now time.Time, from netip.AddrPort, msg []byte) (Verdict, []byte) {
	var ask wire.KeyAsk
	if ask.UnmarshalBinary(msg) == nil {
		return s.showKey(&ask)
	}
	var m1 wire.Sealed
	if _, err := m1.Decode(msg); err != nil || m1.Size() != len(msg) || len(m1.Ct) != m1Size {
		s.count(ReasonNotM1)
		return Drop, nil
	}
	m2, err := s.challenges.Message(now, s.demand.K(now, from.Addr()))
	if err != nil {
		s.count(ReasonUnavailable)
		return Drop, nil
	}
	s.count(ReasonChallenged)
	return Retry, m2
}

// m1Size is the size of a sealed M1.
var m1Size = (&wire.M1{}).Size() + keys.TagSize

// Begin starts the run of an address that has proved itself.
func (s *Server) Begin(now time.Time, from netip.AddrPort, conn [32]byte) *Run {
	return &Run{server: s, from: from, conn: conn}
}
