package server

import (
	"context"
	"fmt"
	"time"

	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

// An account is a user as the server's requests need him.
type account struct {
	name    string // as registered
	mailbox store.Mailbox
	key     wire.Rsa
	since   uint64
	allowance
}

// accounts are the users by their folded names. They are read once and not
// changed afterwards, so everybody may read them.
type accounts struct {
	byName map[string]*account
	sorted []*account // by folded name
}

// readAccounts reads all users of the store.
func readAccounts(ctx context.Context, engine store.Engine) (*accounts, error) {
	a := &accounts{byName: make(map[string]*account)}
	for u, err := range engine.Users(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the users: %w", err)
		}
		var rec wire.Record
		if err := rec.UnmarshalBinary(u.Record); err != nil {
			return nil, fmt.Errorf("read the record of user %s: %w", u.Name, err)
		}
		acc := &account{name: u.Name, mailbox: u.Mailbox, key: rec.Key, since: rec.SinceMs}
		a.byName[keys.Fold(u.Name)] = acc
		a.sorted = append(a.sorted, acc)
	}
	return a, nil
}

// find returns the account of a name in any case of its letters, or nil.
func (a *accounts) find(name string) *account { return a.byName[keys.Fold(name)] }

// entries are the accounts as the manifest shows them.
func (a *accounts) entries() []wire.ManifestEntry {
	entries := make([]wire.ManifestEntry, len(a.sorted))
	for i, acc := range a.sorted {
		entries[i] = wire.ManifestEntry{User: acc.name, Key: acc.key, SinceMs: acc.since}
	}
	return entries
}

// unixMs returns t as the protocol writes times.
func unixMs(t time.Time) uint64 { return uint64(t.UnixMilli()) }
