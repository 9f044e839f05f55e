package classic

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

// ErrDrop says that a message is not from the server, or not for this run: it is to
// be ignored, and a good one waited for. Anybody can send such a message.
var ErrDrop = errors.New("login: not a message of this login")

// maxRounds is how often the server may ask for more work.
const maxRounds = 4

// A ClientConfig says who logs in where.
type ClientConfig struct {
	Random   io.Reader
	Server   *keys.PublicKey // pinned
	User     string
	Password []byte  // copied
	Stretch  Stretch // zero except in tests

	// Identity is the key pair that an earlier login unlocked, for a client that logs in
	// again. Then Password isn't used and what message 4 wraps isn't opened. If the user
	// has another key by now, the server drops message 5.
	Identity *keys.Identity
}

// A Client is one login of one user. It has the shape of a transport.Initiator and
// is used by one goroutine at a time.
type Client struct {
	cfg   ClientConfig
	state clientState

	conn     wire.Hash
	nonce    [32]byte
	rounds   int
	k        uint8
	m1       []byte
	replyKey [32]byte
	m3       wire.Hash // of the latest message 3

	identity *keys.Identity
	schedule *schedule
}

type clientState uint8

const (
	wantM2 clientState = iota
	wantM4
	wantM6
	finished
)

// NewClient checks the name and the password before any network is touched:
// keys.ErrName, keys.ErrBadPassword.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := keys.CheckName(cfg.User); err != nil {
		return nil, err
	}
	if cfg.Identity != nil {
		cfg.Password = nil
		return &Client{cfg: cfg}, nil
	}
	var err error
	if cfg.Password, err = keys.NormalPassword(cfg.Password); err != nil {
		return nil, err
	}
	return &Client{cfg: cfg}, nil
}

// String shows whose login it is, and no secret.
func (c *Client) String() string { return "login of " + c.cfg.User }

// GoString keeps %#v from showing what String hides.
func (c *Client) GoString() string { return c.String() }

// Clear overwrites the secrets of the login, except the identity.
func (c *Client) Clear() {
	clear(c.cfg.Password)
	clear(c.replyKey[:])
	if c.schedule != nil {
		clear(c.schedule.c2s[:])
		clear(c.schedule.s2c[:])
		c.schedule.m6.Clear()
	}
	c.state = finished
}

// Identity returns the user's key pair once message 4 was opened, and nil before.
func (c *Client) Identity() *keys.Identity { return c.identity }

// First returns message 1.
func (c *Client) First() ([]byte, error) {
	if c.m1 != nil {
		return c.m1, nil
	}
	if _, err := io.ReadFull(c.cfg.Random, c.nonce[:]); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	plain, err := encode(&wire.M1{ClientNonce: c.nonce})
	if err != nil {
		return nil, err
	}
	c.m1, err = c.seal(labelM1, plain)
	return c.m1, err
}

func (c *Client) seal(l keys.Label, plain []byte) ([]byte, error) {
	defer clear(plain)
	sealed, err := c.cfg.Server.Seal(c.cfg.Random, l, plain)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return encode(sealed)
}

// Bind tells the login its connection. Next can't begin without.
func (c *Client) Bind(conn [32]byte) { c.conn = conn }

// Next takes message 2 and returns message 3, or takes message 4 and returns message 5 and
// the session's secrets. ErrDrop: wait for another message. A *puzzle.TooHardError and ErrPassword
// end the login, as does the context.
func (c *Client) Next(ctx context.Context, msg []byte) (reply []byte, s *session.Secrets, err error) {
	var m2 wire.M2
	isM2 := m2.UnmarshalBinary(msg) == nil
	switch {
	case c.state == wantM2 && isM2, c.state == wantM4 && isM2:
		reply, err = c.takeM2(ctx, &m2)
		return reply, nil, err
	case c.state == wantM4:
		return c.takeM4(ctx, msg)
	}
	return nil, nil, ErrDrop
}

