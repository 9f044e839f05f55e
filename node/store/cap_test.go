package store

import (
	"fmt"
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

// "A quarter if he is alone, and less the fuller it is." What others have taken before,
// each as much as he may, is what is left to the last one.
func TestEnvelopesAreCapped(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	total := 0
	for _, other := range []string{"Charlie", "Dave", "Eve"} {
		own := mostEnvelopes(total)
		fill(t, s, mailboxOf("Alice"), KindEnvelope, other, own)
		total += own
		f.refused(appendOp(other, "Alice", 1, "x"), ErrFull)
	}
	own := mostEnvelopes(total)
	if want := 755; own != want {
		t.Fatalf("the fourth sender may have %d envelopes, want %d", own, want)
	}
	fill(t, s, mailboxOf("Alice"), KindEnvelope, "Bob", own-1)
	last := f.do(appendOp("Bob", "Alice", 1, "x"))
	f.refused(appendOp("Bob", "Alice", 2, "x"), ErrFull)
	if res := f.do(appendOp("Bob", "Alice", 1, "x")); res.Seq != last.Seq {
		t.Errorf("a repeat to a full mailbox: got %+v, want %d", res, last.Seq)
	}
	if res := f.do(ackOp("Alice", last.Seq)); res.Dropped != total+own {
		t.Errorf("got %+v, want all dropped", res)
	}
	f.do(appendOp("Bob", "Alice", 2, "x"))
	if got := len(f.items("Bob")); got != own {
		t.Errorf("Bob has %d notes, want %d", got, own)
	}
	checkInvariants(t, s)
}

// mostEnvelopes is how many envelopes a newcomer may put into a mailbox with so many.
func mostEnvelopes(total int) (own int) {
	for fair(own+1, total+own+1, MaxEnvelopes) {
		own++
	}
	return own
}

// "So that there is room for a newcomer when a hundred others have taken what they can."
func TestNewcomerFindsRoom(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	total := 0
	for n := range 100 {
		own := mostEnvelopes(total)
		fill(t, s, mailboxOf("Alice"), KindEnvelope, fmt.Sprint("Eve", n), own)
		total += own
	}
	f.refused(appendOp("Eve0", "Alice", 1, "x"), ErrFull)
	f.do(appendOp("Bob", "Alice", 1, "still room"))
	// The same for bytes.
	total = 0
	for n := range 100 {
		own := 0
		for step := 16 << 20; step > 0; step /= 2 {
			for fair(own+step, total+own+step, MaxBytes) {
				own += step
			}
		}
		total += own
		if n == 0 && own != MaxBytes/MaxShare {
			t.Errorf("one alone may have %d bytes, want a quarter", own)
		}
	}
	if !fair(10_000, total+10_000, MaxBytes) {
		t.Errorf("no room for 10,000 bytes beside %d of a hundred others", total)
	}
}

// "A quarter if he is alone."
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
