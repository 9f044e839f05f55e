package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
)

// The tests of this file are written against Engine: whatever implements it
// must pass them.

func TestLocal(t *testing.T) {
	testEngine(t, func(t testing.TB) Engine {
		s, err := Open(stateDir(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func testEngine(t *testing.T, open func(testing.TB) Engine) {
	for _, tt := range []struct {
		name string
		f    func(*fixture)
	}{
		{"Users", testUsers},
		{"PutUserConflicts", testPutUserConflicts},
		{"AppendOnce", testAppendOnce},
		{"AppendAfterAck", testAppendAfterAck},
		{"AckTellsSender", testAckTellsSender},
		{"AckBut", testAckBut},
		{"RefuseTellsSender", testRefuseTellsSender},
		{"Quota", testQuota},
		{"ReadPages", testReadPages},
		{"Marks", testMarks},
		{"Attack68MarksSurviveClockJumps", testMarksSurviveClockJumps},
		{"Expire", testExpire},
		{"Manifest", testManifest},
		{"Values", testValues},
		{"Enter", testEnter},
		{"EnterOnce", testEnterOnce},
		{"EnterManyProposers", testEnterManyProposers},
		{"BadOps", testBadOps},
		{"Attach", testAttach},
		{"AttachManyWriters", testAttachManyWriters},
		{"SlowPush", testSlowPush},
		{"ManyCallers", testManyCallers},
		{"Context", testContext},
		{"Snapshot", testSnapshot},
		{"Closed", testClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.f(&fixture{T: t, e: open(t), at: 1_800_000_000_000})
		})
	}
}

// A fixture is an engine with a few words to say what a test does.
type fixture struct {
	*testing.T
	e  Engine
	at int64 // the clock of what is proposed
}

var ctx = context.Background()

func mailboxOf(name string) (mb Mailbox) {
	copy(mb[:], name+"'s mailbox")
	return mb
}

func named(name string) (id MsgID) {
	copy(id[:], name)
	return id
}

// do makes a change that must succeed.
func (f *fixture) do(op Op) Result {
	f.Helper()
	res, err := f.try(op)
	if err != nil {
		f.Fatal(err)
	}
	return res
}

func (f *fixture) try(op Op) (Result, error) {
	op.At = f.at
	return f.e.Do(ctx, op)
}

// refused makes a change that must be refused for the reason.
func (f *fixture) refused(op Op, reason error) {
	f.Helper()
	if res, err := f.try(op); !errors.Is(err, reason) || res != (Result{}) {
		f.Errorf("got %+v, %v; want %v", res, err, reason)
	}
}

func (f *fixture) users(names ...string) {
	f.Helper()
	for _, name := range names {
		f.do(Op{PutUser: &PutUser{Name: name, Mailbox: mailboxOf(name), Record: []byte("record of " + name)}})
	}
}

func appendOp(from, to string, n int, body string) Op {
	return Op{Append: &Append{Mailbox: mailboxOf(to), Id: named(fmt.Sprintf("message %08d", n)), From: from, ExpiresMs: 2_000_000_000_000, Body: []byte(body)}}
}

func ackOp(name string, seq Seq) Op {
	return Op{Ack: &Ack{Mailbox: mailboxOf(name), UpTo: uint64(seq)}}
}

// items gives all that a mailbox holds.
func (f *fixture) items(name string) (all []Stored) {
	f.Helper()
	for more, after := true, Seq(0); more; {
		var items []Stored
		var err error
		if items, more, err = f.e.Read(ctx, mailboxOf(name), after, 100); err != nil {
			f.Fatal(err)
		}
		for _, it := range items {
			if it.Seq <= after {
				f.Fatalf("seq %d after %d", it.Seq, after)
			}
			after = it.Seq
		}
		all = append(all, items...)
	}
	return all
}

// holds checks what a mailbox holds, each item written as kind:from:body.
func (f *fixture) holds(name string, want ...string) []Stored {
	f.Helper()
	items := f.items(name)
	got := []string{}
	for _, it := range items {
		got = append(got, say(it))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.Errorf("mailbox of %s holds %q, want %q", name, got, want)
	}
	return items
}

func say(it Stored) string {
	kind := [...]string{"envelope", "delivered", "expired", "refused"}[it.Kind]
	if it.Kind == KindEnvelope {
		return kind + ":" + it.From + ":" + string(it.Body)
	}
	return kind + ":" + it.From + ":" + string(bytes.TrimRight(it.ID[:], "\x00"))
}

func testUsers(f *fixture) {
	if _, err := f.e.User(ctx, "Alice"); !errors.Is(err, ErrNotFound) {
		f.Errorf("unknown user: got %v", err)
	}
	f.users("bob", "Alice", "Charlie")
	f.do(Op{PutUser: &PutUser{Name: "ALICE", Mailbox: mailboxOf("Alice"), OldRev: 1, Record: []byte("new")}})
	u, err := f.e.User(ctx, "aLiCe")
	if err != nil {
		f.Fatal(err)
	}
	if u.Name != "Alice" || u.Rev != 2 || string(u.Record) != "new" || u.Mailbox != mailboxOf("Alice") {
		f.Errorf("got %+v, want Alice as registered, at revision 2", u)
	}
	var names []string
	for u, err := range f.e.Users(ctx) {
		if err != nil {
			f.Fatal(err)
		}
		names = append(names, u.Name)
	}
	if got, want := fmt.Sprint(names), "[Alice bob Charlie]"; got != want {
		f.Errorf("got %s, want %s", got, want)
	}
	for range f.e.Users(ctx) {
		break // must give back what it holds
	}
}

// "old_rev is 0 for a new user and otherwise the revision that the proposer
// has read; when somebody else was first, the operation is refused."
func testPutUserConflicts(f *fixture) {
	f.users("Alice", "Bob")
	put := func(name string, mb Mailbox, rev uint64, record string) Op {
		return Op{PutUser: &PutUser{Name: name, Mailbox: mb, OldRev: rev, Record: []byte(record)}}
	}
	alice := mailboxOf("Alice")
	if res := f.do(put("Alice", alice, 0, "record of Alice")); res.Rev != 1 {
		f.Errorf("a repeat: got revision %d, want 1", res.Rev)
	}
	f.refused(put("alice", alice, 0, "another"), ErrConflict)
	f.refused(put("Alice", alice, 2, "from the future"), ErrConflict)
	f.refused(put("Alice", mailboxOf("other"), 1, "mailbox changed"), ErrConflict)
	f.refused(put("Eve", alice, 0, "mailbox of another"), ErrConflict)
	f.refused(put("Nobody", mailboxOf("Nobody"), 3, "no such user"), ErrNotFound)
	f.refused(put("Big", mailboxOf("Big"), 0, string(make([]byte, MaxRecord+1))), ErrTooBig)
	f.refused(put("Huge", mailboxOf("Huge"), 0, string(make([]byte, 1<<17))), ErrTooBig)
	if res := f.do(put("Big", mailboxOf("Big"), 0, string(make([]byte, MaxRecord)))); res.Rev != 1 {
		f.Errorf("largest record: got %+v", res)
	}
	if res := f.do(put("Empty", mailboxOf("Empty"), 0, "")); res.Rev != 1 {
		f.Errorf("empty record: got %+v", res)
	}

	// Of many who change the same revision, one is first.
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := f.try(put("Bob", mailboxOf("Bob"), 1, fmt.Sprint("by ", i))); err == nil {
				won.Add(1)
			} else if !errors.Is(err, ErrConflict) {
				f.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		f.Errorf("%d were first", won.Load())
	}
}

// "(mailbox, from, id) is stored once."
func testAppendOnce(f *fixture) {
	f.users("Alice", "Bob")
	first := f.do(appendOp("Bob", "Alice", 1, "one"))
	second := f.do(appendOp("Bob", "Alice", 2, ""))
	if !first.Fresh || !second.Fresh || second.Seq <= first.Seq {
		f.Errorf("got %+v then %+v", first, second)
	}
	f.at += 1000
	if res := f.do(appendOp("bob", "Alice", 1, "one")); res != (Result{Seq: first.Seq}) {
		f.Errorf("a repeat: got %+v, want the old position %d", res, first.Seq)
	}
	// The id is the sender's own: nobody can take another's place with it.
	if res := f.do(appendOp("Eve", "Alice", 1, "mine")); !res.Fresh {
		f.Errorf("the same id from another: got %+v", res)
	}
	if res := f.do(appendOp("Bob", "Bob", 1, "self")); !res.Fresh {
		f.Errorf("the same id in another mailbox: got %+v", res)
	}
	f.holds("Alice", "envelope:Bob:one", "envelope:Bob:", "envelope:Eve:mine")
	f.holds("Bob", "envelope:Bob:self")
	f.refused(appendOp("Bob", "Nobody", 3, "x"), ErrNotFound)
}

// "For 24 hours after it was acked [a repeat is answered with its old
// position], without storing it again."
func testAppendAfterAck(f *fixture) {
	f.users("Alice", "Bob")
	first := f.do(appendOp("Bob", "Alice", 1, "one"))
	f.do(ackOp("Alice", first.Seq))
	f.at += goneLife - 1
	f.do(Op{Expire: &Expire{Max: 100}})
	if res := f.do(appendOp("Bob", "Alice", 1, "one")); res != (Result{Seq: first.Seq, Acked: true}) {
		f.Errorf("within a day: got %+v, want the old position and that it was acked", res)
	}
	f.holds("Alice")
	f.at++
	f.do(Op{Expire: &Expire{Max: 100}})
	if res := f.do(appendOp("Bob", "Alice", 1, "one")); !res.Fresh || res.Seq <= first.Seq {
		f.Errorf("after a day: got %+v, want a new position after %d", res, first.Seq)
	}
}

// "It alone is deleted, and a note that it was refused goes into the mailbox of
// its sender. Where no envelope is, nothing changes."
func testRefuseTellsSender(f *fixture) {
	f.users("Alice", "Bob", "Eve")
	f.do(appendOp("Bob", "Alice", 1, "one"))
	two := f.do(appendOp("Eve", "Alice", 2, "two"))
	f.do(appendOp("Bob", "Alice", 3, "three"))
	refuse := func(user string, seq Seq) Op {
		return Op{Refuse: &Refuse{Mailbox: mailboxOf(user), Seq: uint64(seq)}}
	}
	for _, op := range []Op{refuse("Bob", two.Seq), refuse("Alice", two.Seq+100), refuse("Alice", 1<<63+5)} {
		if res := f.do(op); res.Dropped != 0 {
			f.Errorf("%+v dropped %d", op.Refuse, res.Dropped)
		}
	}
	if res := f.do(refuse("Alice", two.Seq)); res.Dropped != 1 {
		f.Errorf("got %+v, want 1 dropped", res)
	}
	f.holds("Alice", "envelope:Bob:one", "envelope:Bob:three")
	note := f.holds("Eve", "refused:Alice:message 00000002")
	if res := f.do(refuse("Eve", note[0].Seq)); res.Dropped != 0 {
		f.Errorf("a note was refused: %+v", res)
	}
	if res := f.do(appendOp("Eve", "Alice", 2, "two")); res != (Result{Seq: two.Seq, Refused: true}) {
		f.Errorf("a repeat: got %+v, want the old position and that it was refused", res)
	}
	f.do(ackOp("Alice", two.Seq))
	f.holds("Bob", "delivered:Alice:message 00000001")
}

// "For each envelope a note that it was delivered goes into the mailbox of
// its sender", and notes create no notes.
func testAckTellsSender(f *fixture) {
	f.users("Alice", "Bob")
	f.do(appendOp("Bob", "Alice", 1, "one"))
	two := f.do(appendOp("bob", "Alice", 2, "two"))
	f.do(appendOp("Stranger", "Alice", 3, "from elsewhere"))
	f.do(appendOp("Bob", "Alice", 4, "stays"))
	f.at += 5000
	if res := f.do(ackOp("Alice", two.Seq)); res.Dropped != 2 {
		f.Errorf("got %+v, want 2 dropped", res)
	}
	if res := f.do(ackOp("Alice", two.Seq)); res.Dropped != 0 {
		f.Errorf("a repeat: got %+v", res)
	}
	f.holds("Alice", "envelope:Stranger:from elsewhere", "envelope:Bob:stays")
	notes := f.holds("Bob", "delivered:Alice:message 00000001", "delivered:Alice:message 00000002")
	for _, n := range notes {
		if n.At != f.at || n.Expires != f.at+noteLife || len(n.Body) != 0 {
			f.Errorf("note %+v, want the time of the ack and no body", n)
		}
	}
	if res := f.do(ackOp("Bob", 1<<63+5)); res.Dropped != 2 {
		f.Errorf("got %+v, want both notes dropped", res)
	}
	if res := f.do(ackOp("Alice", ^Seq(0))); res.Dropped != 2 {
		f.Errorf("got %+v, want the rest dropped", res)
	}
	f.holds("Alice")
	f.holds("Bob", "delivered:Alice:message 00000004")
	f.refused(ackOp("Nobody", 1), ErrNotFound)

	// To oneself: the note comes after what it is about, and stays.
	self := f.do(appendOp("Alice", "Alice", 5, "memo"))
	f.do(ackOp("Alice", self.Seq))
	f.holds("Alice", "delivered:Alice:message 00000005")
}

// "An ack of everything up to this position but what stands at some positions. That
// stays as it is."
func testAckBut(f *fixture) {
	f.users("Alice", "Bob")
	var at []uint64
	for i, text := range []string{"one", "two", "three", "four"} {
		at = append(at, uint64(f.do(appendOp("Bob", "Alice", i+1, text)).Seq))
	}
	but := func(upTo uint64, at ...uint64) Op {
		return Op{AckBut: &AckBut{Mailbox: mailboxOf("Alice"), UpTo: upTo, But: at}}
	}
	f.refused(but(at[2], at[1], at[0]), ErrBadOp)
	for range 2 {
		f.do(but(at[2], at[1], 1<<60))
		f.holds("Alice", "envelope:Bob:two", "envelope:Bob:four")
	}
	f.holds("Bob", "delivered:Alice:message 00000001", "delivered:Alice:message 00000003")
	if res := f.do(ackOp("Alice", Seq(at[3]))); res.Dropped != 2 {
		f.Errorf("got %+v, want the two that were left dropped", res)
	}
	f.holds("Alice")
	f.refused(Op{AckBut: &AckBut{Mailbox: mailboxOf("Nobody"), UpTo: 1, But: []uint64{1}}}, ErrNotFound)
}

func testQuota(f *fixture) {
	f.users("Alice", "Bob")
	f.refused(appendOp("Bob", "Alice", 0, string(make([]byte, MaxEnvelope+1))), ErrTooBig)
	f.refused(appendOp("Bob", "Alice", 0, string(make([]byte, 1<<24))), ErrTooBig)
	big := string(make([]byte, MaxEnvelope))
	const share = MaxBytes / MaxShare / MaxEnvelope
	var last Seq
	for n := range share {
		last = f.do(appendOp("Bob", "Alice", n, big)).Seq
	}
	f.refused(appendOp("Bob", "Alice", share, big), ErrFull) // a quarter is the most
	before := share
	for _, friend := range []string{"Charlie", "Dave", "Eve"} { // each finds less room than the one before
		n := 0
		for ; f.fits(appendOp(friend, "Alice", n, big)); n++ {
		}
		if n == 0 || n >= before {
			f.Errorf("%s has %d envelopes, want some and less than %d", friend, n, before)
		}
		before = n
	}
	f.do(appendOp("Frank", "Alice", 0, string(make([]byte, MaxEnvelope/2))))
	if res := f.do(appendOp("Bob", "Alice", share-1, big)); res.Fresh {
		f.Errorf("a repeat to a full mailbox: got %+v", res)
	}
	f.do(ackOp("Alice", last))
	f.do(appendOp("Bob", "Alice", share, "x"))
}

// fits makes a change, or reports that the mailbox is full.
func (f *fixture) fits(op Op) bool {
	f.Helper()
	_, err := f.try(op)
	if err != nil && !errors.Is(err, ErrFull) {
		f.Fatal(err)
	}
	return err == nil
}

func testReadPages(f *fixture) {
	f.users("Alice")
	for n := range 7 {
		f.do(appendOp("Bob", "Alice", n, fmt.Sprint(n)))
	}
	mb := mailboxOf("Alice")
	var got []string
	for after, more := Seq(0), true; more; {
		var items []Stored
		var err error
		if items, more, err = f.e.Read(ctx, mb, after, 3); err != nil {
			f.Fatal(err)
		}
		got = append(got, fmt.Sprint(len(items), more))
		after = items[len(items)-1].Seq
	}
	if got, want := fmt.Sprint(got), "[3 true 3 true 1 false]"; got != want {
		f.Errorf("got %s, want %s", got, want)
	}
	if items, more, err := f.e.Read(ctx, mb, ^Seq(0), 3); len(items) != 0 || more || err != nil {
		f.Errorf("after the last position: %v, %v, %v", items, more, err)
	}
	if items, more, err := f.e.Read(ctx, mailboxOf("Nobody"), 0, 3); len(items) != 0 || more || err != nil {
		f.Errorf("of no mailbox: %v, %v, %v", items, more, err)
	}

	// Large bodies come in smaller pages, but they come.
	last := f.do(appendOp("Bob", "Alice", 7, string(make([]byte, readBytes)))).Seq
	f.do(appendOp("Bob", "Alice", 8, "after"))
	items, more, err := f.e.Read(ctx, mb, last-1, 100)
	if err != nil || len(items) != 1 || !more || len(items[0].Body) != readBytes {
		f.Errorf("got %d items, %v, %v; want the large one and more", len(items), more, err)
	}
}

func markOp(key string, expires int64) Op {
	op := Op{Mark: &Mark{ExpiresMs: uint64(expires)}}
	copy(op.Mark.Key[:], key)
	return op
}

func testMarks(f *fixture) {
	marked := func(name string, want bool) {
		f.Helper()
		if is, err := f.e.Marked(f.Context(), markOp(name, 0).Mark.Key); is != want || err != nil {
			f.Errorf("%s is marked: %v, %v", name, is, err)
		}
	}
	marked("a", false)
	if res := f.do(markOp("a", f.at+60_000)); !res.Fresh {
		f.Error("a new mark is not fresh")
	}
	if res := f.do(markOp("a", f.at+120_000)); res.Fresh {
		f.Error("a mark that is there is fresh")
	}
	if res := f.do(markOp("b", -1)); !res.Fresh { // as unsigned ms: for ever
		f.Error("another mark is not fresh")
	}
	marked("a", true)
	marked("b", true)
	marked("c", false)

	// Of many who present the same thing at once, one is first.
	var fresh atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if res, err := f.try(markOp("c", f.at+60_000)); err != nil {
				f.Error(err)
			} else if res.Fresh {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 1 {
		f.Errorf("%d were fresh", fresh.Load())
	}
}

// "A clock that jumps forward and back again makes no used thing usable."
func testMarksSurviveClockJumps(f *fixture) {
	const day = 24 * 60 * 60 * 1000
	expire := func() { f.Helper(); f.do(Op{Expire: &Expire{Max: 100}}) }
	seen := func() bool { f.Helper(); return !f.do(markOp("m3", f.at+60_000)).Fresh }

	expire()
	f.do(markOp("m3", f.at+60_000))
	f.at += day // the clock jumps, and Expire runs, again and again
	for range 20 {
		expire()
	}
	f.at -= day
	if !seen() {
		f.Fatal("after a jump forward and back the mark is gone")
	}
	// No permanent lock-out either: once the clock is right, it goes in time.
	for range markTicks + 1 {
		f.at += 60_000
		expire()
	}
	if seen() {
		f.Error("the mark is still there after six minutes")
	}
}

func testExpire(f *fixture) {
	f.users("Alice", "Bob")
	op := appendOp("Bob", "Alice", 1, "short-lived")
	op.Append.ExpiresMs = uint64(f.at + 1000)
	f.do(op)
	f.do(appendOp("Bob", "Alice", 2, "long-lived"))
	for n := range 5 {
		op := appendOp("Eve", "Bob", n, "x")
		op.Append.ExpiresMs = uint64(f.at + 2000)
		f.do(op)
	}
	f.at += 999
	if res := f.do(Op{Expire: &Expire{Max: 100}}); res.Dropped != 0 {
		f.Errorf("got %+v, want nothing dropped before its end", res)
	}
	f.at++
	if res := f.do(Op{Expire: &Expire{Max: 100}}); res.Dropped != 1 {
		f.Errorf("got %+v, want one dropped at its end", res)
	}
	f.holds("Alice", "envelope:Bob:long-lived")
	f.at += 1000
	for _, want := range []int{2, 2, 1, 0} {
		if res := f.do(Op{Expire: &Expire{Max: 2}}); res.Dropped != want {
			f.Errorf("got %+v, want %d dropped", res, want)
		}
	}
	f.holds("Bob", "expired:Alice:message 00000001")
	f.at += noteLife
	f.do(Op{Expire: &Expire{Max: 100}})
	f.holds("Bob")
	f.do(appendOp("Bob", "Alice", 1, "again")) // an envelope that expired is not remembered
	f.holds("Alice", "envelope:Bob:long-lived", "envelope:Bob:again")
}

func testManifest(f *fixture) {
	if _, _, err := f.e.Manifest(ctx); !errors.Is(err, ErrNotFound) {
		f.Errorf("before the first: got %v", err)
	}
	set := func(version uint64, body string) Op {
		return Op{SetManifest: &SetManifest{Version: version, Body: []byte(body)}}
	}
	f.do(set(5, "five"))
	f.do(set(5, "five"))
	f.refused(set(5, "other"), ErrConflict)
	f.refused(set(4, "five"), ErrConflict)
	f.refused(set(6, string(make([]byte, MaxManifest+1))), ErrTooBig)
	large := string(make([]byte, 17<<20))
	f.do(set(1<<63+1, large))
	f.refused(set(1<<63, "x"), ErrConflict)
	version, body, err := f.e.Manifest(ctx)
	if version != 1<<63+1 || len(body) != len(large) || err != nil {
		f.Errorf("got version %d of %d bytes, %v", version, len(body), err)
	}
}

func testValues(f *fixture) {
	if _, err := f.e.Value(ctx, "motd"); !errors.Is(err, ErrNotFound) {
		f.Errorf("unknown value: got %v", err)
	}
	for _, want := range []string{"hello", "", "bye"} {
		f.do(Op{Put: &Put{Name: "motd", Value: []byte(want)}})
		if got, err := f.e.Value(ctx, "motd"); string(got) != want || err != nil {
			f.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// What can't be applied is refused and spoils nothing else.
func testBadOps(f *fixture) {
	f.users("Alice")
	for name, op := range map[string]Op{
		"none":        {},
		"two":         {Ack: &Ack{}, Mark: &Mark{}},
		"no name":     {PutUser: &PutUser{}},
		"long name":   {PutUser: &PutUser{Name: string(bytes.Repeat([]byte("a"), 33))}},
		"slash":       {PutUser: &PutUser{Name: "a/b"}},
		"space":       {PutUser: &PutUser{Name: "a b"}},
		"NUL":         {PutUser: &PutUser{Name: "a\x00b"}},
		"not UTF-8":   {PutUser: &PutUser{Name: "a\xff"}},
		"other UTF-8": {PutUser: &PutUser{Name: "аlice"}},
		"from nobody": {Append: &Append{Mailbox: mailboxOf("Alice")}},
		"from a/b":    {Append: &Append{Mailbox: mailboxOf("Alice"), From: "a/b"}},
		"no value":    {Put: &Put{}},
		"big value":   {Put: &Put{Name: "x", Value: make([]byte, 1<<16)}},
	} {
		if res, err := f.try(op); err == nil {
			f.Errorf("%s: got %+v", name, res)
		} else if !errors.Is(err, ErrBadOp) && !errors.Is(err, ErrTooBig) {
			f.Errorf("%s: got %v, want ErrBadOp", name, err)
		}
	}
	for _, at := range []int64{-1, 1 << 62} {
		if _, err := f.e.Do(ctx, Op{At: at, Expire: &Expire{}}); !errors.Is(err, ErrBadOp) {
			f.Errorf("clock %d: got %v, want ErrBadOp", at, err)
		}
	}
	if h := f.e.Health(); h.Err != nil {
		f.Errorf("bad operations made it ill: %v", h.Err)
	}
	f.do(appendOp("Bob", "Alice", 1, "fine"))
}

func testManyCallers(f *fixture) {
	f.users("Alice", "Bob", "Charlie")
	names := []string{"Alice", "Bob", "Charlie"}
	var wg sync.WaitGroup
	for w := range 30 {
		wg.Go(func() {
			to := names[w%3]
			for n := range 20 {
				res := f.do(appendOp("Bob", to, w*1000+n, fmt.Sprint(w, n)))
				// "applied on this node, so that reads see it"
				items, _, err := f.e.Read(ctx, mailboxOf(to), res.Seq-1, 1)
				if err != nil || len(items) != 1 || items[0].Seq != res.Seq || string(items[0].Body) != fmt.Sprint(w, n) {
					f.Errorf("got %v, %v; want the envelope at %d", items, err, res.Seq)
				}
			}
		})
	}
	wg.Wait()
	for _, name := range names {
		if got := len(f.items(name)); got != 200 {
			f.Errorf("%s has %d, want 200", name, got)
		}
	}
}

func testContext(f *fixture) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	op := Op{At: f.at, PutUser: &PutUser{Name: "Alice", Mailbox: mailboxOf("Alice")}}
	if _, err := f.e.Do(ended, op); !errors.Is(err, ErrOverload) || !errors.Is(err, context.Canceled) {
		f.Errorf("got %v, want ErrOverload and the context's error", err)
	}
	if _, err := f.e.User(ctx, "Alice"); !errors.Is(err, ErrNotFound) {
		f.Errorf("got %v: an operation that was not taken was done", err)
	}
}

func testSnapshot(f *fixture) {
	f.users("Alice", "Bob")
	f.do(appendOp("Bob", "Alice", 1, "one"))
	f.do(enterOp("Carol", 0, 0, "c1"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // the state goes on changing
		for n := 2; ; n++ {
			select {
			case <-stop:
				return
			default:
				f.do(appendOp("Bob", "Alice", n, "x"))
			}
		}
	})
	var copy bytes.Buffer
	err := f.e.Snapshot(ctx, &copy)
	close(stop)
	wg.Wait()
	if err != nil {
		f.Fatal(err)
	}
	g := &fixture{T: f.T, e: openSnapshot(f.T, copy.Bytes()), at: f.at}
	if items := g.items("Alice"); len(items) == 0 || say(items[0]) != "envelope:Bob:one" {
		f.Errorf("the copy holds %v", items)
	}
	// The copy is a state like any other, and no position is used twice.
	last := g.items("Alice")
	res := g.do(appendOp("Bob", "Alice", 1_000_000, "new"))
	if res.Seq <= last[len(last)-1].Seq {
		f.Errorf("position %d after %d", res.Seq, last[len(last)-1].Seq)
	}
	g.do(enterOp("Carol", 1, 1, "c2"))
	g.tree("c1", "c2")
	if err := f.e.Snapshot(ctx, brokenWriter{}); !errors.Is(err, io.ErrShortWrite) {
		f.Errorf("a writer that fails: got %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func testClosed(f *fixture) {
	f.users("Alice")
	detach := f.e.Attach(mailboxOf("Alice"), 0, func(Stored) {})
	if err := f.e.Close(); err != nil {
		f.Fatal(err)
	}
	f.refused(appendOp("Bob", "Alice", 1, "x"), ErrClosed)
	if _, err := f.e.TreeSize(ctx); !errors.Is(err, ErrClosed) {
		f.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := f.e.Hashes(ctx).ReadHashes([]int64{0}); !errors.Is(err, ErrClosed) {
		f.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := f.e.User(ctx, "Alice"); !errors.Is(err, ErrClosed) {
		f.Errorf("got %v, want ErrClosed", err)
	}
	if _, _, err := f.e.Read(ctx, mailboxOf("Alice"), 0, 1); !errors.Is(err, ErrClosed) {
		f.Errorf("got %v, want ErrClosed", err)
	}
	detach()
	f.e.Attach(mailboxOf("Alice"), 0, func(Stored) { f.Error("pushed after Close") })()
	if err := f.e.Close(); err != nil {
		f.Errorf("closing twice: %v", err)
	}
}
