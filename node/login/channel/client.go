package channel

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sotto/node/keys"
	"sotto/node/login/opaque"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

var (
	// ErrDrop says that a message is not from the server, or not for this run: it is to
	// be ignored, and a good one waited for. Anybody can send such a message.
	ErrDrop = errors.New("login: not a message of this login")
	// ErrPassword is the one error for all that is wrong with a password login: the
	// password, the name, or what the server sent. Which of them it was, the client
	// can't know or must not say.
	ErrPassword = opaque.ErrPassword
	// ErrServer says that the server itself, and nobody else, has sent what it must not.
	ErrServer = errors.New("login: the server breaks the protocol")
)

// maxRounds is how often the server may ask for more work.
const maxRounds = 4

// A ClientConfig says who logs in where, and how: with a password, or else with an
// invitation, or else with a device.
type ClientConfig struct {
	Random io.Reader
	Server *wire.ServerKey // pinned
	User   string          // empty with an invitation

	// Device is the user's device. With a password it may be nil: then one is made, which
	// the log does not know yet.
	Device     *keys.Device
	Password   []byte // copied
	Invitation *wire.Invitation

	TreeSize uint64       // of the log as the client knows it
	Stretch  keys.Stretch // zero except in tests
}

func (c *ClientConfig) kind() wire.LoginKind {
	switch {
	case c.Password != nil:
		return wire.LoginKindPassword
	case c.Invitation != nil:
		return wire.LoginKindAnonymous
	}
	return wire.LoginKindDevice
}

// A Client is one login of one user. It has the shape of a transport.Initiator and
// is used by one goroutine at a time.
type Client struct {
	cfg    ClientConfig
	server wire.KeyId
	kind   wire.LoginKind
	input  []byte // of OPAQUE
	state  clientState

	conn    wire.Hash
	b1      []byte
	rounds  int
	k       uint8
	attempt *attempt

	account *keys.Account
	id      [16]byte // of the session, from B5 until B6
}

type clientState uint8

const (
	wantB2 clientState = iota
	wantB4
	finished // with or without a session
)

// An attempt is what a client keeps of a B3.
type attempt struct {
	e     *keys.Sealer
	first *session.First
	login *opaque.Login // nil without a password
	b3    []byte
}

func (a *attempt) clear() {
	if a == nil {
		return
	}
	a.e.Clear()
	a.first.Clear()
	if a.login != nil {
		a.login.Clear()
	}
}

// NewClient checks what it is given before any network is touched: keys.ErrName,
// keys.ErrBadPassword.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := keys.CheckServerKey(cfg.Server); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, server: keys.ServerId(cfg.Server), kind: cfg.kind()}
	if c.kind == wire.LoginKindAnonymous {
		c.cfg.User = ""
		return c, nil
	}
	if err := keys.CheckName(cfg.User); err != nil {
		return nil, err
	}
	if c.kind == wire.LoginKindDevice {
		if cfg.Device == nil {
			return nil, errors.New("login: neither a device nor a password nor an invitation")
		}
		return c, nil
	}
	var err error
	c.input, err = opaque.Input(cfg.Password, identities(cfg.Server.Realm, cfg.User))
	c.cfg.Password = nil
	return c, err
}

// identities are what OPAQUE calls both sides: they last as long as the account.
func identities(realm wire.Realm, user string) opaque.Identities {
	return opaque.Identities{Client: []byte(keys.Fold(user)), Server: realm[:]}
}

// String shows whose login it is, and no secret.
func (c *Client) String() string { return "login of " + c.cfg.User }

// GoString keeps %#v from showing what String hides.
func (c *Client) GoString() string { return c.String() }

// Clear overwrites the secrets of the login, except the device and the account.
func (c *Client) Clear() {
	clear(c.input)
	c.attempt.clear()
	c.attempt = nil
	c.state = finished
}

// Account returns the account's keys, which a password has brought to light once B4 was
// opened, and nil before.
func (c *Client) Account() *keys.Account { return c.account }

// Device returns the device that logs in: the given one, or that which was made when
// B4 was opened.
func (c *Client) Device() *keys.Device { return c.cfg.Device }

