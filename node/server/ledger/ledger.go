package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/node/store"
	"sotto/wire"
)

var (
	// ErrTaken says that there is an account of the name already.
	ErrTaken = errors.New("there is an account of that name")
	// ErrConflict says that an entry does not follow the last one of its account.
	ErrConflict = errors.New("the entry does not follow the last one")
	// ErrOtherHost says that a log and a server's key don't belong together.
	ErrOtherHost = errors.New("the log is of another server than the key: put back the server.key that belongs to it")
)

// An Account is what is known of a user at one moment.
type Account struct {
	Name    string // as registered
	Mailbox store.Mailbox
	Record  *wire.AccountRecord
	Sign    wire.VerifyKey                // the account's key
	Devices map[wire.KeyId]wire.VerifyKey // by their ids

	leaf    uint64      // of the last entry
	rev     uint64      // of the user in the store
	shown   []wire.Hash // of the devices' keys
	retired []wire.Hash // of those that no entry may bring any more
}

// A Ledger is a server's log. It is safe for concurrent use.
type Ledger struct {
	engine store.Engine
	host   *keys.Host
	grown  func(head *wire.TreeHead, changed []*Account)

	growing chan struct{} // a place for whoever reads or makes new leaves
	signed  bool          // whether there is a head; known to whoever has the place

	mu       sync.RWMutex
	head     wire.TreeHead
	accounts map[string]*Account // by folded name; what it points to is never changed
}

// Open reads the log of a host. grown, which may be nil, is told of every growth,
// the first being what there is, one at a time, with the accounts by their
// folded names. It must not wait.
func Open(ctx context.Context, engine store.Engine, host *keys.Host, grown func(head *wire.TreeHead, changed []*Account)) (*Ledger, error) {
	l := &Ledger{engine: engine, host: host, grown: grown, growing: make(chan struct{}, 1), accounts: make(map[string]*Account)}
	if err := l.advance(ctx); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return l, nil
}

// Head returns the newest signed head.
func (l *Ledger) Head() wire.TreeHead {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

// SetPassword replaces what is kept of an account's password. The log doesn't
// grow, and what is so already is not done again. permit is asked before
// anything changes. The errors are ErrConflict, that of permit, and those of the
// store.
func (l *Ledger) SetPassword(ctx context.Context, now time.Time, record *wire.AccountRecord, permit func() error) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	defer l.end()
	old := l.Account(record.Name)
	switch {
	case old == nil:
		return fmt.Errorf("%w: there is no account of %s", ErrConflict, record.Name)
	case old.Record.Record == record.Record && old.Record.Wrapped == record.Wrapped:
		return nil
	}
	if err := permit(); err != nil {
		return err
	}
	put, err := l.user(old, record.Name, record)
	if err != nil {
		return err
	}
	_, err = l.engine.Do(ctx, store.Op{At: now.UnixMilli(), PutUser: put})
	// Whatever came of it: what the store has now is what counts.
	return errors.Join(err, l.refill(context.WithoutCancel(ctx), old))
}

// refill reads again what the store says of a user.
func (l *Ledger) refill(ctx context.Context, old *Account) error {
	u, err := l.engine.User(ctx, old.Name)
	if err != nil {
		return fmt.Errorf("user %s: %w", old.Name, err)
	}
	next := *old
	if err := next.fill(&u); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[keys.Fold(next.Name)] = &next
	return nil
}

// Account returns the account of a name in any case of its letters, or nil.
func (l *Ledger) Account(name string) *Account {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.accounts[keys.Fold(name)]
}
