package client

import (
	"context"
	"errors"
	"fmt"

	"sotto/node/chat"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

// An UncertainError says that the server was asked to change a password or keys, and
// that its answer did not come: it may have done it or not.
type UncertainError struct{ Why error }

func (e *UncertainError) Error() string {
	return "it is not known whether the server has made the change: " + e.Why.Error()
}

func (e *UncertainError) Unwrap() error { return e.Why }

// ChangePassword gives an account another password. The present one is in the Config.
// The account's keys and its devices stay, and need no new login. The errors are those
// of Open and an *UncertainError.
func ChangePassword(ctx context.Context, cfg Config, next []byte) error {
	asked := false
	err := run(ctx, cfg, func(t *defaultTier) errand {
		return func(ctx context.Context, ask asker, account *keys.Account, _ *grown) error {
			record, wrapped, err := t.newPassword(ctx, ask, next, account)
			if err != nil {
				return err
			}
			asked = true
			_, err = insist(ctx, ask, &wire.Request{
				Type:           wire.RequestTypePasswordFinish,
				PasswordFinish: wire.PasswordFinish{Record: record, Wrapped: *wrapped},
			})
			return err
		}
	})
	return certain(asked, err)
}

// RotateAccount gives an account other keys, which the old ones vouch for: others are
// told, and need not accept anything. It gives the fingerprint of the new keys. The
// password stays. The errors are those of Open and an *UncertainError.
func RotateAccount(ctx context.Context, cfg Config) (fingerprint string, err error) {
	asked := false
	err = run(ctx, cfg, func(t *defaultTier) errand {
		return func(ctx context.Context, ask asker, account *keys.Account, g *grown) error {
			next, err := keys.NewAccount(t.cfg.Random)
			if err != nil {
				return fmt.Errorf("client: %w", err)
			}
			defer next.Clear()
			fingerprint = keys.Fingerprint(next.Id())
			record, wrapped, err := t.newPassword(ctx, ask, t.cfg.Password, next)
			if err != nil {
				return err
			}
			asked = true
			return t.rotate(ctx, ask, account, next, wire.Rotate{Record: record, Wrapped: *wrapped}, g)
		}
	})
	return fingerprint, certain(asked, err)
}

// certain is err, unless the server was asked and may have done it.
func certain(asked bool, err error) error {
	var refused *chat.Refusal
	var alarm *DirectoryError
	if err == nil || !asked || errors.As(err, &alarm) || errors.As(err, &refused) && refused.Retry == 0 {
		return err
	}
	return &UncertainError{err}
}

// newPassword registers a password for an account, whose keys it wraps.
func (t *defaultTier) newPassword(ctx context.Context, ask asker, next []byte, account *keys.Account) (record [192]byte, wrapped *wire.WrappedAccount, err error) {
	password, request, err := channel.StartRegistration(t.cfg.Random, t.serverKey().key.Realm, t.cfg.User, next)
	if err != nil {
		return record, nil, &LoginError{User: t.cfg.User, Why: err}
	}
	defer password.Clear()
	reply, err := ask(ctx, &wire.Request{
		Type:          wire.RequestTypePasswordStart,
		PasswordStart: wire.PasswordStart{Request: request.BlindedMessage},
	})
	if err != nil {
		return record, nil, err
	}
	return t.registered(password, &reply.PasswordStart.Response, account)
}

// rotate lets the log show other keys of our account. It isn't tried again if another
// device was faster: what the password unlocks fits to these keys alone.
func (t *defaultTier) rotate(ctx context.Context, ask asker, account, next *keys.Account, r wire.Rotate, g *grown) error {
	own, err := t.log.entry(ctx, t.cfg.User)
	if err != nil {
		return err
	}
	e, err := own.Rotate(account.Signer, next, t.cfg.Now())
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	t.log.with(func(f *directory.Follower) { f.Made(e) })
	r.Entry = *e.Signed()
	reply, err := insist(ctx, ask, &wire.Request{Type: wire.RequestTypeRotate, Rotate: r})
	if err != nil {
		return err
	}
	if err := t.log.hear(ctx, &reply.Rotate.Head); err != nil {
		return err
	}
	more, err := t.log.catchUp(ctx, ask, false)
	if err != nil {
		return err
	}
	g.add(more)
	return t.checkOwn(ctx, t.cfg.User, next)
}

// insist makes a request again and again that the server can't do now.
func insist(ctx context.Context, ask asker, req *wire.Request) (*wire.Reply, error) {
	for {
		reply, err := ask(ctx, req)
		var refused *chat.Refusal
		if errors.As(err, &refused) && refused.Code == wire.RefusedCodeUnavailable && sleep(ctx, refused.Retry) {
			continue
		}
		return reply, err
	}
}
