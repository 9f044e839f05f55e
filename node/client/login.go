package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"sotto/node/chat"
	"sotto/node/transport"
	"sotto/wire"
)

// A login is what a successful one gives.
type login struct {
	conn    *transport.Conn
	control *transport.Stream
	reader  *chat.Reader // of control, after its first frame
	at      time.Time    // when beginning.serverAt was, by our clock
	*beginning
}

// firstLogin opens the socket and logs in at the first of the addresses that
// answers.
func (c *Client) firstLogin(ctx context.Context) (in *login, err error) {
	for i, server := range c.cfg.Servers {
		wait := c.cfg.Patience
		if i < len(c.cfg.Servers)-1 {
			wait /= 2 // leave the others a chance
		}
		if err := c.listen(server); err != nil {
			return nil, err
		}
		in, err = c.login(ctx, server, wait)
		var silent *NoAnswerError
		if !errors.As(err, &silent) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	c.user = in.user
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
		Responder:   c.tier.callers(),
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
func (c *Client) login(ctx context.Context, server netip.AddrPort, wait time.Duration) (*login, error) {
	for left := wait; ; left -= runPatience {
		run := left
		if left >= 2*runPatience {
			run = runPatience
		}
		in, err := c.loginOnce(ctx, server, run)
		if errors.Is(err, errKeyFollowed) || errors.Is(err, errRetired) {
			in, err = c.loginOnce(ctx, server, run)
		}
		var silent *NoAnswerError
		if !errors.As(err, &silent) || silent.Tries > 0 || run == left || ctx.Err() != nil {
			return in, err
		}
	}
}

// loginOnce makes one run of the handshake, opens the control stream and
// begins the session.
func (c *Client) loginOnce(ctx context.Context, server netip.AddrPort, wait time.Duration) (*login, error) {
	hands, err := c.tier.handshake()
	if err != nil {
		return nil, &LoginError{c.cfg.User, server, err}
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
	if shown := <-key; errors.Is(shown, errKeyFollowed) {
		if err == nil {
			conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		}
		return nil, shown
	} else if shown != nil && err != nil && !c.tier.final(err) {
		return nil, shown
	}
	if err != nil {
		return nil, c.loginError(waited, server, begun, err)
	}
	conn.SetKeepAlive(keepAlive)
	in := &login{conn: conn}
	if err := c.openControl(in, hands, wait); err != nil {
		conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		return nil, err
	}
	return in, nil
}

// final reports whether an error says something that another try would not change.
func final(err error) bool {
	var refused *LoginError
	var alarm *DirectoryError
	var other *ServerKeyError
	return errors.As(err, &refused) || errors.As(err, &alarm) || errors.As(err, &other)
}

// errSilent is the cause when a login took too long.
var errSilent = errors.New("no answer in time")

// loginError says what a failed dial means. waited is why the wait for it
// ended, if it was that.
func (c *Client) loginError(waited error, server netip.AddrPort, begun time.Time, err error) error {
	switch {
	case c.tier.final(err):
		return &LoginError{c.cfg.User, server, err}
	case errors.Is(waited, errSilent):
		return &NoAnswerError{Server: server, After: c.cfg.Now().Sub(begun)}
	case waited != nil:
		return waited
	}
	return noAnswer(server, c.cfg.Now().Sub(begun), err)
}

// noAnswer says what a dial means that led to nothing.
func noAnswer(server netip.AddrPort, after time.Duration, err error) *NoAnswerError {
	silent := &NoAnswerError{Server: server, After: after, Why: err}
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
		err := c.tier.checkKey(ctx, c.endpoint, server)
		var other *ServerKeyError
		switch {
		case errors.Is(err, errKeyFollowed):
		case !errors.As(err, &other), !sleep(ctx, keyPatience):
			return
		}
		found <- err
		stop(nil)
	}()
	return found
}

// errKeyFollowed says that the server's key was renewed in order, and that the
// login has to begin again with the new one.
var errKeyFollowed = errors.New("the server has renewed its key")

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

// openControl opens the control stream of a new conn and takes the first
// frame on it, the last message of the login.
func (c *Client) openControl(in *login, hands handshake, wait time.Duration) error {
	server := in.conn.PeerAddr()
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	var err error
	if in.control, err = in.conn.OpenStream(ctx); err != nil {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	in.control.SetDeadline(time.Now().Add(wait))
	opening := wire.Signal{Type: wire.SignalTypeAck} // of nothing
	switch {
	case c.visiting:
		opening.Type = wire.SignalTypeVisit // so the session at another device goes on
	case c.cfg.Relay:
		opening.Type = wire.SignalTypeRelayOnly // so our address is told to nobody at any time
	}
	if err := chat.NewWriter(in.control).Item(&opening); err != nil {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	in.reader = chat.NewReader(in.control, chat.MaxPush)
	first, err := in.reader.Frame()
	if err != nil {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	in.control.SetDeadline(time.Time{})
	in.at = c.cfg.Now()
	in.beginning, err = c.tier.begin(ctx, hands, in.conn, first)
	if err != nil && !final(err) && (errors.Is(err, context.DeadlineExceeded) || in.conn.Err() != nil) {
		return &NoAnswerError{Server: server, After: wait, Why: err}
	}
	return err
}
