package channel

import (
	"errors"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/opaque"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

// errRefused answers a message that is not taken. Why is counted, and said to nobody.
var errRefused = errors.New("login: refused")

// guessLimit is how many guesses at one user's password may be unanswered. By then each
// costs eight times the usual work, so what remains is to save the user from those who have
// it to spend: at most some six thousand guesses a day. His devices log in meanwhile.
const guessLimit = 60

// A Run is one login at the server, for one connection. It has the shape of a
// transport.Handshake and is used by one goroutine at a time.
type Run struct {
	server *Server
	from   netip.AddrPort
	conn   wire.Hash
	state  runState
	rounds int

	user    string // as the client wrote it
	kind    wire.LoginKind
	device  wire.KeyId
	account *Account       // nil: there is no such user
	verify  wire.VerifyKey // what the proof of a device is checked against
	known   bool           // verify is a device's
	pending *opaque.Pending
	third   *session.Third

	peer *Peer
}

type runState uint8

const (
	runWantsB3 runState = iota
	runWantsB5
	runOver
)

// String shows no secret.
func (r *Run) String() string { return "login from " + r.from.String() }

// GoString keeps %#v from showing what String hides.
func (r *Run) GoString() string { return r.String() }

// Peer returns the *Peer who logged in, or nil before.
func (r *Run) Peer() any {
	if r.peer == nil {
		return nil
	}
	return r.peer
}

// Next takes B3 and returns B4, or B2 again where more work is asked for; then it takes
// B5 and returns the session's secrets. An error is to be answered with silence. The run
// is over with it, unless the message could be anybody's: then it stands where it stood.
func (r *Run) Next(now time.Time, msg []byte) (reply []byte, s *session.Secrets, err error) {
	switch r.state {
	case runWantsB3:
		reply, err = r.takeB3(now, msg)
	case runWantsB5:
		s, err = r.takeB5(now, msg)
	default:
		err = r.drop(now, ReasonOutOfTurn)
	}
	return reply, s, err
}

// drop refuses a message that could be anybody's. Each refusal is a failure of the
// sender's network.
func (r *Run) drop(now time.Time, why Reason) error {
	r.server.count(why)
	if why != ReasonUnavailable {
		r.server.demand.Failed(now, r.from.Addr())
	}
	return errRefused
}

// refuse ends the run.
func (r *Run) refuse(now time.Time, why Reason) error {
	r.Clear()
	return r.drop(now, why)
}

// Clear overwrites the secrets and ends the run.
func (r *Run) Clear() {
	if r.pending != nil {
		r.pending.Clear()
	}
	if r.third != nil {
		r.third.Clear()
	}
	r.state = runOver
}

// takeB3 makes the checks of B3 in the order of the protocol, so that the cheap ones come
// before the dear ones and nothing depends on the user before all that doesn't.
func (r *Run) takeB3(now time.Time, msg []byte) ([]byte, error) {
	s := r.server
	var b3 wire.B3
	if b3.UnmarshalBinary(msg) != nil {
		return nil, r.drop(now, ReasonB3)
	}
	c1 := &b3.Head.C1.Body
	challenge, err := encode(&b3.Head.C1)
	if err != nil {
		return nil, r.drop(now, ReasonUnavailable)
	}
	if !s.issued(&b3.Head.C1, challenge) {
		return nil, r.drop(now, ReasonC1)
	}
	if !puzzle.Fresh(now, c1.IssuedMs, c1.LifeS) {
		return nil, r.drop(now, ReasonC1Age)
	}
	p, err := newPuzzle(c1, r.conn, &b3.Head.Keys)
	if err != nil {
		return nil, r.drop(now, ReasonUnavailable)
	}
	if !p.SolvedBy(b3.Head.Xs) {
		return nil, r.drop(now, ReasonPuzzle)
	}
	// bind is a hash of n1, too. Nothing proves yet that the box is of who solved the puzzle.
	if !s.used.try(now, p.Bind()) {
		return nil, r.drop(now, ReasonB3Replayed)
	}
	s.demand.Solved(now)
	if k := s.demand.K(now, r.from.Addr()); c1.K < k {
		if !s.used.use(now, p.Bind()) {
			return nil, r.drop(now, ReasonB3Replayed)
		}
		return r.askMore(now, k)
	}
	first, claim, err := r.openB3(&b3, challenge)
	if err != nil {
		return nil, r.drop(now, ReasonB3Sealed)
	}
	defer first.Clear()
	if !s.used.use(now, p.Bind()) {
		return nil, r.drop(now, ReasonB3Replayed)
	}
	if claim.Kind == wire.LoginKindPassword {
		if s.demand.Guesses(now, claim.User) >= guessLimit {
			return nil, r.refuse(now, ReasonUserLimit)
		}
		if k := s.demand.UserK(now, r.from.Addr(), claim.User); c1.K < k {
			return r.askMore(now, k)
		}
	}
	second, ct2, err := first.SecondTo(&b3.Head.Keys.EPk, msg)
	if err != nil {
		return nil, r.refuse(now, ReasonB3Keys)
	}
	defer second.Clear()
	return r.answer(now, claim, second, ct2)
}

// openB3 finds out who claims to log in. challenge are the bytes of B2.
func (r *Run) openB3(b3 *wire.B3, challenge []byte) (*session.First, *wire.B3Box, error) {
	start, err := session.StartFrom(r.server.cfg.Host.Sealer(), &b3.Head.Keys.Ct1)
	if err != nil {
		return nil, nil, err
	}
	defer start.Clear()
	first := start.First(r.conn, challenge, r.server.id, b3.HeadRaw)
	claim, err := openClaim(first, b3.Box)
	if err != nil {
		first.Clear()
		return nil, nil, err
	}
	return first, claim, nil
}

func openClaim(first *session.First, box []byte) (*wire.B3Box, error) {
	plain, err := first.Open(box)
	if err != nil {
		return nil, err
	}
	claim := new(wire.B3Box)
	if err := claim.UnmarshalBinary(plain); err != nil {
		return nil, err
	}
	if claim.Kind == wire.LoginKindAnonymous {
		if claim.User != "" {
			return nil, keys.ErrName
		}
		return claim, nil
	}
	return claim, keys.CheckName(claim.User)
}

// askMore sends a harder puzzle in place of B4.
func (r *Run) askMore(now time.Time, k uint8) ([]byte, error) {
	if r.rounds++; r.rounds >= maxRounds {
		return nil, r.refuse(now, ReasonMoreWork)
	}
	b2, err := r.server.challenges.Message(now, k)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	r.server.count(ReasonMoreWork)
	return b2, nil
}

// answer makes B4.
func (r *Run) answer(now time.Time, claim *wire.B3Box, second *session.Second, ct2 wire.Encapsulation) ([]byte, error) {
	r.user, r.kind = claim.User, claim.Kind
	box := wire.B4Box{Kind: claim.Kind}
	var why Reason
	switch claim.Kind {
	case wire.LoginKindPassword:
		why = r.answerPassword(now, &claim.Password.Ke1, second.T2(), &box.Password)
	case wire.LoginKindDevice:
		why = r.answerDevice(claim.Device.Device)
	case wire.LoginKindAnonymous:
		why = ReasonAnswered
	}
	if why != ReasonAnswered && why != ReasonUnknown {
		return nil, r.refuse(now, why)
	}
	plain, err := encode(&box)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	b4, err := encode(&wire.B4{Ct2: ct2, Box: second.Seal(plain)})
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	r.third, r.state = second.Third(b4), runWantsB5
	r.server.count(why)
	return b4, nil
}

// answerPassword answers OPAQUE. The path is the same whether or not there is such a user:
// the decoy is made in any case, and one of the two taken.
func (r *Run) answerPassword(now time.Time, ke1 *wire.OpaqueKe1, t2 wire.Hash, out *wire.PasswordCredentials) Reason {
	s, folded := r.server, keys.Fold(r.user)
	// Until it is proved, it counts as a guess.
	s.demand.Guessed(now, r.from.Addr(), folded)
	account, err := s.cfg.Accounts.Account(folded)
	if err != nil {
		return ReasonUnavailable
	}
	wrapped, err := s.decoys.wrapped(folded)
	if err != nil {
		return ReasonUnavailable
	}
	why := ReasonUnknown
	var record *wire.OpaqueRecord
	if account != nil {
		record, wrapped, why = new(wire.OpaqueRecord), account.Record.Wrapped, ReasonAnswered
		if record.UnmarshalBinary(account.Record.Record[:]) != nil {
			return ReasonUnavailable
		}
	}
	ke2, pending, err := s.opaque.Respond(s.cfg.Random, record, []byte(folded),
		identities(s.key.Realm, folded), labelOpaque.With(t2[:]), ke1)
	switch {
	case errors.Is(err, opaque.ErrMessage):
		return ReasonB3Keys
	case err != nil:
		return ReasonUnavailable
	}
	out.Ke2, out.Wrapped = *ke2, wrapped
	r.account, r.pending = account, pending
	return why
}

// answerDevice takes note of what the proof must be made with. For a device that doesn't
// exist it is a key with which nobody can.
func (r *Run) answerDevice(device wire.KeyId) Reason {
	s := r.server
	account, err := s.cfg.Accounts.Account(keys.Fold(r.user))
	if err != nil {
		return ReasonUnavailable
	}
	r.account, r.device, r.verify = account, device, s.decoys.verify
	if account == nil {
		return ReasonUnknown
	}
	if verify, ok := account.Devices[device]; ok {
		r.verify, r.known = verify, true
		return ReasonAnswered
	}
	return ReasonUnknown
}
