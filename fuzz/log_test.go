package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/wire"
)

// A shownLog is one that a server signs, with its hashes.
type shownLog struct {
	leaves [][]byte
	hashes []wire.Hash
}

func (l *shownLog) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, n := range indexes {
		hashes = append(hashes, tlog.Hash(l.hashes[n]))
	}
	return hashes, nil
}

func (l *shownLog) append(leaf []byte) {
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, l)
	if err != nil {
		panic(err)
	}
	l.leaves = append(l.leaves, leaf)
	for _, h := range hashes {
		l.hashes = append(l.hashes, wire.Hash(h))
	}
}

const (
	logShared = 3  // leaves that both logs begin with
	logLeaves = 12 // of each
)

// twoLogs are those of a server that lies. The second one ends with a leaf that breaks a
// rule.
var twoLogs = sync.OnceValues(func() (*keys.Host, [2]*shownLog) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	random := rand.NewChaCha8([32]byte{1})
	host, err := keys.NewHost(random)
	must(err)
	alice, err := keys.NewAccount(random)
	must(err)
	other, err := keys.NewAccount(random)
	must(err)
	logs := [2]*shownLog{{}, {}}
	first, err := directory.Create(host.Realm(), "Alice", alice, nil, fixedNow)
	must(err)
	for which, l := range logs {
		e := first
		l.append(e.Bytes())
		for n := 1; n < logLeaves; n++ {
			account := alice
			if n >= logShared {
				account = []*keys.Account{alice, other}[which]
			}
			if n%3 == 1 { // somebody new, else Alice's next entry
				fresh, err := directory.Create(host.Realm(), fmt.Sprint("user-", n), account, nil, fixedNow)
				must(err)
				l.append(fresh.Bytes())
				continue
			}
			device, err := keys.NewDevice(rand.NewChaCha8([32]byte{byte(n), byte(which * n / logShared)}), host.Realm(), "Alice", alice)
			must(err)
			e, err = e.AddDevice(alice.Signer, wire.Device{Keys: device.Public()}, fixedNow)
			must(err)
			l.append(e.Bytes())
		}
	}
	logs[1].append(first.Bytes())
	return host, logs
})

// A logStory is a client that follows a server which lies, cuts, mixes up and repeats.
type logStory struct {
	*testing.T
	host     *keys.Host
	logs     [2]*shownLog
	follower *directory.Follower
	hashes   []wire.Hash
	entries  map[string][]byte
	retired  map[string][]wire.Hash
	question directory.Question
}

func (s *logStory) Hashes(_ context.Context, numbers []int64) (hashes []wire.Hash, err error) {
	for _, n := range numbers {
		hashes = append(hashes, s.hashes[n])
	}
	return hashes, nil
}

func (s *logStory) Entry(_ context.Context, user string) ([]byte, error) {
	return s.entries[strings.ToLower(user)], nil
}

func (s *logStory) Retired(_ context.Context, user string, hashes []wire.Hash) (bool, error) {
	return slices.ContainsFunc(hashes, func(h wire.Hash) bool { return slices.Contains(s.retired[strings.ToLower(user)], h) }), nil
}

func (s *logStory) restart() {
	seen := directory.Seen{}
	if s.follower != nil {
		seen = s.follower.Seen()
	}
	s.follower = directory.NewFollower(s.host.History(), directory.Own{User: "Alice", Device: wire.KeyId{1}}, s, seen)
	s.question = s.follower.Ask()
}

func (s *logStory) head(l *shownLog, size int) wire.TreeHead {
	head, err := directory.SignHead(s.host.Signer(), s.host.Realm(), uint64(size), l)
	if err != nil {
		s.Fatal(err)
	}
	return head
}

func (s *logStory) reply(l *shownLog, from, most, size int) wire.LeavesReply {
	r := wire.LeavesReply{Head: s.head(l, size)}
	from = min(from, size)
	to := min(from+most, size)
	for _, leaf := range l.leaves[from:to] {
		r.Leaves = append(r.Leaves, wire.Leaf{Entry: leaf})
	}
	var err error
	if r.Proof, err = directory.ProveTree(uint64(to), uint64(size), l); err != nil {
		s.Fatal(err)
	}
	return r
}

