package directory

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"sotto/node/keys"
	"sotto/wire"
)

// A server shows Alice one log and Bob another, which begin alike:
//
//	0 ── 1 ── 2 ──┬── 3 ── 4 ── ...   Alice's
//	              └── 3 ── 4 ── ...   Bob's
//
// Whatever each has read of theirs, the first message that tells of a leaf that they don't
// share shows it, and the one who gets it can prove it to anybody.
func TestForkIsFoundWithTheFirstMessage(t *testing.T) {
	const shared, most = 2, 9
	host := newHost(t)
	entries := accounts(t, host, 2*most)
	hers, his := newLog(host), newLog(host)
	hers.enter(t, entries[:most]...)
	his.enter(t, entries[:shared]...)
	his.enter(t, entries[most:]...)

	for size := 0; size <= most; size++ { // of Bob's log when the message comes
		for told := 0; told <= most; told++ { // of Alice's, by her message
			at := fmt.Sprintf("Bob has %d leaves, Alice's head %d", size, told)
			bob := newClient(host, Own{})
			if err := bob.sync(t, his.upTo(size)); err != nil {
				t.Fatal(err)
			}
			err := bob.hear(hers.upTo(told).head(t))
			if err == nil && bob.Behind() {
				// Bob asks; the server goes on with his log, or makes it long enough.
				err = bob.catchUp(t, his.upTo(max(size, told)), 2)
			}
			if told <= shared {
				if err != nil {
					t.Errorf("%s, which both share: %v", at, err)
				}
				continue
			}
			fork, ok := errors.AsType[*ForkError](err)
			if !ok {
				t.Errorf("%s: error = %v, want a *ForkError", at, err)
				continue
			}
			if err := CheckEvidence(host.Id(), fork.Evidence); err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if size >= told { // else he had to read on
				bob.mustBe(t, his.upTo(size))
			}
		}
	}
}

// A server that has shown Alice more than it now shows Bob can't keep it from him: it
// has to show him a log as long, and either that is hers or he has the evidence.
func TestForkCannotBeWithheld(t *testing.T) {
	host := newHost(t)
	entries := accounts(t, host, 8)
	hers, his := newLog(host), newLog(host)
	hers.enter(t, entries[:4]...)
	his.enter(t, entries[:2]...)
	bob := newClient(host, Own{})
	if err := bob.sync(t, his); err != nil {
		t.Fatal(err)
	}
	if err := bob.hear(hers.head(t)); err != nil || !bob.Behind() {
		t.Fatalf("behind: %v, %v", bob.Behind(), err)
	}
	// Not more leaves, now or at the next login.
	q := bob.Ask()
	r := his.reply(t, q.From, 10)
	if _, err := bob.TakeLeaves(ctx, q, &r); !errors.Is(err, ErrRollback) {
		t.Errorf("no more leaves: error = %v, want ErrRollback", err)
	}
	restarted := func() *client {
		m := &memory{slices.Clone(bob.memory.hashes), maps.Clone(bob.memory.entries), maps.Clone(bob.memory.retired)}
		return &client{Follower: NewFollower(host.History(), Own{}, m, bob.Seen()), memory: m}
	}
	again := restarted()
	if err := again.login(t, his); !errors.Is(err, ErrRollback) {
		t.Errorf("no more leaves at a login: error = %v, want ErrRollback", err)
	}
	// Hers: all is well.
	if err := again.sync(t, hers); err != nil {
		t.Errorf("the log that she has: %v", err)
	}
	again.mustBe(t, hers)
	// Another one that is as long, or longer, in one piece or leaf by leaf.
	for _, longer := range []int{4, 5, 6} {
		for most := range 4 {
			other := his.upTo(2)
			other.enter(t, entries[8-(longer-2):]...)
			again := restarted()
			err := again.login(t, other)
			if err == nil {
				err = again.catchUp(t, other, most+1)
			}
			fork, ok := errors.AsType[*ForkError](err)
			if !ok {
				t.Errorf("another of %d, by %d: error = %v, want a *ForkError", longer, most+1, err)
				continue
			}
			if err := CheckEvidence(host.Id(), fork.Evidence); err != nil {
				t.Error(err)
			}
		}
	}
}

// A message may have waited while the server's key changed: a head under an older key
// counts in it, but not from the server itself. The evidence shows how the keys follow each
// other, so it convinces whoever has pinned any of them.
func TestHeadsOfOlderKeys(t *testing.T) {
	host := newHost(t)
	entries := accounts(t, host, 6)
	old, forked := newLog(host), newLog(host)
	old.enter(t, entries[:3]...)
	forked.enter(t, entries[3:]...)
	honest, lie := old.head(t), forked.head(t)
	forked.enter(t, entries[:2]...)
	ahead := forked.head(t)
	before := host.Id()
	bob := newClient(host, Own{})
	if err := bob.sync(t, old.upTo(2)); err != nil {
		t.Fatal(err)
	}

	if err := host.Rotate(rand.Reader, testNow); err != nil {
		t.Fatal(err)
	}
	now := newLog(host)
	now.enter(t, entries[:4]...)
	if err := bob.login(t, now); !errors.Is(err, ErrHead) {
		t.Errorf("a key that Bob doesn't know of: error = %v, want ErrHead", err)
	}
	bob.SetHistory(host.History())
	q := bob.Ask()
	proof := old.proof(t, q.From)
	if _, err := bob.TakeHead(ctx, q, &honest, &proof); !errors.Is(err, ErrHead) {
		t.Errorf("the server with its old key: error = %v, want ErrHead", err)
	}
	if err := bob.hear(honest); err != nil {
		t.Errorf("a message from before: %v", err)
	}
	if err := bob.sync(t, now); err != nil {
		t.Fatal(err)
	}
	bob.mustBe(t, now)
	// What is stolen with an old key doesn't make him wait for leaves that will never be.
	if err := bob.hear(ahead); !errors.Is(err, ErrHead) || bob.Behind() {
		t.Errorf("an old key signs a longer log than the new one: error = %v, want ErrHead; behind: %v", err, bob.Behind())
	}
	err := bob.hear(lie)
	fork, ok := errors.AsType[*ForkError](err)
	if !ok {
		t.Fatalf("a lie from before: error = %v, want a *ForkError", err)
	}
	for _, pinned := range []wire.KeyId{before, host.Id()} {
		if err := CheckEvidence(pinned, fork.Evidence); err != nil {
			t.Error(err)
		}
	}
}

