package classic

import (
	"crypto/subtle"
	"errors"
	"io"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

// errRefused ends a run. Why is counted, and said to nobody.
var errRefused = errors.New("login: refused")

// c2Life is how long a client may take from message 4 to message 5.
const c2Life = 60 * time.Second

// A Run is one login at the server, for one connection. It has the shape of a
// transport.Handshake and is used by one goroutine at a time.
type Run struct {
	server *Server
	from   netip.AddrPort
	conn   wire.Hash
	state  runState
	rounds int

	user     string // as the client wrote it
	key      *keys.PublicKey
	record   *wire.Record // nil: there is no such user
	replyKey [32]byte
	m3, m4   wire.Hash

	peer *Peer
}

type runState uint8

const (
	runWantsM3 runState = iota
	runWantsM5
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

// Next takes message 3 and returns message 4, or message 2 again where more work is
// asked for; then it takes message 5 and returns the session's secrets. An error ends
// the run and is to be answered with silence.
func (r *Run) Next(now time.Time, msg []byte) (reply []byte, s *session.Secrets, err error) {
	switch r.state {
	case runWantsM3:
		reply, err = r.takeM3(now, msg)
	case runWantsM5:
		s, err = r.takeM5(now, msg)
	default:
		err = r.refuse(now, ReasonOutOfTurn)
	}
	return reply, s, err
}

// refuse ends the run. Each refusal is a failure of the sender's network.
func (r *Run) refuse(now time.Time, why Reason) error {
	r.server.count(why)
	if why != ReasonUnavailable {
		r.server.demand.Failed(now, r.from.Addr())
	}
	r.Clear()
	return errRefused
}

// Clear overwrites the secrets and ends the run.
func (r *Run) Clear() {
	clear(r.replyKey[:])
	r.state = runOver
}

// takeM3 makes the checks of a message 3 in the order of the protocol, so that the
// cheap ones come before the dear ones and nothing depends on the user before all
// that doesn't.
func (r *Run) takeM3(now time.Time, msg []byte) ([]byte, error) {
	s := r.server
	var m3 wire.M3
	if !openSealed(s.cfg.Identity, labelM3, msg, &m3) || keys.CheckName(m3.User) != nil {
		return nil, r.refuse(now, ReasonM3Sealed)
	}
	c1 := &m3.C1.Body
	if c1.Server != s.cfg.Identity.Public().Id() || s.cfg.Identity.Public().Verify(labelC1, m3.C1.BodyRaw, m3.C1.Sig[:]) != nil {
		return nil, r.refuse(now, ReasonC1)
	}
	if !puzzle.Fresh(now, c1.IssuedMs, c1.LifeS) {
		return nil, r.refuse(now, ReasonC1Age)
	}
	p, err := newPuzzle(c1, &wire.PuzzleBind{
		N1: c1.N1, Conn: r.conn, ClientNonce: m3.ClientNonce, ReplyKey: m3.ReplyKey, User: m3.User,
	})
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	if !p.SolvedBy(m3.Xs) {
		return nil, r.refuse(now, ReasonPuzzle)
	}
	expires := time.UnixMilli(int64(c1.IssuedMs)).Add(time.Duration(c1.LifeS) * time.Second)
	mark := wire.LoginMark{Kind: wire.LoginMarkKindM3, M3: wire.MarkM3{N1: c1.N1, Bind: p.Bind()}}
	if why, ok := s.mark(now, &mark, expires, ReasonM3Replayed); !ok {
		return nil, r.refuse(now, why)
	}
	s.demand.Solved(now)
	if k := s.demand.UserK(now, r.from.Addr(), m3.User); c1.K < k {
		return r.askMore(now, k)
	}
	r.user, r.replyKey, r.m3 = m3.User, m3.ReplyKey, labelM3.Hash(msg)
	return r.giveCredentials(now, m3.ClientNonce)
}

// askMore sends a harder puzzle in place of the credentials.
func (r *Run) askMore(now time.Time, k uint8) ([]byte, error) {
	if r.rounds++; r.rounds >= maxRounds {
		return nil, r.refuse(now, ReasonMoreWork)
	}
	m2, err := r.server.challenges.Message(now, k)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	r.server.count(ReasonMoreWork)
	return m2, nil
}

// mark remembers something that may not come twice. The answer that depends on it
// must not leave before.
func (s *Server) mark(now time.Time, m *wire.LoginMark, expires time.Time, replayed Reason) (Reason, bool) {
	b, err := encode(m)
	if err != nil {
		return ReasonUnavailable, false
	}
	isNew, err := s.cfg.Marks.Mark(now, labelMark.Hash(b), expires)
	switch {
	case err != nil:
		return ReasonUnavailable, false
	case !isNew:
		return replayed, false
	}
	return 0, true
}

// giveCredentials makes message 4. The path is the same whether or not there is such
// a user: both records are made, and one is taken.
func (r *Run) giveCredentials(now time.Time, nonce [32]byte) ([]byte, error) {
	s := r.server
	decoy, err := s.decoys.record(r.user)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	decoy.Key = s.cfg.Identity.Public().Modulus() // something to check a proof with that can't be right
	record, err := s.cfg.Users.Record(keys.Fold(r.user))
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	answer, reason := decoy, ReasonUnknownUser
	if record != nil {
		answer, reason = record, ReasonCredentials
	}
	if r.key, err = keys.NewPublicKey(answer.Key); err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	m4, err := s.signM4(now, r, answer, nonce)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	r.record, r.state = record, runWantsM5
	// Until it is answered it counts as a guess.
	s.demand.Guessed(now, r.from.Addr(), r.user)
	s.count(reason)
	return m4, nil
}

// signM4 signs the credentials and the second challenge, and seals them.
func (s *Server) signM4(now time.Time, r *Run, record *wire.Record, nonce [32]byte) ([]byte, error) {
	c2 := wire.SignedC2{Body: wire.C2{
		IssuedMs: uint64(now.UnixMilli()), LifeS: uint16(c2Life / time.Second),
		User: r.user, Conn: r.conn, M3: r.m3,
	}}
	if _, err := io.ReadFull(s.cfg.Random, c2.Body.N2[:]); err != nil {
		return nil, err
	}
	body, err := encode(&c2.Body)
	if err != nil {
		return nil, err
	}
	if c2.Sig, err = s.cfg.Identity.Sign(s.cfg.Random, labelC2, body); err != nil {
		return nil, err
	}
	m4 := wire.SignedM4{Body: wire.M4{
		User: r.user, ClientNonce: nonce, M3: r.m3, C2: c2,
		Salt: record.Salt, Commit: record.Commit, Iv: record.Iv, Wrapped: record.Wrapped,
	}}
	if body, err = encode(&m4.Body); err != nil {
		return nil, err
	}
	if m4.Sig, err = s.cfg.Identity.Sign(s.cfg.Random, labelM4, body); err != nil {
		return nil, err
	}
	plain, err := encode(&m4)
	if err != nil {
		return nil, err
	}
	once := m4Key(r.replyKey, r.m3)
	defer once.Clear()
	sealed := once.Seal(labelM4.Bytes(), plain)
	r.m4 = labelM4.Hash(sealed)
	return sealed, nil
}

// takeM5 makes the checks of a message 5 in the order of the protocol, and begins
// the session.
func (r *Run) takeM5(now time.Time, msg []byte) (*session.Secrets, error) {
	s := r.server
	var m5 wire.M5
	if !openSealed(s.cfg.Identity, labelM5, msg, &m5) {
		return nil, r.refuse(now, ReasonM5Sealed)
	}
	c2 := &m5.C2.Body
	if s.cfg.Identity.Public().Verify(labelC2, m5.C2.BodyRaw, m5.C2.Sig[:]) != nil {
		return nil, r.refuse(now, ReasonC2)
	}
	if !puzzle.Fresh(now, c2.IssuedMs, c2.LifeS) {
		return nil, r.refuse(now, ReasonC2Age)
	}
	if subtle.ConstantTimeCompare(c2.Conn[:], r.conn[:]) != 1 || c2.M3 != r.m3 || c2.User != r.user || m5.User != r.user {
		return nil, r.refuse(now, ReasonC2Run)
	}
	expires := time.UnixMilli(int64(c2.IssuedMs)).Add(time.Duration(c2.LifeS) * time.Second)
	mark := wire.LoginMark{Kind: wire.LoginMarkKindM5, M5: wire.MarkM5{N2: c2.N2}}
	if why, ok := s.mark(now, &mark, expires, ReasonM5Replayed); !ok {
		return nil, r.refuse(now, why)
	}
	body, err := proof(s.cfg.Identity.Public().Id(), r.user, &m5.C2, r.m3, r.m4, m5.ReplyKey2)
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	if r.key.Verify(labelLogin, body, m5.Sig[:]) != nil || r.record == nil {
		return nil, r.refuse(now, ReasonProof)
	}
	secrets, err := r.begin(now, &m5, labelM5.Hash(msg))
	if err != nil {
		return nil, r.refuse(now, ReasonUnavailable)
	}
	return secrets, nil
}

// begin derives the keys of the session and takes back what counted as a guess.
func (r *Run) begin(now time.Time, m5 *wire.M5, m5Hash wire.Hash) (*session.Secrets, error) {
	transcript := wire.Transcript{Conn: r.conn, M3: r.m3, M4: r.m4, M5: m5Hash}
	secret := wire.LoginSecret{ReplyKey: r.replyKey, ReplyKey2: m5.ReplyKey2}
	defer clear(secret.ReplyKey[:])
	defer clear(secret.ReplyKey2[:])
	schedule, err := newSchedule(&transcript, &secret)
	if err != nil {
		return nil, err
	}
	r.peer = &Peer{User: r.record.Name, Key: r.key, Session: schedule.id, m6: schedule.m6}
	r.server.demand.Proved(now, r.from.Addr(), r.user)
	r.server.count(ReasonLoggedIn)
	r.Clear()
	return schedule.server(), nil
}

// A decoder is a message.
type decoder interface{ UnmarshalBinary([]byte) error }

// openSealed opens what was sealed to the server and decodes it. It reports
// whether that worked, and nothing about why not.
func openSealed(identity *keys.Identity, l keys.Label, msg []byte, into decoder) bool {
	var sealed wire.Sealed
	if sealed.UnmarshalBinary(msg) != nil {
		return false
	}
	plain, err := identity.Open(l, &sealed)
	if err != nil {
		return false
	}
	defer clear(plain)
	return into.UnmarshalBinary(plain) == nil
}