// take keeps what was taken, and checks what must always hold.
func (s *logStory) take(u *directory.Update, err error) {
	if fork, ok := errors.AsType[*directory.ForkError](err); ok {
		if err := directory.CheckEvidence(s.host.Id(), fork.Evidence); err != nil {
			s.Fatalf("%v, with evidence that does not convict: %v", fork, err)
		}
	}
	if err != nil {
		if u != nil {
			s.Fatal("an update beside ", err)
		}
		return
	}
	if u == nil {
		return
	}
	before := s.follower.Seen()
	if u.From != before.Leaves || u.Seen.Leaves < before.Leaves || u.Seen.Head.Leaves < before.Head.Leaves || logMost(u.Seen) < logMost(before) || len(u.Changes) != int(u.Seen.Leaves-u.From) {
		s.Fatalf("from %+v to %+v with %d changes", before, u.Seen, len(u.Changes))
	}
	s.hashes = append(s.hashes, u.Hashes...)
	for _, c := range u.Changes {
		name := strings.ToLower(c.Entry.User())
		s.entries[name] = c.Entry.Bytes()
		s.retired[name] = append(s.retired[name], c.Retired...)
	}
	s.follower.Keep(u)
	s.which()
	if len(u.Seen.Waiting) > 128 {
		s.Fatalf("%d heads wait", len(u.Seen.Waiting))
	}
}

// logMost is how many leaves the server has signed, as the client knows.
func logMost(seen directory.Seen) (most uint64) {
	for _, h := range append(slices.Clone(seen.Waiting), seen.Head) {
		most = max(most, h.Leaves)
	}
	return most
}

// signed reports whether a head is one of this log.
func (s *logStory) signed(l *shownLog, h wire.TreeHead) bool {
	return int(h.Leaves) <= len(l.leaves) && h == s.head(l, int(h.Leaves))
}

// which gives the logs that the client may be following: it has leaves of one of them, and
// its head is signed and goes on with them.
func (s *logStory) which() (possible []*shownLog) {
	seen := s.follower.Seen()
	for i, l := range s.logs {
		if int(seen.Leaves) > logLeaves { // the one more breaks a rule
			break
		}
		if n := tlog.StoredHashCount(int64(seen.Leaves)); !slices.Equal(s.hashes, l.hashes[:n]) {
			continue
		}
		if seen.Head != (wire.TreeHead{}) && !s.signed(l, seen.Head) {
			continue
		}
		possible = append(possible, s.logs[i])
	}
	if len(possible) == 0 {
		s.Fatalf("it follows no log that there is: %+v", seen)
	}
	return possible
}

// FuzzFollower lets a server with two logs, and people who pass its heads on, say anything
// to a client. It never takes a leaf of no log or of both, never goes back, never takes an
// entry that breaks a rule; whatever it was told, it can still follow its log to the end,
// unless a head of the other one waits: then it finds out.
func FuzzFollower(f *testing.F) {
	for _, story := range []string{
		"\x00\x05\x01\x05\x08",                             // a login, and all leaves
		"\x00\x0c\x01\x01\x01\x01\x01\x01",                 // leaf by leaf
		"\x00\x05\x01\x05\x03\x06\x08",                     // a message from the other log
		"\x00\x02\x01\x05\x03\x06\x08\x10\x06\x11\x05\x08", // before its leaves were taken
		"\x00\x05\x05\x01\x05\x03\x00\x01\x00\x09\x01\x04", // altered
		"\x10\x0d\x11\x0f\x08",                             // a rule is broken
		"\x00\x0c\x01\x05\x00\x04\x01\x05\x08",             // it goes back
		"\x06\x07\x01\x06\x00\x01\x07\x05",                 // any bytes
	} {
		f.Add([]byte(story))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		story := make([]byte, 100)
		for i := range story {
			story[i] = byte(random.Uint32())
		}
		f.Add(story)
	}
	f.Fuzz(func(t *testing.T, story []byte) {
		host, logs := twoLogs()
		s := &logStory{T: t, host: host, logs: logs, entries: map[string][]byte{}, retired: map[string][]wire.Hash{}}
		s.restart()
		for n := 0; len(story) > 0 && n < 40; n++ {
			story = s.step(story)
		}
		s.end()
	})
}