// Evidence convicts whom it should and nobody else: what isn't signed by the server, goes
// together, or isn't proved, is none.
func TestEvidenceIsChecked(t *testing.T) {
	host, other := newHost(t), newHost(t)
	entries := accounts(t, host, 9)
	hers, his := newLog(host), newLog(host)
	hers.enter(t, entries[:3]...)
	his.enter(t, entries[1:]...)
	bob := newClient(host, Own{})
	if err := bob.sync(t, his); err != nil {
		t.Fatal(err)
	}
	fork, ok := errors.AsType[*ForkError](bob.hear(hers.head(t)))
	if !ok {
		t.Fatal("there is no evidence")
	}
	// It travels.
	b, err := fork.Evidence.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var good wire.ForkEvidence
	if err := good.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if err := CheckEvidence(host.Id(), &good); err != nil {
		t.Fatal(err)
	}
	if err := CheckEvidence(other.Id(), &good); !errors.Is(err, keys.ErrPin) {
		t.Errorf("against another server: error = %v, want keys.ErrPin", err)
	}

	same, longer := hers.head(t), his.head(t)
	for name, bad := range map[string]func(e *wire.ForkEvidence){
		"of another server":          func(e *wire.ForkEvidence) { e.History = *other.History() },
		"then not signed":            func(e *wire.ForkEvidence) { e.Then.Root[0]++ },
		"now not signed":             func(e *wire.ForkEvidence) { e.Now.Sig[0]++ },
		"was another root":           func(e *wire.ForkEvidence) { e.Was[0]++ },
		"was the root of then":       func(e *wire.ForkEvidence) { e.Was = e.Then.Root },
		"the other way round":        func(e *wire.ForkEvidence) { e.Then, e.Now = e.Now, e.Then },
		"one head twice":             func(e *wire.ForkEvidence) { e.Now, e.Proof = e.Then, wire.TreeProof{} },
		"one head twice, and a root": func(e *wire.ForkEvidence) { e.Now, e.Was, e.Proof = e.Then, e.Then.Root, wire.TreeProof{} },
		"an honest log": func(e *wire.ForkEvidence) {
			e.Then, e.Was, e.Proof = his.upTo(3).head(t), rootOf(t, 3, his.tree), his.proof(t, 3)
		},
		"from the empty log": func(e *wire.ForkEvidence) {
			e.Then, e.Was, e.Proof = his.upTo(0).head(t), wire.Hash{1}, wire.TreeProof{}
		},
		"no proof":                    func(e *wire.ForkEvidence) { e.Proof = wire.TreeProof{} },
		"the proof of the other tree": func(e *wire.ForkEvidence) { e.Then, e.Now, e.Was = same, longer, same.Root },
	} {
		e := good
		bad(&e)
		if CheckEvidence(host.Id(), &e) == nil {
			t.Errorf("%s: it is evidence", name)
		}
	}
	for what, proof := range spoiled(good.Proof) {
		e := good
		e.Proof = proof
		if CheckEvidence(host.Id(), &e) == nil {
			t.Errorf("%s: it is evidence", what)
		}
	}
}

// However many heads come with messages, they take little room, and reading the log ends it.
func TestManyHeadsWait(t *testing.T) {
	host := newHost(t)
	l := newLog(host)
	for i := range 2 * maxWaiting {
		l.append(t, fmt.Append(nil, i)) // nobody reads them
	}
	c := newClient(host, Own{})
	for i := range 2 * maxWaiting {
		err := c.hear(l.upTo(i).head(t))
		if want := error(nil); i > maxWaiting { // the first of them is of no leaves
			want = ErrTooMany
			if !errors.Is(err, want) {
				t.Fatalf("head %d: error = %v, want %v", i, err, want)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		if err := c.hear(l.upTo(min(i, maxWaiting)).head(t)); err != nil {
			t.Fatalf("a head that is known: %v", err)
		}
	}
	if n := len(c.Seen().Waiting); n != maxWaiting {
		t.Errorf("%d heads wait, want %d", n, maxWaiting)
	}
	// A server that never lets anybody catch up doesn't fill the memory either.
	entries := accounts(t, host, 8)
	grows := newLog(host)
	grows.enter(t, entries...)
	for i := range 3 * maxWaiting {
		grows.append(t, fmt.Append(nil, i))
	}
	c = newClient(host, Own{})
	for i := range 3 * maxWaiting {
		q := c.Ask()
		now := grows.upTo(8 + i)
		head, proof := now.head(t), now.proof(t, q.From)
		if i%30 == 0 && i/30 < 8 {
			r := now.reply(t, q.From, 1)
			if err := c.keep(c.TakeLeaves(ctx, q, &r)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := c.keep(c.TakeHead(ctx, q, &head, &proof)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.Seen().Waiting); n > 2*maxWaiting {
		t.Errorf("%d heads wait", n)
	}
}
