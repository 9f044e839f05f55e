package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/login/classic"
	"sotto/node/transport"
	"sotto/wire"
)

// AskServerKey asks a server for its public key. Whoever is in between can
// answer with another one: the caller shows the fingerprint to somebody who
// can compare it.
func AskServerKey(ctx context.Context, cfg Config, classicTier bool) (*ServerKey, netip.AddrPort, error) {
	var key *ServerKey
	server, err := askServer(ctx, cfg, func(ctx context.Context, e *transport.Endpoint, cfg *Config, server netip.AddrPort) error {
		if classicTier {
			k, err := askKey(ctx, e, cfg.Random, server)
			if err == nil {
				key = NewClassicServerKey(k)
			}
			return err
		}
		history, err := askHistory(ctx, e, cfg.Random, server)
		if err != nil {
			return err
		}
		k, _, err := keys.Follow(history, keys.ServerId(&history.First))
		key = NewServerKey(&k)
		return err
	})
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return key, server, nil
}

// FollowServerKey asks a server of the default tier for its key, of which the
// id of a present or former one is known. The error is a *ServerKeyError if that
// one does not lead to what the server shows.
func FollowServerKey(ctx context.Context, cfg Config, pin wire.KeyId) (key *ServerKey, err error) {
	_, err = askServer(ctx, cfg, func(ctx context.Context, e *transport.Endpoint, cfg *Config, server netip.AddrPort) error {
		history, err := askHistory(ctx, e, cfg.Random, server)
		if err != nil {
			return err
		}
		k, _, err := keys.Follow(history, pin)
		if err != nil {
			return &ServerKeyError{Pinned: keys.Fingerprint(pin), Shown: keys.Fingerprint(lastKey(history))}
		}
		key = NewServerKey(&k)
		return nil
	})
	return key, err
}

// lastKey names the key that a history says is the present one.
func lastKey(h *wire.ServerHistory) wire.KeyId {
	if n := len(h.Rotations); n > 0 {
		return keys.ServerId(&h.Rotations[n-1].Body.New)
	}
	return keys.ServerId(&h.First)
}

// askServer asks the first of a server's addresses that answers, over a socket
// of its own.
func askServer(ctx context.Context, cfg Config, ask func(context.Context, *transport.Endpoint, *Config, netip.AddrPort) error) (netip.AddrPort, error) {
	cfg.defaults()
	failed := errors.New("client: no server address")
	for i, server := range cfg.Servers {
		wait := cfg.Patience
		if i < len(cfg.Servers)-1 {
			wait /= 2
		}
		failed = askOnce(ctx, &cfg, server, wait, ask)
		if failed == nil {
			return server, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return netip.AddrPort{}, failed
}

func askOnce(ctx context.Context, cfg *Config, server netip.AddrPort, wait time.Duration, ask func(context.Context, *transport.Endpoint, *Config, netip.AddrPort) error) error {
	sock, err := cfg.Listen(server)
	if err != nil {
		return fmt.Errorf("client: open a UDP socket: %w", err)
	}
	e, err := transport.NewEndpoint(sock, transport.Config{Random: cfg.Random})
	if err != nil {
		sock.Close()
		return fmt.Errorf("client: %w", err)
	}
	defer e.Close()
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	begun := cfg.Now()
	err = ask(waiting, e, cfg, server)
	var other *ServerKeyError
	if err == nil || ctx.Err() != nil || errors.As(err, &other) {
		return err
	}
	if waiting.Err() != nil {
		return &NoAnswerError{Server: server, After: wait}
	}
	return noAnswer(server, cfg.Now().Sub(begun), err)
}

// askKey asks a server of the classic tier for its key.
func askKey(ctx context.Context, e *transport.Endpoint, random io.Reader, server netip.AddrPort) (*keys.PublicKey, error) {
	ask, err := classic.NewKeyAsk(random)
	if err != nil {
		return nil, err
	}
	if err := dialAsk(ctx, e, server, ask, classic.ErrKeyShown); err != nil {
		return nil, err
	}
	return ask.Key(), nil
}

// askHistory asks a server of the default tier for its keys, part by part.
func askHistory(ctx context.Context, e *transport.Endpoint, random io.Reader, server netip.AddrPort) (*wire.ServerHistory, error) {
	ask := channel.NewHistoryAsk(random)
	for !ask.Done() {
		if err := dialAsk(ctx, e, server, ask, channel.ErrHistoryShown); err != nil {
			return nil, err
		}
	}
	return ask.History()
}

// dialAsk dials with a question, whose answer ends the dial with an error of its
// own.
func dialAsk(ctx context.Context, e *transport.Endpoint, server netip.AddrPort, ask hands, answered error) error {
	conn, err := e.Dial(ctx, server, initiator{ask})
	if err == nil {
		conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
		return errors.New("client: the server opened a conn without a login")
	}
	if !errors.Is(err, answered) {
		return err
	}
	return nil
}
