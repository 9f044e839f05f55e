package store

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func enterOp(name string, rev, leaf uint64, entry string) Op {
	return Op{Enter: &Enter{
		User: PutUser{Name: name, Mailbox: mailboxOf(name), OldRev: rev, Record: []byte("record with " + entry)},
		Leaf: leaf, Entry: []byte(entry),
	}}
}

// tree checks that the log holds these leaves and that its hashes are those of a tree
// over them.
func (f *fixture) tree(want ...string) {
	f.Helper()
	size, err := f.e.TreeSize(ctx)
	if err != nil || size != uint64(len(want)) {
		f.Errorf("the log has %d leaves, %v; want %d", size, err, len(want))
		return
	}
	entries, err := f.e.Leaves(ctx, 0, 1<<30)
	if err != nil {
		f.Fatal(err)
	}
	if got := fmt.Sprintf("%s", entries); got != fmt.Sprint(want) {
		f.Errorf("the log holds %s, want %s", got, want)
	}
	checkHashes(f, f.e, entries)
}

// checkHashes builds the tree over the leaves anew and compares all its hashes.
func checkHashes(t testing.TB, e Engine, entries [][]byte) {
	t.Helper()
	var all []tlog.Hash
	built := tlog.HashReaderFunc(func(indexes []int64) (some []tlog.Hash, err error) {
		for _, i := range indexes {
			some = append(some, all[i])
		}
		return some, nil
	})
	for n, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(n), entry, built)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hashes...)
	}
	indexes := make([]int64, len(all))
	for i := range indexes {
		indexes[i] = int64(len(all) - 1 - i) // in any order
	}
	stored, err := e.Hashes(ctx).ReadHashes(indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range indexes {
		if stored[i] != all[n] {
			t.Errorf("hash %d of the tree is %v, want %v", n, stored[i], all[n])
		}
	}
	if _, err := e.Hashes(ctx).ReadHashes([]int64{0, int64(len(all))}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a hash that is not there yet: got %v, want ErrNotFound", err)
	}
}

// "A user's next entry in the log, and what changes of the user with it: both or
// nothing. leaf is the number of leaves before; when somebody else was first, the
// operation is refused."
func testEnter(f *fixture) {
	f.tree()
	if entries, err := f.e.Leaves(ctx, 0, 100); err != nil || len(entries) != 0 {
		f.Errorf("leaves of an empty log: %q, %v", entries, err)
	}
	first := enterOp("Alice", 0, 0, "a1")
	if res := f.do(first); res != (Result{Rev: 1}) {
		f.Errorf("the first entry: %+v", res)
	}
	f.do(enterOp("Bob", 0, 1, "b1"))
	second := enterOp("Alice", 1, 2, "a2")
	second.Enter.User.Name = "ALICE" // the same user
	if res := f.do(second); res != (Result{Rev: 2}) {
		f.Errorf("Alice's second entry: %+v", res)
	}
	if u, err := f.e.User(ctx, "Alice"); err != nil || u.Name != "Alice" || u.Rev != 2 || string(u.Record) != "record with a2" {
		f.Errorf("Alice is %+v, %v", u, err)
	}
	f.tree("a1", "b1", "a2")

	// The same proposal again gives the same answer, however much came after.
	if res := f.do(first); res != (Result{Rev: 1}) {
		f.Errorf("the first entry again: %+v", res)
	}
	f.do(Op{PutUser: &PutUser{Name: "Alice", Mailbox: mailboxOf("Alice"), OldRev: 2, Record: []byte("new password")}})
	if res := f.do(second); res != (Result{Rev: 2}) {
		f.Errorf("the second entry again: %+v", res)
	}

	// Whatever differs is another proposal, and changes neither the log nor a user.
	other := func(change func(*Enter)) Op {
		op := enterOp("Alice", 0, 0, "a1")
		change(op.Enter)
		return op
	}
	for name, op := range map[string]Op{
		"another entry in its place":     enterOp("Alice", 0, 0, "x"),
		"another user's in its place":    enterOp("Carol", 0, 0, "a1"),
		"with another record":            other(func(e *Enter) { e.User.Record = []byte("x") }),
		"with another revision":          other(func(e *Enter) { e.User.OldRev = 1 }),
		"beyond the end":                 enterOp("Carol", 0, 4, "c1"),
		"far beyond the end":             enterOp("Carol", 0, 1<<64-1, "c1"),
		"on an old revision of the user": enterOp("Bob", 0, 3, "b2"),
		"on a revision that isn't yet":   enterOp("Bob", 2, 3, "b2"),
		"what was put without an entry":  {Enter: &Enter{User: PutUser{Name: "Alice", Mailbox: mailboxOf("Alice"), OldRev: 2, Record: []byte("new password")}, Leaf: 3, Entry: []byte("a3")}},
		"with the mailbox of another":    {Enter: &Enter{User: PutUser{Name: "Carol", Mailbox: mailboxOf("Bob")}, Leaf: 3, Entry: []byte("c1")}},
		"in another mailbox than before": {Enter: &Enter{User: PutUser{Name: "Bob", Mailbox: mailboxOf("x"), OldRev: 1}, Leaf: 3, Entry: []byte("b2")}},
	} {
		f.Run(name, func(t *testing.T) {
			(&fixture{T: t, e: f.e, at: f.at}).refused(op, ErrConflict)
		})
	}
	f.refused(enterOp("Carol", 1, 3, "c1"), ErrNotFound)
	f.refused(enterOp("a/b", 0, 3, "x"), ErrBadOp)
	f.refused(enterOp("Carol", 0, 3, ""), ErrBadOp)
	f.refused(enterOp("Carol", 0, 3, string(make([]byte, MaxEntry+1))), ErrTooBig)
	if _, err := f.e.User(ctx, "Carol"); !errors.Is(err, ErrNotFound) {
		f.Errorf("Carol is there without an entry: %v", err)
	}
	if u, err := f.e.User(ctx, "Bob"); err != nil || u.Rev != 1 {
		f.Errorf("Bob is %+v, %v", u, err)
	}
	f.tree("a1", "b1", "a2")

	largest := enterOp("Carol", 0, 3, "")
	largest.Enter.Entry = bytes.Repeat([]byte("c"), MaxEntry)
	f.do(largest)
	for _, tt := range []struct {
		from  uint64
		bytes int
		want  int
	}{
		{0, 1 << 20, 4}, {1, 1 << 20, 3}, {4, 1 << 20, 0}, {5, 1, 0}, {1<<64 - 1, 1, 0},
		{0, 4, 2}, {0, 5, 2}, {0, 6, 3}, {0, 0, 1}, {3, 1, 1}, {2, MaxEntry + 2, 2}, {2, MaxEntry + 1, 1},
	} {
		if got, err := f.e.Leaves(ctx, tt.from, tt.bytes); err != nil || len(got) != tt.want {
			f.Errorf("leaves from %d of %d bytes: %d, %v; want %d", tt.from, tt.bytes, len(got), err, tt.want)
		}
	}
}

