package deployment

import (
	"context"
	"crypto/rand"
	"time"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server/ledger"
	"sotto/wire"
)

// enter makes the next entry of a user in the log, with new keys under a password.
func (d *Deployment) enter(ctx context.Context, name string, why wire.EntryWhy, password []byte, now time.Time, stretch keys.Stretch) error {
	host := d.Keys.Host
	registrar, err := channel.NewRegistrar(host)
	if err != nil {
		return err
	}
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		return err
	}
	defer account.Clear()
	record, err := registrar.Register(rand.Reader, name, password, account, now, stretch)
	if err != nil {
		return err
	}
	book, err := ledger.Open(ctx, d.Engine, host, nil)
	if err != nil {
		return err
	}
	entry, err := nextEntry(ctx, book, host.Realm(), name, why, account, now)
	if err != nil {
		return err
	}
	_, err = book.Enter(ctx, now, ledger.Change{Entry: entry.Bytes(), Record: record})
	return err
}

// nextEntry makes the first entry of an account, or one that says that all its keys
// were lost.
func nextEntry(ctx context.Context, book *ledger.Ledger, realm wire.Realm, name string, why wire.EntryWhy, account *keys.Account, now time.Time) (*directory.Entry, error) {
	if why == wire.EntryWhyCreated {
		return directory.Create(realm, name, account, nil, now)
	}
	last, err := book.Last(ctx, name)
	if err != nil {
		return nil, err
	}
	return last.Reset(account, nil, now)
}
