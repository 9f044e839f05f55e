package channel

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/opaque"
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

// A ServerConfig is what a Server needs.
type ServerConfig struct {
	Random   io.Reader // safe for concurrent use
	Host     *keys.Host
	Accounts Accounts
	Count    func(Reason) // safe for concurrent use; may be nil
	BaseK    uint8        // solutions that are asked of everybody; 0 is 1, the seed's difficulty

	// Spent reports whether an invitation has made an account already. It is asked of each that
	// comes, ours or not, and safe for concurrent use; nil: none has.
	Spent func(*wire.Invitation) (bool, error)
}

// A Server answers logins. It has the shape of a transport.Responder and is safe for
// concurrent use. What it keeps has a fixed size.
type Server struct {
	cfg        ServerConfig
	id         wire.KeyId
	key        wire.ServerKey
	opaque     *opaque.Server
	decoys     *decoyer
	challenges *puzzle.Challenges
	demand     *puzzle.Demand // a guess is a password run whose proof has not come
	used       replaySet
	history    [][]byte // the server's keys in parts, as they are shown
}

// NewServer makes a server of logins.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Random == nil || cfg.Host == nil || cfg.Accounts == nil {
		return nil, errors.New("login: the server lacks its keys, accounts or random source")
	}
	demand, err := puzzle.NewDemand(cfg.BaseK)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, id: cfg.Host.Id(), key: cfg.Host.Key(),
		decoys: newDecoyer(cfg.Host.Decoy()), demand: demand, used: replaySet{life: puzzle.Life},
	}
	s.challenges = &puzzle.Challenges{Random: cfg.Random, Server: s.id, Sign: s.signC1}
	if s.opaque, err = newOpaque(cfg.Host); err != nil {
		return nil, err
	}
	if s.history, err = historyParts(cfg.Host.History()); err != nil {
		return nil, err
	}
	return s, nil
}

// String shows whose server it is, and no secret.
func (s *Server) String() string { return "logins at " + keys.Fingerprint(s.id) }

// GoString keeps %#v from showing what String hides.
func (s *Server) GoString() string { return s.String() }

func (s *Server) count(r Reason) {
	if s.cfg.Count != nil {
		s.cfg.Count(r)
	}
}

// signC1 makes B2.
func (s *Server) signC1(c1 *wire.C1) ([]byte, error) {
	body, err := encode(c1)
	if err != nil {
		return nil, err
	}
	return encode(&wire.B2{Body: *c1, Sig: s.cfg.Host.Signer().Sign(labelC1, body)})
}

// issued reports whether a challenge is ours.
func (s *Server) issued(b2 *wire.B2, message []byte) bool {
	return b2.Body.Server == s.id && (s.challenges.Issued(b2.Body.N1, message) ||
		keys.VerifyEd(labelC1, s.key.Sign, b2.BodyRaw, &b2.Sig) == nil)
}

// First answers B1 with the B2 of this slot, and a question for the server's keys with
// a part of them. Nothing is kept, and nothing signed but once a slot.
func (s *Server) First(now time.Time, from netip.AddrPort, msg []byte) (Verdict, []byte) {
	var b1 wire.B1
	if b1.UnmarshalBinary(msg) != nil {
		return s.showHistory(msg)
	}
	b2, err := s.challenges.Message(now, s.demand.K(now, from.Addr()))
	if err != nil {
		s.count(ReasonUnavailable)
		return Drop, nil
	}
	s.count(ReasonChallenged)
	return Retry, b2
}

// Guess counts an answer to the registration of a name: who collects them before its user
// comes could try passwords with them later, without asking. Where there were too
// many guesses at the name lately, it counts none, and says how long half of them are
// remembered: until then none may be answered.
func (s *Server) Guess(now time.Time, from netip.AddrPort, user string) (wait time.Duration) {
	if s.demand.Guesses(now, user) >= guessLimit {
		return puzzle.FailureHalfLife
	}
	s.demand.Guessed(now, from.Addr(), user)
	return 0
}

// Begin starts the run of an address that has proved itself.
func (s *Server) Begin(now time.Time, from netip.AddrPort, conn [32]byte) *Run {
	return &Run{server: s, from: from, conn: conn}
}
