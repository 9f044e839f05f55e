package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"sotto/node/chat"
	"sotto/node/client/profile"
	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/session"
	"sotto/node/transport"
	"sotto/wire"
)

// A login is what a successful one gives.
type login struct {
	conn     *transport.Conn
	control  *transport.Stream
	reader   *chat.Reader // of control, after M6
	user     string       // as registered
	identity *keys.Identity
	manifest *manifest.Manifest
	peers    []profile.Peer // after manifest was taken into the profile
	changed  []string       // the users whose key changed with it
	at       time.Time      // by our clock
	serverAt time.Time      // the same by the server's
}

// firstLogin opens the socket and logs in at the first of the addresses that
// answers.
func (c *Client) firstLogin(ctx context.Context) (in *login, err error) {
	client := classic.ClientConfig{
		Random:   c.cfg.Random,
		Server:   c.cfg.ServerKey,
		User:     c.cfg.User,
		Password: c.cfg.Password,
		Stretch:  c.cfg.Stretch,
	}
	for i, server := range c.cfg.Servers {
		wait := c.cfg.Patience
		if i < len(c.cfg.Servers)-1 {
			wait /= 2 // leave the others a chance
		}
		if err := c.listen(server); err != nil {
			return nil, err
		}
		in, err = c.login(ctx, server, client, wait)
		var silent *NoAnswerError
		if !errors.As(err, &silent) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	c.user, c.identity = in.user, in.identity
	return in, nil
}

// listen opens the one socket of the client, for the server and for other
// users.
func (c *Client) listen(server netip.AddrPort) error {
	if c.endpoint != nil {
		c.endpoint.Close()
		c.endpoint = nil
	}
	sock, err := c.cfg.Listen(server)
	if err != nil {
		return fmt.Errorf("client: open a UDP socket: %w", err)
	}
	c.server = server
	c.endpoint, err = transport.NewEndpoint(sock, transport.Config{
		Random:      c.cfg.Random,
		Responder:   peerResponder{c.intros},
		IdleTimeout: idleTimeout,
	})
	if err != nil {
		sock.Close()
		return fmt.Errorf("client: %w", err)
	}
	return nil
}

// runPatience is how long one run of the handshake may take before another is
// begun: a server that was killed in the middle knows nothing of the first.
const runPatience = 10 * time.Second

// login makes runs of the handshake until one gets through or the wait is
// over.
func (c *Client) login(ctx context.Context, server netip.AddrPort, cfg classic.ClientConfig, wait time.Duration) (*login, error) {
	for left := wait; ; left -= runPatience {
		run := left
		if left >= 2*runPatience {
			run = runPatience
		}
		in, err := c.loginOnce(ctx, server, cfg, run)
		var silent *NoAnswerError
		if !errors.As(err, &silent) || silent.Tries > 0 || run == left || ctx.Err() != nil {
			return in, err
		}
	}
}

// loginOnce makes one run of the handshake, opens the control stream and takes
// the manifest.
func (c *Client) loginOnce(ctx context.Context, server netip.AddrPort, cfg classic.ClientConfig, wait time.Duration) (*login, error) {
	hands, err := classic.NewClient(cfg)
	if err != nil {
		return nil, &LoginError{cfg.User, server, err}
	}
	defer hands.Clear()
	begun := c.cfg.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errSilent)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	key := c.watchKey(ctx, server, stop)
	conn, err := c.endpoint.Dial(ctx, server, initiator{hands})
	waited := context.Cause(ctx)
	stop(nil)
	if shown := <-key; shown != nil && err != nil && !errors.Is(err, classic.ErrPassword) {
		return nil, shown
	}
	if err != nil {
		return nil, c.loginError(waited, server, cfg.User, begun, err)
	}
	conn.SetKeepAlive(keepAlive)
	in := &login{conn: conn}
	if err := c.openControl(in, hands, cfg, wait); err != nil {
		conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		return nil, err
	}
	return in, nil
}

