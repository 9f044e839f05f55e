package directory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// A client reads a log from its beginning, goes on where it was, and hears of each change
// once.
func TestFollow(t *testing.T) {
	must := must(t)
	host := newHost(t)
	l := newLog(host)
	c := newClient(host, Own{User: "Nobody"})
	if err := c.sync(t, l); err != nil {
		t.Fatalf("an empty log: %v", err)
	}
	c.mustBe(t, l)

	account := newAccount(t)
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	one := must(Create(host.Realm(), "Alice", account, []wire.Device{laptop}, testNow))
	two := must(one.AddDevice(account.Signer, phone, testNow))
	three := must(two.RemoveDevice(account.Signer, keys.DeviceId(&laptop.Keys), testNow))
	next := newAccount(t)
	four := must(three.Rotate(account.Signer, next, testNow))
	five := must(four.Reset(account, nil, testNow))
	others := accounts(t, host, 20)
	l.enter(t, others[:3]...)
	l.enter(t, one, two)
	if err := c.sync(t, l); err != nil {
		t.Fatal(err)
	}
	c.mustBe(t, l)
	l.enter(t, others[3:]...)
	l.enter(t, three, four, five)
	if err := c.login(t, l); err != nil {
		t.Fatal(err)
	}
	if !c.Behind() {
		t.Error("there is nothing to ask for")
	}
	if err := c.catchUp(t, l, 3); err != nil {
		t.Fatal(err)
	}
	c.mustBe(t, l)

	var got []string
	for i, change := range c.told {
		if change.Leaf != uint64(i) || change.Own || change.Alarms != nil {
			t.Errorf("change %d: %+v", i, change)
		}
		if change.Entry.User() == "Alice" {
			got = append(got, fmt.Sprint(change.Entry.Body().Why, " +", names(change.Added), " -", names(change.Removed), " ", change.Vouched()))
		}
	}
	want := []string{
		"created +[laptop] -[] false", "device +[phone] -[] false", "device +[] -[laptop] false",
		"rotated +[] -[] true", "reset +[] -[phone] false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("told of Alice: %q, want %q", got, want)
	}
	if len(c.told) != len(l.leaves) {
		t.Errorf("told of %d changes, want %d", len(c.told), len(l.leaves))
	}
}

func names(devices []wire.Device) (names []string) {
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return names
}

// 53. "checkpoint smaller than stored; same size other root; signature by other key/origin
// → alarm". The client stays with what it knows, and goes on with the honest log.
func TestAttack53(t *testing.T) {
	host, stranger := newHost(t), newHost(t)
	entries := accounts(t, host, 12)
	honest, other := newLog(host), newLog(host)
	honest.enter(t, entries[:9]...)
	other.enter(t, entries[1:10]...)

	foreign, renamed := newLog(stranger), *honest
	foreign.enter(t, accounts(t, stranger, 10)...)
	sameKey := wire.TreeHead{}
	{
		// The host's key under another origin.
		h, err := SignHead(host.Signer(), stranger.Realm(), 9, renamed.tree)
		if err != nil {
			t.Fatal(err)
		}
		sameKey = h
	}
	for _, tt := range []struct {
		name string
		head func() wire.TreeHead
		log  *log // that proves it
		want error
	}{
		{"smaller", func() wire.TreeHead { return honest.upTo(8).head(t) }, honest.upTo(8), ErrRollback},
		{"empty", func() wire.TreeHead { return honest.upTo(0).head(t) }, honest.upTo(0), ErrRollback},
		{"smaller, another root", func() wire.TreeHead { return other.upTo(8).head(t) }, other.upTo(8), new(ForkError)},
		{"same size, another root", func() wire.TreeHead { return other.head(t) }, other, new(ForkError)},
		{"another key", func() wire.TreeHead { return foreign.head(t) }, foreign, ErrHead},
		{"another origin", func() wire.TreeHead { return sameKey }, honest, ErrHead},
		{"larger by a word", func() wire.TreeHead { h := honest.head(t); h.Leaves++; return h }, honest, ErrHead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(host, Own{})
			if err := c.sync(t, honest); err != nil {
				t.Fatal(err)
			}
			check := func(way string, err error) {
				t.Helper()
				fork, is := errors.AsType[*ForkError](err)
				if _, want := tt.want.(*ForkError); want != is || !want && !errors.Is(err, tt.want) {
					t.Errorf("%s: error = %v, want %v", way, err, tt.want)
				}
				if is {
					if err := CheckEvidence(host.Id(), fork.Evidence); err != nil {
						t.Errorf("%s: %v", way, err)
					}
				}
				c.mustBe(t, honest)
			}
			head := tt.head()
			q := c.Ask()
			proof := tt.log.proof(t, q.From)
			_, err := c.TakeHead(ctx, q, &head, &proof)
			check("at a login", err)
			r := tt.log.reply(t, q.From, 100)
			r.Head = head
			_, err = c.TakeLeaves(ctx, q, &r)
			check("with leaves", err)
			if tt.want != ErrRollback && head.Root != honest.head(t).Root { // others may lag behind, and a right root needs no signature
				_, err = c.Hear(ctx, &head)
				check("in a message", err)
			}
			more := honest.upTo(9)
			more.enter(t, entries[9:]...)
			if err := c.sync(t, more); err != nil {
				t.Errorf("the honest log afterwards: %v", err)
			}
			c.mustBe(t, more)
		})
	}
}

