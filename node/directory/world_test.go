package directory

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/keys"
	"sotto/wire"
)

var ctx = context.Background()

// A memory keeps what a client took, like a profile.
type memory struct {
	hashes  []wire.Hash
	entries map[string][]byte
	retired map[string][]wire.Hash
}

func (m *memory) Hashes(_ context.Context, numbers []int64) ([]wire.Hash, error) {
	var hashes []wire.Hash
	for _, n := range numbers {
		if n >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("hash %d of %d", n, len(m.hashes))
		}
		hashes = append(hashes, m.hashes[n])
	}
	return hashes, nil
}

func (m *memory) Entry(_ context.Context, user string) ([]byte, error) {
	return m.entries[keys.Fold(user)], nil
}

func (m *memory) Retired(_ context.Context, user string, hashes []wire.Hash) (bool, error) {
	return slices.ContainsFunc(hashes, func(h wire.Hash) bool { return slices.Contains(m.retired[keys.Fold(user)], h) }), nil
}

// A client is a Follower with its memory.
type client struct {
	*Follower
	memory *memory
	told   []Change
}

func newClient(host *keys.Host, own Own) *client {
	m := &memory{entries: map[string][]byte{}, retired: map[string][]wire.Hash{}}
	return &client{Follower: NewFollower(host.History(), own, m, Seen{}), memory: m}
}

// keep keeps an update, if there is one.
func (c *client) keep(u *Update, err error) error {
	if err != nil || u == nil {
		return err
	}
	c.memory.hashes = append(c.memory.hashes, u.Hashes...)
	for _, change := range u.Changes {
		name := fold(change.Entry)
		c.memory.entries[name] = change.Entry.Bytes()
		c.memory.retired[name] = append(c.memory.retired[name], change.Retired...)
	}
	c.told = append(c.told, u.Changes...)
	c.Keep(u)
	return nil
}

// hear takes a head from a message.
func (c *client) hear(head wire.TreeHead) error { return c.keep(c.Hear(ctx, &head)) }

// login takes the head of a B6.
func (c *client) login(t testing.TB, l *log) error {
	q := c.Ask()
	head, proof := l.head(t), l.proof(t, q.From)
	return c.keep(c.TakeHead(ctx, q, &head, &proof))
}

// catchUp asks for leaves, at most so many at a time, until there are no more.
func (c *client) catchUp(t testing.TB, l *log, most int) error {
	for c.Behind() {
		q := c.Ask()
		r := l.reply(t, q.From, most)
		if err := c.keep(c.TakeLeaves(ctx, q, &r)); err != nil {
			return err
		}
	}
	return nil
}

// sync is a login and what follows.
func (c *client) sync(t testing.TB, l *log) error {
	if err := c.login(t, l); err != nil {
		return err
	}
	return c.catchUp(t, l, 1<<20)
}

// mustBe checks that the client knows just this log.
func (c *client) mustBe(t testing.TB, l *log) {
	t.Helper()
	want := l.head(t)
	if seen := c.Seen(); seen.Leaves != uint64(len(l.leaves)) || seen.Head != want || len(seen.Waiting) > 0 {
		t.Errorf("it has seen %d leaves, head %v, %d wait; want %d leaves, head %v", seen.Leaves, &seen.Head, len(seen.Waiting), len(l.leaves), &want)
	}
	if !slices.Equal(c.memory.hashes, toWire(l.tree).Hashes) {
		t.Error("it knows other hashes")
	}
}

// A log is a server's, which may be any number of logs.
type log struct {
	host   *keys.Host
	leaves [][]byte
	tree   stored
}

func newLog(host *keys.Host) *log { return &log{host: host} }

func (l *log) enter(t testing.TB, entries ...*Entry) {
	t.Helper()
	for _, e := range entries {
		l.append(t, e.Bytes())
	}
}

// append takes what nobody must take.
func (l *log) append(t testing.TB, leaf []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, l.tree)
	if err != nil {
		t.Fatal(err)
	}
	l.leaves, l.tree = append(l.leaves, leaf), append(l.tree, hashes...)
}

// upTo is the log as it was.
func (l *log) upTo(size int) *log {
	return &log{l.host, l.leaves[:size:size], slices.Clip(l.tree[:tlog.StoredHashCount(int64(size))])}
}

func (l *log) head(t testing.TB) wire.TreeHead {
	t.Helper()
	head, err := SignHead(l.host.Signer(), l.host.Realm(), uint64(len(l.leaves)), l.tree)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// proof is the best that a server can do.
func (l *log) proof(t testing.TB, from uint64) wire.TreeProof {
	t.Helper()
	proof, err := ProveTree(min(from, uint64(len(l.leaves))), uint64(len(l.leaves)), l.tree)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func (l *log) reply(t testing.TB, from uint64, most int) wire.LeavesReply {
	t.Helper()
	r := wire.LeavesReply{Head: l.head(t)}
	from = min(from, uint64(len(l.leaves)))
	to := min(from+uint64(most), uint64(len(l.leaves)))
	for _, leaf := range l.leaves[from:to] {
		r.Leaves = append(r.Leaves, wire.Leaf{Entry: leaf})
	}
	r.Proof = l.proof(t, to)
	return r
}

// accounts makes the first entries of so many accounts.
func accounts(t testing.TB, host *keys.Host, n int) (entries []*Entry) {
	t.Helper()
	for i := range n {
		e, err := Create(host.Realm(), fmt.Sprint("user-", i), newAccount(t), []wire.Device{newDevice(t, "laptop")}, testNow)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}