// step takes the next thing that happens from the story.
func (s *logStory) step(story []byte) (rest []byte) {
	next := func() int {
		if len(story) == 0 {
			return 0
		}
		b := story[0]
		story = story[1:]
		return int(b)
	}
	ctx := context.Background()
	what := next()
	l := s.logs[what>>4&1]
	size := func() int { return next() % (len(l.leaves) + 1) }
	spoil := func(b []byte) []byte { return patched(b, []byte{byte(next()), byte(next()), byte(next())}) }
	switch what & 15 {
	case 0: // a login
		s.question = s.follower.Ask()
		r := s.reply(l, int(s.question.From), 0, size())
		s.take(s.follower.TakeHead(ctx, s.question, &r.Head, &r.Proof))
	case 1, 2: // an answer to the last question, or to a new one
		if what&1 == 1 {
			s.question = s.follower.Ask()
		}
		r := s.reply(l, int(s.question.From), next()%6, size())
		s.take(s.follower.TakeLeaves(ctx, s.question, &r))
	case 3: // a message
		head := s.head(l, size())
		s.take(s.follower.Hear(ctx, &head))
	case 4: // an altered one
		var head wire.TreeHead
		h := s.head(l, size())
		if head.UnmarshalBinary(spoil(encoded(s, &h))) == nil {
			s.take(s.follower.Hear(ctx, &head))
		}
	case 5, 6: // an altered answer
		var r wire.LeavesReply
		honest := s.reply(l, int(s.follower.Seen().Leaves), next()%6, size())
		if r.UnmarshalBinary(spoil(encoded(s, &honest))) == nil {
			s.take(s.follower.TakeLeaves(ctx, s.follower.Ask(), &r))
		}
	case 7: // leaves of one log under the head of the other
		from := int(s.follower.Seen().Leaves)
		r, other := s.reply(l, from, next()%6, size()), s.reply(s.logs[what>>4&1^1], from, next()%6, next()%logLeaves)
		r.Leaves = other.Leaves
		s.take(s.follower.TakeLeaves(ctx, s.follower.Ask(), &r))
	case 8:
		s.restart()
	case 9: // any bytes
		n := min(next(), len(story))
		var r wire.LeavesReply
		if r.UnmarshalBinary(story[:n]) == nil {
			s.take(s.follower.TakeLeaves(ctx, s.follower.Ask(), &r))
		}
		if _, err := directory.Next(s.host.Realm(), nil, story[:n]); err == nil {
			s.Fatalf("%x is an entry", story[:n])
		}
		story = story[n:]
	}
	return story
}

// end reads on to the end of the client's log, with the honest half of the server.
func (s *logStory) end() {
	ctx := context.Background()
	possible := s.which()
	l := possible[0]
	seen := s.follower.Seen()
	lied := func(h wire.TreeHead) bool { return !s.signed(l, h) }
	// A head of 13 leaves of the second log was signed too; who waits for it must see it.
	size := logLeaves
	for _, h := range append(slices.Clone(seen.Waiting), seen.Head) {
		size = max(size, int(h.Leaves))
	}
	if size > len(l.leaves) {
		return // of the other log: this one is never as long
	}
	for step := 0; ; step++ {
		q := s.follower.Ask()
		r := s.reply(l, int(q.From), 5, size)
		u, err := s.follower.TakeLeaves(ctx, q, &r)
		s.take(u, err)
		_, forked := errors.AsType[*directory.ForkError](err)
		_, broken := errors.AsType[*directory.LeafError](err)
		switch {
		case forked && slices.ContainsFunc(seen.Waiting, lied):
			return
		case broken && size > logLeaves:
			return
		case err != nil:
			s.Fatalf("it can't go on with its log: %v", err)
		case !s.follower.Behind():
			if slices.ContainsFunc(seen.Waiting, lied) {
				s.Fatal("it has read all leaves and not found out")
			}
			return
		case step > logLeaves:
			s.Fatal("it never reaches the end")
		}
	}
}
