package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sotto/node/chat"
	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/login/puzzle"
	"sotto/node/transport"
	"sotto/wire"
)

// A defaultTier is the default tier: devices that log in with keys of their own,
// accounts that a password unlocks where it must, and a log that says which
// device is whose.
type defaultTier struct {
	cfg        *Config
	profile    *profile.Profile
	errands    errands
	log        *follower
	invitation *wire.Invitation // to make an account with; nil for those who have one
	errand     errand           // what this login by password is for; nil: to make this device known, if anything
	turn       chan struct{}    // holds one value while somebody catches up

	mu       sync.Mutex
	server   *ServerKey // pinned; it follows the server's rotations
	user     string     // as registered
	device   *keys.Device
	aside    []*keys.Device               // that this one was before it was removed from the account
	account  wire.KeyId                   // ours, as the log shows it; zero before the first login
	former   []wire.KeyId                 // those that it was rotated from
	contacts map[string]*envelope.Contact // everybody, by folded name, as the log shows them
	intros   *channel.Introductions       // nil before there is a device
	pending  []Event                      // to be told with the next roster
}

// errands are what a tier needs the rest of the client for.
type errands interface {
	// request makes a request in the present session, if there is one.
	request(ctx context.Context, req *wire.Request) (*wire.Reply, error)
	// took hands over what a tier learned of the directory by itself.
	took(*roster) error
}

// An errand is something that only the password allows: it unlocks the account. g gets
// what the log grows by.
type errand func(ctx context.Context, ask asker, account *keys.Account, g *grown) error

// An asker makes a request of the server.
type asker func(ctx context.Context, req *wire.Request) (*wire.Reply, error)

func newDefaultTier(ctx context.Context, cfg *Config, e errands) (*defaultTier, error) {
	log, err := newFollower(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t := &defaultTier{
		cfg: cfg, profile: cfg.Profile, errands: e, log: log, server: cfg.ServerKey,
		turn: make(chan struct{}, 1), contacts: make(map[string]*envelope.Contact),
	}
	switch device, err := readDevice(cfg); {
	case err == nil:
		t.use(device)
	case !errors.Is(err, profile.ErrNotFound):
		return nil, err
	}
	t.aside, err = asideDevices(cfg)
	return t, err
}

// use logs in and writes with a device from now on.
func (t *defaultTier) use(d *keys.Device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.device, t.user = d, d.User
	t.intros = channel.NewIntroductions(t.peerConfig())
	own := directory.Own{User: d.User, Account: d.Account, Device: d.Id()}
	t.log.with(func(f *directory.Follower) { f.SetOwn(own) })
}

// handshake begins a login: with an invitation, where we have one; the first
// time with the password, where one is given; else with the device.
func (t *defaultTier) handshake() (handshake, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q, _ := t.log.question()
	cfg := channel.ClientConfig{
		Random:   t.cfg.Random,
		Server:   t.server.key,
		User:     t.cfg.User,
		Device:   t.device,
		TreeSize: q.From,
		Stretch:  t.cfg.Stretch,
	}
	switch {
	case t.invitation != nil:
		cfg.User, cfg.Device, cfg.Invitation = "", nil, t.invitation
	case (t.account == (wire.KeyId{}) || t.device == nil) && len(t.cfg.Password) > 0:
		cfg.Password = t.cfg.Password
	case t.device == nil:
		return nil, keys.ErrBadPassword
	}
	c, err := channel.NewClient(cfg)
	return defaultLogin{c, q}, err
}

// A defaultLogin is a login under way, and what was known of the log as it began.
type defaultLogin struct {
	*channel.Client
	question directory.Question
}

func (t *defaultTier) final(err error) bool {
	var tooHard *puzzle.TooHardError
	return errors.Is(err, channel.ErrPassword) || errors.Is(err, channel.ErrServer) || errors.As(err, &tooHard)
}

// begin takes B6, catches up with the log, and makes this device known if it is
// not.
func (t *defaultTier) begin(ctx context.Context, h handshake, conn *transport.Conn, b6 []byte) (*beginning, error) {
	c := h.(defaultLogin)
	started, err := c.OpenB6(b6)
	if err != nil {
		return nil, &LoginError{t.cfg.User, conn.PeerAddr(), err}
	}
	ask := func(ctx context.Context, req *wire.Request) (*wire.Reply, error) { return chat.Ask(ctx, conn, req) }
	grown, err := t.log.begin(ctx, ask, c.question, &started.Head, &started.Proof)
	if err != nil {
		return nil, err
	}
	in := &beginning{serverAt: time.UnixMilli(int64(started.NowMs))}
	switch account := c.Account(); {
	case started.Scope == wire.SessionScopeRegister:
		err = t.register(ctx, ask)
	case account != nil:
		defer account.Clear()
		if err = t.enter(ctx, ask, started.Scope, account, c.Device(), grown); err == nil && t.errand != nil {
			err = t.errand(ctx, ask, account, grown)
		}
	default:
		err = t.checkOwn(ctx, t.cfg.User, nil)
	}
	if err != nil {
		var failed *LoginError
		if errors.As(err, &failed) {
			failed.Server = conn.PeerAddr()
		}
		return nil, err
	}
	in.roster, err = t.roster(ctx, grown)
	t.mu.Lock()
	defer t.mu.Unlock()
	in.user = t.user
	return in, err
}

func (t *defaultTier) serverKey() *ServerKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.server
}

