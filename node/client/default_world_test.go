package client_test

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server/ledger"
	"sotto/wire"
)

// newDefaultWorld is newWorld in the default tier. The users have no devices yet.
func newDefaultWorld(t testing.TB) *world {
	t.Helper()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), host: host, addr: netip.MustParseAddrPort("127.0.0.1:0")}
	w.openStore()
	for _, name := range []string{"Alice", "Bob", "Charlie", "Eve"} {
		w.enterAccount(name)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

// enterAccount makes an account without a device, whose password is its name; or
// resets it, as who runs the server can. The server must not run.
func (w *world) enterAccount(name string) *keys.Account {
	w.t.Helper()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	registrar, err := channel.NewRegistrar(w.host)
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now()
	record, err := registrar.Register(rand.Reader, name, []byte(name), account, now, keys.WeakForTests)
	if err != nil {
		w.t.Fatal(err)
	}
	entry, err := directory.Create(w.host.Realm(), name, account, nil, now)
	if last := w.last(name); last != nil {
		entry, err = last.Reset(account, nil, now)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.enterEntry(entry, record)
	return account
}

// last is an account's last entry, or nil.
func (w *world) last(name string) *directory.Entry {
	w.t.Helper()
	book := w.book()
	if book.Account(name) == nil {
		return nil
	}
	last, err := book.Last(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return last
}

func (w *world) book() *ledger.Ledger {
	w.t.Helper()
	book, err := ledger.Open(w.t.Context(), w.engine, w.host, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return book
}

func (w *world) enterEntry(e *directory.Entry, record *wire.AccountRecord) {
	w.t.Helper()
	if _, err := w.book().Enter(w.t.Context(), time.Now(), ledger.Change{Entry: e.Bytes(), Record: record}); err != nil {
		w.t.Fatal(err)
	}
}

// elsewhere is the same server for a person at another machine.
func (w *world) elsewhere(t *testing.T) *world { return newWorldFolder(t, w) }

// restored replaces the server's state by a copy of it.
func (w *world) restored(state []byte) {
	w.t.Helper()
	w.engine.Close()
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		os.Remove(filepath.Join(w.dir, "server", name))
	}
	if err := os.WriteFile(filepath.Join(w.dir, "server", "state.db"), state, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.openStore()
}

func (w *world) copied() []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.engine.Snapshot(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (p *person) ends() error {
	p.t.Helper()
	return await(p, "the end", 1, func(client.Ended) bool { return true })[0].Why
}