// Of many who propose one leaf, one is first; the log has it once, and goes on.
// "An enter that uses something up: mark is set with it, for good. Where it was set before
// the operation is refused, unless it is the repeat of the one that has set it."
func testEnterOnce(f *fixture) {
	once := func(name string, leaf uint64, mark byte) Op {
		op := enterOp(name, 0, leaf, name+"'s first")
		return Op{EnterOnce: &EnterOnce{Enter: *op.Enter, Mark: [32]byte{mark}}}
	}
	for range 2 {
		if res := f.do(once("Alice", 0, 1)); res.Rev != 1 {
			f.Errorf("got %+v, want revision 1", res)
		}
	}
	f.refused(once("Bob", 1, 1), ErrUsed)
	f.refused(once("Bob", 0, 2), ErrConflict)
	if is, err := f.e.Marked(ctx, [32]byte{2}); is || err != nil {
		f.Errorf("what was refused is used: %v, %v", is, err)
	}
	f.do(Op{Mark: &Mark{Key: [32]byte{3}, ExpiresMs: 1 << 60}})
	f.refused(once("Bob", 1, 3), ErrUsed)
	if res := f.do(once("Bob", 1, 2)); res.Rev != 1 {
		f.Errorf("got %+v, want revision 1", res)
	}
	if n, err := f.e.TreeSize(ctx); n != 2 || err != nil {
		f.Errorf("%d leaves, %v; want 2", n, err)
	}
}

func testEnterManyProposers(f *fixture) {
	const rounds, proposers = 20, 8
	for leaf := range uint64(rounds) {
		var won atomic.Int32
		var wg sync.WaitGroup
		for p := range proposers {
			wg.Go(func() {
				switch _, err := f.try(enterOp(fmt.Sprint("u", leaf, "-", p), 0, leaf, fmt.Sprint("by ", p))); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrConflict):
					f.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			f.Errorf("leaf %d: %d were first", leaf, won.Load())
		}
	}
	users := 0
	for _, err := range f.e.Users(ctx) {
		if err != nil {
			f.Fatal(err)
		}
		users++
	}
	if users != rounds {
		f.Errorf("%d users, want one for each of the %d leaves", users, rounds)
	}
	entries, err := f.e.Leaves(ctx, 0, 1<<20)
	if err != nil || len(entries) != rounds {
		f.Fatalf("%d leaves, %v", len(entries), err)
	}
	checkHashes(f, f.e, entries)
}

// What a login costs of the store: the hashes for a proof in a log of 10,000 leaves.
func BenchmarkHashes(b *testing.B) {
	s := benchStore(b)
	for leaf := range uint64(10_000) {
		name := fmt.Sprint("user-", leaf)
		op := enterOp(name, 0, leaf, "entry of "+name)
		op.At = 1
		if _, err := s.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
	}
	for _, from := range []int64{9_999, 9_900, 5_000, 1} {
		b.Run(fmt.Sprint("from ", from), func(b *testing.B) {
			for b.Loop() {
				if _, err := tlog.ProveTree(10_000, from, s.Hashes(ctx)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
