package cmd_test

import (
	"context"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto/node/store"
)

// A dishonest server has two states with one key, and shows each of two people
// another one. For them to talk at all it has to carry their messages over.

// cmdCopyState copies the state folder of a server that does not run.
func cmdCopyState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copystate FROM TO")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
	ts.Check(os.Chmod(ts.MkAbs(args[1]), 0o700))
	files, err := os.ReadDir(ts.MkAbs(args[1]))
	ts.Check(err)
	for _, f := range files {
		ts.Check(os.Chmod(ts.MkAbs(args[1]+"/"+f.Name()), 0o600))
	}
}

// cmdCarry puts what waits for a user in one state into his mailbox in another.
func cmdCarry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: carry FROM TO USER")
	}
	ctx := context.Background()
	open := func(dir string) (*store.Store, store.User) {
		s, err := store.Open(ts.MkAbs(dir))
		ts.Check(err)
		u, err := s.User(ctx, args[2])
		ts.Check(err)
		return s, u
	}
	from, here := open(args[0])
	defer from.Close()
	to, there := open(args[1])
	defer to.Close()
	items, _, err := from.Read(ctx, here.Mailbox, 0, 100)
	ts.Check(err)
	if len(items) == 0 {
		ts.Fatalf("nothing waits for %s", args[2])
	}
	for _, item := range items {
		_, err := to.Do(ctx, store.Op{At: time.Now().UnixMilli(), Append: &store.Append{
			Mailbox: there.Mailbox, From: item.From, Id: item.ID,
			ExpiresMs: uint64(time.Now().Add(time.Hour).UnixMilli()), Body: item.Body,
		}})
		ts.Check(err)
	}
}
