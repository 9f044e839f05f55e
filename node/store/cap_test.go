package store

import (
	"testing"
)

// underRace is set under the race detector, which makes what is large thirty
// times slower and has nothing to find where one caller does it all.
var underRace bool

// fill puts so many items of a kind from a peer into a mailbox, as so many
// operations would, which would take long.
func fill(t *testing.T, s *Store, mb Mailbox, kind Kind, peer string, n int) {
	t.Helper()
	if underRace {
		t.Skip("one caller, ten thousand rows")
	}
	_, err := s.db.Write.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO item (mailbox, kind, peer, id, at, expires, body)
		SELECT ?, ?, ?, CAST(printf('filled %09d', i) AS BLOB), ?, ?, x'' FROM n`, n, mb[:], kind, peer, crashTime, crashTime+noteLife)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Write.Exec("UPDATE mailbox SET envelopes = envelopes + iif(?, 0, ?), notes = notes + iif(?, ?, 0) WHERE id = ?",
		kind, n, kind, n, mb[:]); err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, s)
}

// "A mailbox holds at most 10,000 envelopes."
func TestEnvelopesAreCapped(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	fill(t, s, mailboxOf("Alice"), KindEnvelope, "Bob", MaxEnvelopes/MaxShare-1)
	for _, other := range []string{"Charlie", "Dave", "Eve"} {
		fill(t, s, mailboxOf("Alice"), KindEnvelope, other, MaxEnvelopes/MaxShare)
	}
	last := f.do(appendOp("Bob", "Alice", 1, "x"))
	f.refused(appendOp("Bob", "Alice", 2, "x"), ErrFull)
	if res := f.do(appendOp("Bob", "Alice", 1, "x")); res.Seq != last.Seq {
		t.Errorf("a repeat to a full mailbox: got %+v, want %d", res, last.Seq)
	}
	if res := f.do(ackOp("Alice", last.Seq)); res.Dropped != MaxEnvelopes {
		t.Errorf("got %+v, want all dropped", res)
	}
	f.do(appendOp("Bob", "Alice", 2, "x"))
	if got, want := len(f.items("Bob")), MaxEnvelopes/MaxShare; got != want {
		t.Errorf("Bob has %d notes, want %d", got, want)
	}
	checkInvariants(t, s)
}

// "Of one sender a quarter of that, so that nobody can fill it alone."
func TestShareOfOneSender(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob", "Eve")
	fill(t, s, mailboxOf("Alice"), KindEnvelope, "Eve", MaxEnvelopes/MaxShare-1)
	f.do(appendOp("Eve", "Alice", 1, "x"))
	f.refused(appendOp("eve", "Alice", 2, "x"), ErrFull)
	bob := f.do(appendOp("Bob", "Alice", 1, "still room"))
	f.do(ackOp("Alice", bob.Seq))
	f.do(appendOp("Eve", "Alice", 2, "x"))
	checkInvariants(t, s)
}

// Notes have a cap of their own, and the oldest goes first.
func TestNotesAreCapped(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	fill(t, s, mailboxOf("Bob"), KindDelivered, "Alice", MaxNotes)
	const over = 30
	for n := range over {
		f.do(appendOp("Bob", "Alice", n, "x"))
	}
	before := f.items("Bob")
	f.do(ackOp("Alice", ^Seq(0)))
	after := f.items("Bob")
	if len(after) != MaxNotes || after[0].Seq != before[over].Seq {
		t.Fatalf("%d notes from %d on, want %d from %d on", len(after), after[0].Seq, MaxNotes, before[over].Seq)
	}
	// Notes don't count for the quota of envelopes.
	f.do(appendOp("Alice", "Bob", 1, "x"))
	// What was pushed out can still be learned.
	if res := f.do(appendOp("Bob", "Alice", 0, "x")); !res.Acked {
		t.Errorf("got %+v, want acked", res)
	}
	// The note of an ack to oneself may push out what the same ack drops.
	self := f.do(appendOp("Bob", "Bob", 7, "memo"))
	f.do(ackOp("Bob", self.Seq))
	f.holds("Bob", "delivered:Bob:message 00000007")
	checkInvariants(t, s)
}