// 54, as a client meets it: a proof or a leaf that isn't what belongs there.
func TestAttack54Followed(t *testing.T) {
	host := newHost(t)
	entries := accounts(t, host, 16)
	l := newLog(host)
	l.enter(t, entries...)
	for _, known := range []int{1, 3, 4, 7, 8, 11} {
		c := newClient(host, Own{})
		if err := c.sync(t, l.upTo(known)); err != nil {
			t.Fatal(err)
		}
		refuse := func(what string, err error, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("known %d, %s: error = %v, want %v", known, what, err, want)
			}
			c.mustBe(t, l.upTo(known))
		}
		q := c.Ask()
		head := l.head(t)
		for what, bad := range spoiled(l.proof(t, q.From)) {
			_, err := c.TakeHead(ctx, q, &head, &bad)
			refuse("at a login, "+what, err, ErrProof)
		}
		for _, most := range []int{1, 4, 100} {
			honest := l.reply(t, q.From, most)
			for what, bad := range spoiled(honest.Proof) {
				r := honest
				r.Proof = bad
				_, err := c.TakeLeaves(ctx, q, &r)
				refuse(fmt.Sprint("of ", most, " leaves, ", what), err, ErrProof)
			}
			for what, bad := range map[string][][]byte{
				"the first left out":   l.leaves[known+1:],
				"one from before":      l.leaves[known-1 : known],
				"another in its place": {l.leaves[15]},
				"one altered":          {append([]byte{0}, l.leaves[known]...)},
			} {
				r := honest
				r.Leaves = nil
				for _, leaf := range bad {
					r.Leaves = append(r.Leaves, wire.Leaf{Entry: leaf})
				}
				_, err := c.TakeLeaves(ctx, q, &r)
				refuse(what, err, ErrProof)
			}
			r := honest
			r.Leaves, r.Proof = nil, l.proof(t, q.From)
			_, err := c.TakeLeaves(ctx, q, &r)
			refuse("no leaves", err, ErrLeaves)
		}
		r := l.reply(t, q.From, 100)
		r.Leaves = append(r.Leaves, wire.Leaf{Entry: l.leaves[0]})
		_, err := c.TakeLeaves(ctx, q, &r)
		refuse("more leaves than there are", err, ErrLeaves)
	}
}

// 55. A log with an entry that breaks a rule is refused, whoever has signed its head.
func TestAttack55Followed(t *testing.T) {
	must := must(t)
	host := newHost(t)
	account := newAccount(t)
	one := must(Create(host.Realm(), "Alice", account, nil, testNow))
	two := must(one.AddDevice(account.Signer, newDevice(t, "laptop"), testNow))
	again := must(Create(host.Realm(), "ALICE", account, nil, testNow))
	elsewhere := must(Create(testRealm, "Bob", account, nil, testNow))
	for _, tt := range []struct {
		name string
		leaf []byte
		want Rule
	}{
		{"an entry twice", one.Bytes(), RuleNumber},
		{"a name taken, in another case", again.Bytes(), RuleUser},
		{"of another log", elsewhere.Bytes(), RuleRealm},
		{"no entry", []byte("hello"), RuleForm},
		{"signed by nobody", append(two.Bytes()[:len(two.Bytes())-64:len(two.Bytes())-64], make([]byte, 64)...), RuleSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog(host)
			l.enter(t, one)
			c := newClient(host, Own{})
			if err := c.sync(t, l); err != nil {
				t.Fatal(err)
			}
			bad := l.upTo(1)
			bad.append(t, tt.leaf)
			q := c.Ask()
			r := bad.reply(t, q.From, 10)
			u, err := c.TakeLeaves(ctx, q, &r)
			leaf, ok := errors.AsType[*LeafError](err)
			if u != nil || !ok || leaf.Leaf != 1 {
				t.Errorf("got %v, %v; want an error of leaf 1", u, err)
			}
			wantRule(t, tt.name, err, tt.want)
			c.mustBe(t, l)
			l.enter(t, two)
			if err := c.sync(t, l); err != nil {
				t.Errorf("the honest log afterwards: %v", err)
			}
		})
	}
}

