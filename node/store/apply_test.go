package store

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// "Applying is a pure function of the database and the operation, so equal
// logs give equal states", however the operations are grouped into batches,
// and whoever reads or is attached meanwhile.
func TestApplyIsDeterministic(t *testing.T) {
	ops := randomOps(t, 600)
	var first [32]byte
	var answers string
	for i, size := range []int{1, 7, 128} {
		s := mustOpen(t, stateDir(t))
		defer s.Attach(mailboxOf("Alice"), 0, func(Stored) {})()
		got := ""
		for n := 0; n < len(ops); n += size {
			var batch []*waiting
			for _, b := range ops[n:min(n+size, len(ops))] {
				batch = append(batch, &waiting{b, make(chan outcome, 1)})
			}
			s.commit(batch)
			for _, w := range batch {
				out := <-w.done
				got += fmt.Sprintln(out.res, out.err)
			}
		}
		checkInvariants(t, s)
		sum := stateHash(t, s)
		if i == 0 {
			first, answers = sum, got
		}
		if sum != first {
			t.Errorf("in batches of %d: another state", size)
		}
		if got != answers {
			t.Errorf("in batches of %d: other answers", size)
		}
		s.Close()
	}
}

// Applying all operations a second time changes nothing but what time alone
// changes, as long as nothing was forgotten in between.
func TestRepeatedAppendsChangeNothing(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	ops := []Op{
		appendOp("Bob", "Alice", 1, "one"),
		appendOp("Bob", "Alice", 2, "two"),
		ackOp("Alice", 1),
		{SetManifest: &SetManifest{Version: 1, Body: []byte("m")}},
		{Put: &Put{Name: "a", Value: []byte("b")}},
		enterOp("Alice", 1, 0, "a2"),
		enterOp("Carol", 0, 1, "c1"),
		markOp("n1", crashTime),
	}
	for _, op := range ops {
		f.do(op)
	}
	before := stateHash(t, s)
	for _, op := range ops {
		f.do(op)
	}
	if stateHash(t, s) != before {
		t.Error("repeats changed the state")
	}
}

// randomOps gives encoded operations of all kinds, many of them about the
// same few things.
func randomOps(t *testing.T, n int) (ops [][]byte) {
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"Alice", "Bob", "Charlie", "Eve"}
	name := func() string { return names[random.IntN(len(names))] }
	at := int64(crashTime)
	leaves := uint64(0)
	for range n {
		at += random.Int64N(40_000)
		var op Op
		switch random.IntN(14) {
		case 0, 1:
			who := name()
			op.PutUser = &PutUser{Name: who, Mailbox: mailboxOf(who), OldRev: random.Uint64N(3), Record: []byte{byte(random.IntN(3))}}
		case 2:
			op = ackOp(name(), Seq(random.IntN(200)))
		case 3:
			op = markOp(fmt.Sprint(random.IntN(20)), at+60_000)
		case 4:
			op.SetManifest = &SetManifest{Version: random.Uint64N(20), Body: []byte{1}}
		case 5:
			op.Put = &Put{Name: name(), Value: []byte(name())}
		case 12, 13:
			who := name()
			op = enterOp(who, random.Uint64N(3), leaves, who+string(rune('a'+random.IntN(3))))
			op.Enter.User.Record = []byte{byte(random.IntN(3))}
			if random.IntN(3) > 0 {
				leaves++ // as if this one had been taken
			}
		case 6:
			op.Expire = &Expire{Max: uint16(random.IntN(10))}
		default:
			op = appendOp(name(), name(), random.IntN(100), name())
			op.Append.ExpiresMs = uint64(at + random.Int64N(1_000_000))
		}
		op.At = at
		b, err := op.encode()
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, b)
	}
	return ops
}

// stateHash is a hash over every row but the position.
func stateHash(t testing.TB, s *Store) (sum [32]byte) {
	t.Helper()
	h := sha256.New()
	for _, query := range []string{
		"SELECT tick, tick_at FROM state",
		"SELECT * FROM user ORDER BY name",
		"SELECT * FROM mailbox ORDER BY id",
		"SELECT * FROM item ORDER BY seq",
		"SELECT * FROM gone ORDER BY mailbox, peer, id",
		"SELECT * FROM mark ORDER BY key",
		"SELECT * FROM manifest",
		"SELECT * FROM value ORDER BY name",
		"SELECT * FROM leaf ORDER BY n",
		"SELECT * FROM hash ORDER BY n",
		"SELECT * FROM sqlite_sequence",
	} {
		rows, err := s.db.Read.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		for rows.Next() {
			if err := rows.Scan(row...); err != nil {
				t.Fatal(err)
			}
			for _, v := range row {
				fmt.Fprintf(h, "%#v,", *v.(*any))
			}
			fmt.Fprintln(h)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return [32]byte(h.Sum(nil))
}