// Alarms about our own entry in the log.
var (
	errNotShown    = errors.New("the log does not show this account")
	errOwnKeys     = errors.New("the log shows other keys for this account than its own; it may have been reset: log in with the new password")
	errScope       = errors.New("the server takes this device for one that the log shows, and the log does not show it")
	errManyDevices = errors.New("the account has sixteen devices, and no room for this one")
)

// checkOwn checks what the log says of ourselves. account is unlocked if this
// login has proved who we are by a password.
func (t *defaultTier) checkOwn(ctx context.Context, user string, account *keys.Account) error {
	own, err := t.log.entry(ctx, user)
	if err != nil {
		return err
	}
	if own == nil {
		return &DirectoryError{Why: errNotShown}
	}
	id := own.Account()
	former, err := t.profile.Former(ctx)
	if err != nil {
		return err
	}
	pinned, err := t.profile.Peer(ctx, user)
	switch {
	case err != nil:
		return err
	case account != nil && account.Id() != id:
		return &DirectoryError{Why: errOwnKeys}
	case account == nil && pinned.Changed != nil:
		return &DirectoryError{Why: errOwnKeys}
	case pinned.Changed != nil: // we hold the new keys
		if err := t.profile.AcceptPeer(ctx, user, pinned.Changed); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device != nil && account == nil {
		if _, shown := own.Device(t.device.Id()); !shown {
			return &LoginError{User: user, Why: ErrDeviceRemoved}
		}
	}
	t.user, t.account, t.former = own.User(), id, former
	return nil
}

// news takes a head that the server sent during the session.
func (t *defaultTier) news(ctx context.Context, p *wire.Push, _ time.Time) (*roster, error) {
	if p.Type != wire.PushTypeTree {
		return nil, nil
	}
	if err := t.log.hear(ctx, &p.Tree.Head); err != nil {
		return nil, err
	}
	return nil, t.catchUp(ctx)
}

// catchUp reads what is missing of the log during a session, and hands over what
// is new. One at a time does, so that the news are in order.
func (t *defaultTier) catchUp(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	grown, err := t.log.catchUp(ctx, t.errands.request, false)
	if err != nil || len(grown.changes) == 0 {
		return err
	}
	if err := t.checkOwn(ctx, t.cfg.User, nil); err != nil {
		return err
	}
	r, err := t.roster(ctx, grown)
	if err != nil {
		return err
	}
	return t.errands.took(r)
}

func (t *defaultTier) self() wire.KeyId {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.account
}

// checkKey asks for the server's keys. Those that the pinned one leads to are
// pinned from now on, and the login begins again with them: errKeyFollowed.
func (t *defaultTier) checkKey(ctx context.Context, e *transport.Endpoint, server netip.AddrPort) error {
	history, err := askHistory(ctx, e, t.cfg.Random, server)
	if err != nil {
		return err
	}
	pinned := t.serverKey()
	key, changed, err := keys.Follow(history, pinned.id)
	switch {
	case err != nil:
		return &ServerKeyError{Pinned: pinned.Fingerprint(), Shown: keys.Fingerprint(lastKey(history))}
	case !changed:
		return nil
	}
	next := NewServerKey(&key)
	b, err := history.MarshalBinary()
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	err = t.profile.FollowServerKey(ctx, pinned.Pin(), next.Pin(), b)
	if err != nil && !errors.Is(err, profile.ErrNotFound) { // nothing is pinned before the first login
		return err
	}
	t.log.with(func(f *directory.Follower) { f.SetHistory(history) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.server = next
	last := &history.Rotations[len(history.Rotations)-1].Body
	t.pending = append(t.pending, ServerKeyRenewed{Fingerprint: next.Fingerprint(), Since: time.UnixMilli(int64(last.SinceMs))})
	return errKeyFollowed
}