// takeM2 checks a challenge and answers it. Nothing is believed and no work done
// before the signature is checked.
func (c *Client) takeM2(ctx context.Context, m2 *wire.M2) ([]byte, error) {
	c1 := &m2.Body
	if c1.Server != c.cfg.Server.Id() || c.cfg.Server.Verify(labelC1, m2.BodyRaw, m2.Sig[:]) != nil {
		return nil, ErrDrop
	}
	switch err := puzzle.Check(c1); {
	case errors.Is(err, puzzle.ErrImpossible):
		return nil, ErrDrop
	case c1.K <= c.k, c.rounds >= maxRounds:
		return nil, ErrDrop // answered already
	case err != nil:
		return nil, err
	}
	var replyKey [32]byte
	if _, err := io.ReadFull(c.cfg.Random, replyKey[:]); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	p, err := newPuzzle(c1, &wire.PuzzleBind{
		N1: c1.N1, Conn: c.conn, ClientNonce: c.nonce, ReplyKey: replyKey, User: c.cfg.User,
	})
	if err != nil {
		return nil, err
	}
	xs, err := p.Solve(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := encode(&wire.M3{User: c.cfg.User, ClientNonce: c.nonce, C1: *m2, Xs: xs, ReplyKey: replyKey})
	if err != nil {
		return nil, err
	}
	m3, err := c.seal(labelM3, plain)
	if err != nil {
		return nil, err
	}
	c.replyKey, c.m3, c.k, c.state = replyKey, labelM3.Hash(m3), c1.K, wantM4
	c.rounds++
	return m3, nil
}

// takeM4 opens the credentials and proves possession of the key in them.
//
// Only the server can make something that opens under the reply key, so from there on
// a fault is final. All faults are one error, and each takes the time of the password.
func (c *Client) takeM4(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	once := m4Key(c.replyKey, c.m3)
	defer once.Clear()
	plain, err := once.Open(labelM4.Bytes(), msg)
	if err != nil {
		return nil, nil, ErrDrop
	}
	var m4 wire.SignedM4
	formed := m4.UnmarshalBinary(plain) == nil
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if own := c.cfg.Identity; own != nil {
		if !formed || !c.accepts(&m4) {
			return nil, nil, ErrPassword
		}
		return c.prove(own, &m4.Body.C2, labelM4.Hash(msg))
	}
	password, err := stretchPassword(c.cfg.Password, m4.Body.Salt, c.cfg.Stretch)
	if err != nil {
		return nil, nil, err
	}
	defer password.clear()
	if !formed || !c.accepts(&m4) {
		return nil, nil, ErrPassword
	}
	identity, err := unwrap(password, &m4.Body)
	if err != nil {
		return nil, nil, err
	}
	return c.prove(identity, &m4.Body.C2, labelM4.Hash(msg))
}

// accepts reports whether a message 4 is the server's answer to this run's message 3.
func (c *Client) accepts(m4 *wire.SignedM4) bool {
	body, c2 := &m4.Body, &m4.Body.C2
	server := c.cfg.Server
	return server.Verify(labelM4, m4.BodyRaw, m4.Sig[:]) == nil &&
		body.User == c.cfg.User && body.ClientNonce == c.nonce && body.M3 == c.m3 &&
		server.Verify(labelC2, c2.BodyRaw, c2.Sig[:]) == nil &&
		c2.Body.User == c.cfg.User && c2.Body.Conn == c.conn && c2.Body.M3 == c.m3
}

// prove makes message 5 and derives the keys of the session.
func (c *Client) prove(identity *keys.Identity, c2 *wire.SignedC2, m4 wire.Hash) ([]byte, *session.Secrets, error) {
	secret := wire.LoginSecret{ReplyKey: c.replyKey}
	defer clear(secret.ReplyKey[:])
	defer clear(secret.ReplyKey2[:])
	if _, err := io.ReadFull(c.cfg.Random, secret.ReplyKey2[:]); err != nil {
		return nil, nil, fmt.Errorf("login: %w", err)
	}
	body, err := proof(c.cfg.Server.Id(), c.cfg.User, c2, c.m3, m4, secret.ReplyKey2)
	if err != nil {
		return nil, nil, err
	}
	sig, err := identity.Sign(c.cfg.Random, labelLogin, body)
	if err != nil {
		return nil, nil, fmt.Errorf("login: %w", err)
	}
	plain, err := encode(&wire.M5{User: c.cfg.User, C2: *c2, ReplyKey2: secret.ReplyKey2, Sig: sig})
	if err != nil {
		return nil, nil, err
	}
	m5, err := c.seal(labelM5, plain)
	if err != nil {
		return nil, nil, err
	}
	transcript := wire.Transcript{Conn: c.conn, M3: c.m3, M4: m4, M5: labelM5.Hash(m5)}
	if c.schedule, err = newSchedule(&transcript, &secret); err != nil {
		return nil, nil, err
	}
	c.identity, c.state = identity, wantM6
	return m5, c.schedule.client(), nil
}