// errSilent is the cause when a login took too long.
var errSilent = errors.New("no answer in time")

// loginError says what a failed dial means. waited is why the wait for it
// ended, if it was that.
func (c *Client) loginError(waited error, server netip.AddrPort, user string, begun time.Time, err error) error {
	var tooHard *classic.TooHardError
	switch {
	case errors.Is(err, classic.ErrPassword), errors.As(err, &tooHard):
		return &LoginError{user, server, err}
	case errors.Is(waited, errSilent):
		return &NoAnswerError{Server: server, After: c.cfg.Now().Sub(begun)}
	case waited != nil:
		return waited
	}
	silent := &NoAnswerError{Server: server, After: c.cfg.Now().Sub(begun), Why: err}
	var dial *transport.DialError
	if errors.As(err, &dial) && errors.Is(err, transport.ErrNoAnswer) {
		silent.Tries, silent.Why = dial.Tries, nil
	}
	return silent
}

// keyPatience is how long a login that makes no progress waits before it asks
// which key the server shows, and how long it then goes on if that is another
// one: a forged answer that overtakes the true one must not end it.
const keyPatience = 1500 * time.Millisecond

// watchKey finds out why a login makes no progress: a server with another key
// cannot open what is sealed to the pinned one, and stays silent. If the
// server shows another key, the login is stopped. The channel gives the
// finding once the dial is over.
func (c *Client) watchKey(ctx context.Context, server netip.AddrPort, stop context.CancelCauseFunc) <-chan error {
	found := make(chan error, 1)
	go func() {
		defer close(found)
		if !sleep(ctx, keyPatience) {
			return
		}
		shown, err := askKey(ctx, c.endpoint, c.cfg, server)
		if err != nil || shown.Equal(c.cfg.ServerKey) {
			return
		}
		if !sleep(ctx, keyPatience) {
			return
		}
		found <- &ServerKeyError{Pinned: c.cfg.ServerKey.Fingerprint(), Shown: shown.Fingerprint()}
		stop(nil)
	}()
	return found
}

// sleep waits and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// AskServerKey asks a server for its public key. Whoever is in between can
// answer with another one: the caller shows the fingerprint to somebody who
// can compare it.
func AskServerKey(ctx context.Context, cfg Config) (*keys.PublicKey, netip.AddrPort, error) {
	cfg.defaults()
	var failed error
	for i, server := range cfg.Servers {
		wait := cfg.Patience
		if i < len(cfg.Servers)-1 {
			wait /= 2
		}
		key, err := askKeyOnce(ctx, cfg, server, wait)
		if err == nil {
			return key, server, nil
		}
		failed = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, netip.AddrPort{}, failed
}

func askKeyOnce(ctx context.Context, cfg Config, server netip.AddrPort, wait time.Duration) (*keys.PublicKey, error) {
	sock, err := cfg.Listen(server)
	if err != nil {
		return nil, fmt.Errorf("client: open a UDP socket: %w", err)
	}
	e, err := transport.NewEndpoint(sock, transport.Config{Random: cfg.Random})
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("client: %w", err)
	}
	defer e.Close()
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	key, err := askKey(waiting, e, cfg, server)
	if err != nil && ctx.Err() == nil {
		return nil, &NoAnswerError{Server: server, After: wait}
	}
	return key, err
}

// askKey asks for the server's key over an endpoint that stands.
func askKey(ctx context.Context, e *transport.Endpoint, cfg Config, server netip.AddrPort) (*keys.PublicKey, error) {
	ask, err := classic.NewKeyAsk(cfg.Random)
	if err != nil {
		return nil, err
	}
	conn, err := e.Dial(ctx, server, initiator{ask})
	if err == nil {
		conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
		return nil, errors.New("client: the server opened a conn without a login")
	}
	if !errors.Is(err, classic.ErrKeyShown) {
		return nil, err
	}
	return ask.Key(), nil
}

