package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/server/ledger"
	"sotto/node/store"
	"sotto/wire"
)

// AddUser makes a user: new keys, of which the secret half is kept only
// under the password. The error is ErrUserExists, or says what is wrong with
// the name or the password.
func (d *Deployment) AddUser(ctx context.Context, name string, password []byte, now time.Time) error {
	if err := keys.CheckName(name); err != nil {
		return err
	}
	if u, err := d.Engine.User(ctx, name); err == nil {
		return fmt.Errorf("%w: %s", ErrUserExists, u.Name)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if d.Keys.Tier() == Default {
		return d.addAccount(ctx, name, password, now, keys.Stretch{})
	}
	id, err := keys.Generate(rand.Reader)
	if err != nil {
		return err
	}
	return d.addIdentity(ctx, id, name, password, now, keys.Stretch{})
}

// addIdentity stores a user of the classic tier with his key pair.
func (d *Deployment) addIdentity(ctx context.Context, id *keys.Identity, name string, password []byte, now time.Time, stretch keys.Stretch) error {
	rec, err := classic.NewRecord(rand.Reader, id, name, password, now, stretch)
	if err != nil {
		return err
	}
	put := &store.PutUser{Name: name}
	if put.Record, err = rec.MarshalBinary(); err != nil {
		return err
	}
	if _, err := rand.Read(put.Mailbox[:]); err != nil {
		return err
	}
	_, err = d.Engine.Do(ctx, store.Op{At: now.UnixMilli(), PutUser: put})
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %s", ErrUserExists, name)
	}
	return err
}

// addAccount enters a user of the default tier in the log, without a device. Who
// logs in first with the password makes one.
func (d *Deployment) addAccount(ctx context.Context, name string, password []byte, now time.Time, stretch keys.Stretch) error {
	err := d.enter(ctx, name, wire.EntryWhyCreated, password, now, stretch)
	if errors.Is(err, ledger.ErrTaken) {
		return fmt.Errorf("%w: %s", ErrUserExists, name)
	}
	return err
}

// ResetUser gives a user of the default tier new keys and a new password. His
// devices are forgotten, and everybody is told that the old keys did not sign
// this. It returns his name as registered. The error may be ErrNoUser.
func (d *Deployment) ResetUser(ctx context.Context, name string, password []byte, now time.Time) (string, error) {
	u, err := d.Engine.User(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("%w: %s", ErrNoUser, name)
	} else if err != nil {
		return "", err
	}
	return u.Name, d.enter(ctx, u.Name, wire.EntryWhyReset, password, now, keys.Stretch{})
}