// First returns B1.
func (c *Client) First() ([]byte, error) {
	if c.b1 != nil {
		return c.b1, nil
	}
	var b1 wire.B1
	if _, err := io.ReadFull(c.cfg.Random, b1.ClientNonce[:]); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	var err error
	c.b1, err = encode(&b1)
	return c.b1, err
}

// Bind tells the login its connection. Next can't begin without.
func (c *Client) Bind(conn [32]byte) { c.conn = conn }

// Next takes B2 and returns B3, or takes B4 and returns B5 and the session's secrets.
// ErrDrop: wait for another message. A *puzzle.TooHardError, ErrPassword and ErrServer
// end the login, as does the context.
func (c *Client) Next(ctx context.Context, msg []byte) (reply []byte, s *session.Secrets, err error) {
	var b2 wire.B2
	isB2 := b2.UnmarshalBinary(msg) == nil
	switch {
	case (c.state == wantB2 || c.state == wantB4) && isB2:
		reply, err = c.takeB2(ctx, &b2)
		return reply, nil, err
	case c.state == wantB4:
		return c.takeB4(ctx, msg)
	}
	return nil, nil, ErrDrop
}

// takeB2 checks a challenge and answers it. Nothing is believed and no work done
// before the signature is checked.
func (c *Client) takeB2(ctx context.Context, b2 *wire.B2) ([]byte, error) {
	c1 := &b2.Body
	if c1.Server != c.server || keys.VerifyEd(labelC1, c.cfg.Server.Sign, b2.BodyRaw, &b2.Sig) != nil {
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
	a, err := c.ask(ctx, b2)
	if err != nil {
		return nil, err
	}
	c.attempt.clear()
	c.attempt, c.k, c.state = a, c1.K, wantB4
	c.rounds++
	return a.b3, nil
}

// ask solves the puzzle and makes B3.
func (c *Client) ask(ctx context.Context, b2 *wire.B2) (*attempt, error) {
	seed, err := keys.NewSeed(c.cfg.Random)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	a := &attempt{e: keys.NewSealer(seed)}
	clear(seed[:])
	start, ct1, err := session.StartTo(&c.cfg.Server.Seal)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	defer start.Clear()
	head := wire.B3Head{C1: *b2, Keys: wire.ChannelKeys{EPk: a.e.Public(), Ct1: ct1}}
	p, err := newPuzzle(&b2.Body, c.conn, &head.Keys)
	if err != nil {
		return nil, err
	}
	if head.Xs, err = p.Solve(ctx); err != nil {
		return nil, err
	}
	challenge, err := encode(b2)
	if err != nil {
		return nil, err
	}
	headBytes, err := encode(&head)
	if err != nil {
		return nil, err
	}
	a.first = start.First(c.conn, challenge, c.server, headBytes)
	claim, err := c.claim(a)
	if err != nil {
		return nil, err
	}
	a.b3, err = encode(&wire.B3{Head: head, Box: a.first.Seal(claim)})
	return a, err
}

// newPuzzle ties a C1 to one connection and one B3.
func newPuzzle(c1 *wire.C1, conn wire.Hash, k *wire.ChannelKeys) (*puzzle.Puzzle, error) {
	b, err := encode(k)
	if err != nil {
		return nil, err
	}
	bind, err := encode(&wire.ChannelBind{N1: c1.N1, Conn: conn, Keys: labelKeys.Hash(b)})
	if err != nil {
		return nil, err
	}
	return puzzle.New(c1, labelPow.Hash(bind)), nil
}

// claim is what B3's box holds: who logs in and how.
func (c *Client) claim(a *attempt) ([]byte, error) {
	box := wire.B3Box{User: c.cfg.User, Kind: c.kind}
	switch c.kind {
	case wire.LoginKindPassword:
		login, ke1, err := opaque.StartLogin(c.cfg.Random, c.input)
		if err != nil {
			return nil, fmt.Errorf("login: %w", err)
		}
		a.login, box.Password.Ke1 = login, *ke1
	case wire.LoginKindDevice:
		box.Device.Device = c.cfg.Device.Id()
	}
	return encode(&box)
}
