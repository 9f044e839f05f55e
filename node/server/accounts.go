package server

import (
	"slices"
	"strings"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/node/store"
)

// An account is a user as every session's requests need him, in any tier.
type account struct {
	name    string // as registered
	mailbox store.Mailbox
	allowance
}

// accounts are the users. Some come while the server runs; none goes.
type accounts struct {
	mu     sync.RWMutex
	byName map[string]*account // by folded name
	sorted []*account          // by folded name; replaced, never changed
}

// add makes a user known.
func (a *accounts) add(acc *account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName == nil {
		a.byName = make(map[string]*account)
	}
	folded := keys.Fold(acc.name)
	a.byName[folded] = acc
	at, _ := slices.BinarySearchFunc(a.sorted, folded, func(acc *account, folded string) int {
		return strings.Compare(keys.Fold(acc.name), folded)
	})
	if at == len(a.sorted) {
		a.sorted = append(a.sorted, acc) // behind what anybody looks at
		return
	}
	a.sorted = slices.Insert(slices.Clone(a.sorted), at, acc)
}

// find returns the account of a name in any case of its letters, or nil.
func (a *accounts) find(name string) *account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.byName[keys.Fold(name)]
}

// all returns all accounts by folded name.
func (a *accounts) all() []*account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.sorted
}

// unixMs returns t as the protocol writes times.
func unixMs(t time.Time) uint64 { return uint64(t.UnixMilli()) }
