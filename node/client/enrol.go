package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf8"

	"sotto/node/chat"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/wire"
)

// publishTries is how often an entry is made anew because another device of ours
// was faster.
const publishTries = 4

// enter takes a login by password: it makes this device known to the log if it
// is not. g gets what the log grows by.
func (t *defaultTier) enter(ctx context.Context, ask asker, scope wire.SessionScope, account *keys.Account, device *keys.Device, g *grown) error {
	return t.publish(ctx, ask, account, g, func(own *directory.Entry) (*directory.Entry, error) {
		if _, shown := own.Device(device.Id()); shown {
			t.use(device)
			return nil, nil
		}
		if scope != wire.SessionScopeEnrol {
			return nil, &DirectoryError{Why: errScope}
		}
		if err := t.checkRetired(ctx, device); err != nil {
			return nil, err
		}
		return t.addDevice(own, account, device)
	})
}

// errRetired says that this device was removed from the account: it gets other keys, and
// the login begins again.
var errRetired = errors.New("the keys of this device were removed from the account")

// checkRetired refuses a device that was removed. What came for it is still read with
// the keys that it had.
func (t *defaultTier) checkRetired(ctx context.Context, device *keys.Device) (err error) {
	public := device.Public()
	var is bool
	t.log.with(func(f *directory.Follower) { is, err = f.DeviceRetired(ctx, &public) })
	if err != nil || !is {
		return err
	}
	if err := t.profile.SetAsideDevice(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.device, t.intros, t.aside = nil, nil, append(t.aside, device)
	return errRetired
}

// publish lets the log grow by entries of our own account: next makes the one
// that follows the last, until there is none to make. Another device may be faster;
// then it is made anew.
func (t *defaultTier) publish(ctx context.Context, ask asker, account *keys.Account, g *grown, next func(own *directory.Entry) (*directory.Entry, error)) error {
	for range publishTries {
		if err := t.checkOwn(ctx, t.cfg.User, account); err != nil {
			return err
		}
		own, err := t.log.entry(ctx, t.cfg.User)
		if err != nil {
			return err
		}
		e, err := next(own)
		if err != nil || e == nil {
			return err
		}
		t.log.with(func(f *directory.Follower) { f.Made(e) })
		reply, err := ask(ctx, &wire.Request{Type: wire.RequestTypePublish, Publish: wire.PublishRequest{Entry: *e.Signed()}})
		var refused *chat.Refusal
		conflict := errors.As(err, &refused) && refused.Code == wire.RefusedCodeConflict
		if err != nil && !conflict {
			return err
		}
		if !conflict {
			if err := t.log.hear(ctx, &reply.Publish.Head); err != nil {
				return err
			}
		}
		more, err := t.log.catchUp(ctx, ask, conflict)
		if err != nil {
			return err
		}
		g.add(more)
	}
	return &LoginError{User: t.cfg.User, Why: errors.New("the log changed too often meanwhile")}
}

// addDevice makes the entry that shows this device. Its keys are on disk before
// anybody can see them.
func (t *defaultTier) addDevice(own *directory.Entry, account *keys.Account, device *keys.Device) (*directory.Entry, error) {
	if len(own.Body().Devices) >= maxDevices {
		return nil, &LoginError{User: t.cfg.User, Why: errManyDevices}
	}
	device.User, device.Account = own.User(), account.Signer.Public()
	if len(own.Body().Devices) == 0 {
		device.Inherit(account)
	}
	if err := keepDevice(t.cfg, device, t.cfg.Passphrase); err != nil {
		return nil, err
	}
	now := t.cfg.Now()
	next, err := own.AddDevice(account.Signer, shownDevice(device), now)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return next, nil
}

// remove takes a device out of our account: the one of which digits begin the
// fingerprint.
func (t *defaultTier) remove(ctx context.Context, ask asker, account *keys.Account, digits string, g *grown) error {
	removed := false
	return t.publish(ctx, ask, account, g, func(own *directory.Entry) (*directory.Entry, error) {
		id, found := findDevice(own, digits)
		me, _ := t.me()
		switch {
		case !found && removed:
			return nil, nil
		case !found:
			return nil, ErrNoDevice
		case id == me.Id():
			return nil, ErrThisDevice
		}
		removed = true
		next, err := own.RemoveDevice(account.Signer, id, t.cfg.Now())
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		return next, nil
	})
}

// findDevice finds the one device of an entry of which digits begin the
// fingerprint.
func findDevice(e *directory.Entry, digits string) (id wire.KeyId, found bool) {
	for i := range e.Body().Devices {
		k := keys.DeviceId(&e.Body().Devices[i].Keys)
		if digitsOf(keys.Fingerprint(k), digits) {
			if found {
				return wire.KeyId{}, false
			}
			id, found = k, true
		}
	}
	return id, found
}

// maxDevices is how many devices an account can have.
const maxDevices = 16

// shownDevice is this device as the log shows it.
func shownDevice(d *keys.Device) wire.Device {
	return wire.Device{Keys: d.Public(), Name: deviceName()}
}

// deviceName is what people know this machine by.
func deviceName() string {
	name, err := os.Hostname()
	if err != nil || !utf8.ValidString(name) {
		return ""
	}
	for len(name) > 32 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// register makes the account, with this device as its first.
func (t *defaultTier) register(ctx context.Context, ask asker) error {
	realm := t.serverKey().key.Realm
	password, request, err := channel.StartRegistration(t.cfg.Random, realm, t.cfg.User, t.cfg.Password)
	if err != nil {
		return &LoginError{User: t.cfg.User, Why: err}
	}
	defer password.Clear()
	reply, err := ask(ctx, &wire.Request{
		Type:          wire.RequestTypeRegisterStart,
		RegisterStart: wire.RegisterStart{User: t.cfg.User, Request: request.BlindedMessage},
	})
	if err != nil {
		return &LoginError{User: t.cfg.User, Why: err}
	}
	account, err := keys.NewAccount(t.cfg.Random)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer account.Clear()
	record, wrapped, err := t.registered(password, &reply.RegisterStart.Response, account)
	if err != nil {
		return err
	}
	return t.create(ctx, ask, account, record, wrapped)
}

// registered ends the registration of a password: it gives what the server is to keep
// of it, with the account's keys under it.
func (t *defaultTier) registered(password *channel.Registration, answer *[64]byte, account *keys.Account) (record [192]byte, wrapped *wire.WrappedAccount, err error) {
	var response wire.OpaqueResponse
	if err := response.UnmarshalBinary(answer[:]); err != nil {
		return record, nil, &LoginError{User: t.cfg.User, Why: channel.ErrServer}
	}
	r, wrapped, err := password.Finish(t.cfg.Random, &response, account, t.cfg.Stretch)
	if err != nil {
		return record, nil, &LoginError{User: t.cfg.User, Why: err}
	}
	b, err := r.MarshalBinary()
	if err != nil {
		return record, nil, fmt.Errorf("client: %w", err)
	}
	return [192]byte(b), wrapped, nil
}

// create enters the account in the log.
func (t *defaultTier) create(ctx context.Context, ask asker, account *keys.Account, record [192]byte, wrapped *wire.WrappedAccount) error {
	realm := t.serverKey().key.Realm
	device, err := keys.NewDevice(t.cfg.Random, realm, t.cfg.User, account)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	device.Inherit(account)
	if err := keepDevice(t.cfg, device, t.cfg.Passphrase); err != nil {
		return err
	}
	now := t.cfg.Now()
	first, err := directory.Create(realm, t.cfg.User, account, []wire.Device{shownDevice(device)}, now)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	reply, err := ask(ctx, &wire.Request{
		Type:           wire.RequestTypeRegisterFinish,
		RegisterFinish: wire.RegisterFinish{Record: record, Wrapped: *wrapped, Entry: *first.Signed()},
	})
	var refused *chat.Refusal
	if errors.As(err, &refused) && refused.Retry == 0 { // there is no such account for certain
		return &LoginError{User: t.cfg.User, Why: errors.Join(err, t.profile.DropDevice())}
	}
	if err != nil {
		return &LoginError{User: t.cfg.User, Why: err}
	}
	if err := t.log.hear(ctx, &reply.RegisterFinish.Head); err != nil {
		return err
	}
	if _, err := t.log.catchUp(ctx, ask, false); err != nil {
		return err
	}
	t.use(device)
	return t.checkOwn(ctx, t.cfg.User, account)
}