// openControl opens the control stream of a new conn and takes M6, the last
// message of the login.
func (c *Client) openControl(in *login, hands *classic.Client, cfg classic.ClientConfig, wait time.Duration) error {
	server := in.conn.PeerAddr()
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	var err error
	if in.control, err = in.conn.OpenStream(ctx); err != nil {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	in.control.SetDeadline(time.Now().Add(wait))
	signals := []wire.SignalType{wire.SignalTypeAck} // which opens the stream
	if c.cfg.Relay {
		signals = append(signals, wire.SignalTypeRelayOnly) // so our address is told to nobody
	}
	for _, s := range signals {
		if err := chat.NewWriter(in.control).Item(&wire.Signal{Type: s}); err != nil {
			return &NoAnswerError{Server: server, After: wait, Why: err}
		}
	}
	in.reader = chat.NewReader(in.control, chat.MaxPush)
	m6, err := in.reader.Frame()
	if err != nil {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	session, signed, err := hands.OpenM6(m6)
	if err != nil {
		return &LoginError{cfg.User, server, err}
	}
	in.control.SetDeadline(time.Time{})
	in.identity = hands.Identity()
	in.at, in.serverAt = c.cfg.Now(), session.ServerTime
	if in.manifest, err = manifest.Verify(c.cfg.ServerKey, signed); err != nil {
		return &DirectoryError{err}
	}
	own, _ := in.manifest.Lookup(cfg.User) // takeManifest checks that it is there
	in.user = own.Name
	in.peers, in.changed, err = c.takeManifest(ctx, in.manifest, cfg.User, in.identity.Public().Id(), session.ServerTime)
	return err
}

// takeManifest checks a manifest against the last one that this profile saw
// and stores it. What it contradicts is an alarm, and it is not taken.
func (c *Client) takeManifest(ctx context.Context, m *manifest.Manifest, user string, own wire.KeyId, now time.Time) (peers []profile.Peer, changed []string, err error) {
	var seen manifest.Seen
	switch last, err := c.cfg.Profile.Manifest(ctx); {
	case err == nil:
		seen = manifest.Seen{Version: last.Version, Hash: last.Hash}
	case !errors.Is(err, profile.ErrNotFound):
		return nil, nil, err
	}
	if err := m.Follows(seen, now); err != nil {
		return nil, nil, &DirectoryError{err}
	}
	if err := m.CheckOwn(user, own); err != nil {
		return nil, nil, &DirectoryError{err}
	}
	body, err := m.Signed().MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	var known []profile.PeerKey
	for _, e := range m.Entries() {
		modulus := e.Key.Modulus()
		known = append(known, profile.PeerKey{Name: e.Name, Key: modulus[:]})
	}
	latest := m.Seen()
	changed, err = c.cfg.Profile.SetManifest(ctx, profile.Manifest{Version: latest.Version, Hash: latest.Hash, Body: body}, known)
	switch {
	case errors.Is(err, profile.ErrRollback), errors.Is(err, profile.ErrFork):
		return nil, nil, &DirectoryError{err}
	case err != nil:
		return nil, nil, err
	}
	peers, err = c.cfg.Profile.Peers(ctx)
	return peers, changed, err
}

// An initiator fits a handshake of the login package to the transport, which
// the login package may not import.
type initiator struct{ hands }

type hands interface {
	First() ([]byte, error)
	Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error)
}

func (i initiator) Bind(conn [32]byte) {
	if b, ok := i.hands.(interface{ Bind(conn [32]byte) }); ok {
		b.Bind(conn)
	}
}

func (i initiator) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	reply, s, err := i.hands.Next(ctx, msg)
	if errors.Is(err, classic.ErrDrop) {
		err = transport.ErrDrop
	}
	return reply, s, err
}

// A peerResponder does the same for introductions.
type peerResponder struct{ intros *classic.Introductions }

func (r peerResponder) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	if verdict, _ := r.intros.First(now, from, msg); verdict == classic.Proceed {
		return transport.Proceed, nil
	}
	return transport.Drop, nil
}

func (r peerResponder) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return r.intros.Begin(now, from, conn)
}