// 56. "unknown device in my own chain → alarm at next login".
func TestAttack56(t *testing.T) {
	must := must(t)
	host := newHost(t)
	account, thief := newAccount(t), newAccount(t)
	old, mine, foreign, another := newDevice(t, "old"), newDevice(t, "mine"), newDevice(t, "foreign"), newDevice(t, "another")
	l := newLog(host)
	own := Own{User: "alice", Account: account.Signer.Public(), Device: keys.DeviceId(&mine.Keys)}
	c := newClient(host, own)
	alarms := func(e *Entry) string {
		t.Helper()
		l.enter(t, e)
		before := len(c.told)
		if err := c.sync(t, l); err != nil {
			t.Fatal(err)
		}
		if len(c.told) != before+1 || !c.told[before].Own {
			t.Fatalf("told of %v", c.told[before:])
		}
		return fmt.Sprint(c.told[before].Alarms)
	}
	is := func(e *Entry, want ...Alarm) {
		t.Helper()
		if got := alarms(e); got != fmt.Sprint(want) {
			t.Errorf("%v: alarms %s, want %q", e, got, want)
		}
	}
	one := must(Create(host.Realm(), "Alice", account, nil, testNow))
	is(one)
	two := must(one.AddDevice(account.Signer, old, testNow))
	is(two) // before this device was there
	three := must(two.AddDevice(account.Signer, mine, testNow))
	is(three)
	four := must(three.AddDevice(account.Signer, foreign, testNow))
	is(four, AlarmDevice)
	five := must(four.RemoveDevice(account.Signer, keys.DeviceId(&old.Keys), testNow))
	is(five, AlarmEntry)
	six := must(five.RemoveDevice(account.Signer, keys.DeviceId(&foreign.Keys), testNow))
	c.Made(six)
	is(six)
	seven := must(six.Rotate(account.Signer, thief, testNow))
	is(seven, AlarmAccount)
	eight := must(seven.AddDevice(thief.Signer, another, testNow))
	is(eight, AlarmDevice)
	nine := must(eight.RemoveDevice(thief.Signer, own.Device, testNow))
	is(nine, AlarmRemoved)

	// All at once: everything was lost, or somebody else is there.
	next := must(six.Reset(thief, []wire.Device{another}, testNow))
	l, c = newLog(host), newClient(host, own)
	l.enter(t, one, two, three, four, five, six)
	if err := c.sync(t, l); err != nil {
		t.Fatal(err)
	}
	is(next, AlarmDevice, AlarmRemoved, AlarmAccount)

	// Keys that were replaced here are known here.
	l, c = newLog(host), newClient(host, own)
	l.enter(t, one, two, three)
	if err := c.sync(t, l); err != nil {
		t.Fatal(err)
	}
	rotated := must(three.Rotate(account.Signer, thief, testNow.Add(time.Hour)))
	own.Account = thief.Signer.Public()
	c.SetOwn(own)
	c.Made(rotated)
	is(rotated)
}

// Answers cross: what was asked before something else became known is no lie.
func TestAnswersCross(t *testing.T) {
	host := newHost(t)
	entries := accounts(t, host, 6)
	l := newLog(host)
	l.enter(t, entries...)
	c := newClient(host, Own{})
	if err := c.sync(t, l.upTo(2)); err != nil {
		t.Fatal(err)
	}
	// Asked at 2 leaves, answered at 4, overtaken by a push of 5.
	q := c.Ask()
	r := l.upTo(4).reply(t, q.From, 10)
	if err := c.hear(l.upTo(5).head(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.keep(c.TakeLeaves(ctx, q, &r)); err != nil {
		t.Errorf("an answer that was overtaken by a push: %v", err)
	}
	if seen := c.Seen(); seen.Leaves != 4 || !c.Behind() {
		t.Errorf("it has %d leaves, behind: %v", seen.Leaves, c.Behind())
	}
	// The same answer again is to an old question.
	if _, err := c.TakeLeaves(ctx, q, &r); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer again: error = %v", err)
	}
	// But whoever knows of 5 and asks must not be told of 4.
	q = c.Ask()
	r = l.upTo(4).reply(t, q.From, 10)
	if _, err := c.TakeLeaves(ctx, q, &r); !errors.Is(err, ErrRollback) {
		t.Errorf("fewer leaves than were signed: error = %v, want ErrRollback", err)
	}
	if err := c.sync(t, l); err != nil {
		t.Fatal(err)
	}
	c.mustBe(t, l)
}
