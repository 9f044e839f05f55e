package store

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A server that is killed at any moment has, when it comes back, everything
// that it acknowledged, and nothing twice:
//
//	child   append, enter, mark, ack ──► says each on its standard output once done
//	parent  reads a random number of lines, kills it, reads what it had said
//	        opens the same folder and looks for all of it; and again
func TestKillLosesNothing(t *testing.T) {
	dir := stateDir(t)
	s := mustOpen(t, dir)
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	s.Close()

	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	random := rand.New(rand.NewPCG(1, 2))
	var all []string // what the children said, in every round
	for round := range rounds {
		all = append(all, killedRun(t, dir, round, 1+random.IntN(600))...)
		s := mustOpen(t, dir)
		f := &fixture{T: t, e: s, at: crashTime}
		checkSaid(f, all)
		checkInvariants(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged in %d rounds", len(all), rounds)
}

const crashTime = 1_800_000_000_000

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// killedRun runs a child, kills it after so many lines, and returns all that
// it said.
func killedRun(t *testing.T, dir string, round, lines int) (said []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CRASH="+dir, fmt.Sprint("STORE_TEST_ROUND=", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for scan := bufio.NewScanner(out); scan.Scan(); {
		said = append(said, scan.Text())
		if len(said) == lines {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(said) < lines {
		t.Fatalf("round %d: the child ended by itself", round)
	}
	return said
}

// crashChild appends, enters, marks and acks until it is killed.
func crashChild(dir string) {
	s, err := Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	round := os.Getenv("STORE_TEST_ROUND")
	say := func(format string, args ...any) { // one write, so a line is whole or not there
		os.Stdout.WriteString(fmt.Sprintf(format, args...) + "\n")
	}
	must := func(op Op) Result {
		op.At = crashTime
		res, err := s.Do(ctx, op)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return res
	}
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				op := appendOp("Bob", "Alice", 0, "x")
				op.Append.Id = named(fmt.Sprint(round, "-", w, "-", n))
				say("append %s %d", op.Append.Id, must(op).Seq)
				op = markOp(fmt.Sprint(round, "-", w, "-", n), crashTime+60_000)
				must(op)
				say("mark %s", op.Mark.Key)
			}
		}()
	}
	go func() {
		size, err := s.TreeSize(ctx)
		for leaf := size; err == nil; leaf++ {
			name := fmt.Sprint("user-", leaf)
			must(enterOp(name, 0, leaf, "entry of "+name))
			say("enter %d", leaf)
		}
	}()
	for {
		items, _, err := s.Read(ctx, mailboxOf("Alice"), 0, 20)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if len(items) > 10 {
			upTo := items[len(items)-1].Seq
			must(ackOp("Alice", upTo))
			say("ack %d", upTo)
		}
	}
}

// checkSaid checks that all which was acknowledged is still so.
func checkSaid(f *fixture, said []string) {
	f.Helper()
	acked := Seq(0)
	pending := map[MsgID]Seq{}
	for _, it := range f.items("Alice") {
		if other, twice := pending[it.ID]; twice {
			f.Errorf("%s is there twice, at %d and %d", it.ID[:], other, it.Seq)
		}
		pending[it.ID] = it.Seq
	}
	entries, err := f.e.Leaves(ctx, 0, 1<<30)
	if err != nil {
		f.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, line := range said {
		verb, rest, _ := strings.Cut(line, " ")
		rest = strings.ReplaceAll(rest, "\x00", "")
		switch verb {
		case "append":
			var name string
			var seq Seq
			if _, err := fmt.Sscan(rest, &name, &seq); err != nil {
				f.Fatalf("%q: %v", line, err)
			}
			wg.Go(func() {
				op := appendOp("Bob", "Alice", 0, "x")
				op.Append.Id = named(name)
				if res := f.do(op); res.Fresh || res.Seq != seq {
					f.Errorf("%s was acknowledged at %d, now %+v", name, seq, res)
				}
			})
		case "mark":
			wg.Go(func() {
				if f.do(markOp(rest, crashTime+60_000)).Fresh {
					f.Errorf("mark %s was acknowledged and is fresh", rest)
				}
			})
		case "enter":
			var leaf uint64
			if _, err := fmt.Sscan(rest, &leaf); err != nil {
				f.Fatalf("%q: %v", line, err)
			}
			name := fmt.Sprint("user-", leaf)
			if leaf >= uint64(len(entries)) || string(entries[leaf]) != "entry of "+name {
				f.Errorf("leaf %d was acknowledged and isn't there", leaf)
			}
			if _, err := f.e.User(ctx, name); err != nil {
				f.Errorf("leaf %d was acknowledged without its user: %v", leaf, err)
			}
		case "ack":
			var seq Seq
			if _, err := fmt.Sscan(rest, &seq); err != nil {
				f.Fatalf("%q: %v", line, err)
			}
			acked = max(acked, seq)
		default:
			f.Fatalf("the child said %q", line)
		}
	}
	wg.Wait()
	for id, seq := range pending {
		if seq <= acked {
			f.Errorf("%s at %d was acked (up to %d) and is there", id[:], seq, acked)
		}
	}
}

// "kill −9 at every write of the state directory → old or new state, never
// mixed; replay data survives." All that a commit writes goes to the end of
// the journal, so cutting the journal anywhere is a crash at that write, and
// a power cut at that moment too.
func TestAttack66CrashAtEveryWrite(t *testing.T) {
	dir := stateDir(t)
	s := mustOpen(t, dir)
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice", "Bob")
	if _, err := s.db.Write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	wal := func() int64 {
		st, err := os.Stat(filepath.Join(dir, "state.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	first := s.Health().Position
	sizes := []int64{0} // of the journal after each operation
	for _, op := range []Op{
		appendOp("Bob", "Alice", 1, "one"),
		markOp("n1", crashTime+60_000),
		appendOp("Bob", "Alice", 2, strings.Repeat("two", 3000)),
		ackOp("Alice", 1),
		{SetManifest: &SetManifest{Version: 1, Body: make([]byte, 10_000)}},
		markOp("n2", crashTime+60_000),
		ackOp("Alice", 2),
		enterOp("Alice", 1, 0, "a2"),
		enterOp("Carol", 0, 1, "c1"),
		enterOp("Alice", 2, 2, strings.Repeat("a3", 3000)),
	} {
		f.do(op)
		sizes = append(sizes, wal())
	}
	db, err := os.ReadFile(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "state.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()

	const frame = 4096 + 24
	for cut := int64(32); cut <= int64(len(journal)); cut += frame {
		for _, end := range []int64{cut, cut + 24 + 1000} { // between two frames, and within one
			end = min(end, int64(len(journal)))
			want := first
			for i, size := range sizes {
				if size <= end {
					want = first + uint64(i)
				}
			}
			s := reopenCut(t, db, journal[:end])
			if got := s.Health().Position; got != want {
				t.Errorf("journal cut at %d of %d: position %d, want %d", end, len(journal), got, want)
			}
			checkInvariants(t, s)
			g := &fixture{T: t, e: s, at: crashTime}
			for i, key := range map[int]string{2: "n1", 6: "n2"} {
				if marked := want >= first+uint64(i); marked == g.do(markOp(key, crashTime+60_000)).Fresh {
					t.Errorf("journal cut at %d: mark %s", end, key)
				}
			}
			s.Close()
		}
	}
}

func reopenCut(t *testing.T, db, journal []byte) *Store {
	dir := stateDir(t)
	err := errors.Join(os.Mkdir(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "state.db"), db, 0o600),
		os.WriteFile(filepath.Join(dir, "state.db-wal"), journal, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, dir)
}

// openSnapshot puts a snapshot in the place of a state.
func openSnapshot(t testing.TB, b []byte) Engine {
	dir := stateDir(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "state.db"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	t.Cleanup(func() { s.Close() })
	return s
}

// checkInvariants checks what must hold in every state.
func checkInvariants(t testing.TB, s *Store) {
	t.Helper()
	for rule, query := range map[string]string{
		"a mailbox counts its envelopes": `SELECT count(*) FROM mailbox m WHERE envelopes !=
			(SELECT count(*) FROM item WHERE mailbox = m.id AND kind = 0)`,
		"a mailbox counts its bytes": `SELECT count(*) FROM mailbox m WHERE bytes !=
			(SELECT coalesce(sum(length(body)), 0) FROM item WHERE mailbox = m.id AND kind = 0)`,
		"a mailbox counts its notes": `SELECT count(*) FROM mailbox m WHERE notes !=
			(SELECT count(*) FROM item WHERE mailbox = m.id AND kind > 0)`,
		"an item has a mailbox":     "SELECT count(*) FROM item WHERE mailbox NOT IN (SELECT id FROM mailbox)",
		"a mailbox has its user":    "SELECT count(*) FROM mailbox WHERE NOT EXISTS (SELECT 1 FROM user WHERE user.mailbox = mailbox.id AND user.name = mailbox.owner)",
		"a user has a mailbox":      "SELECT count(*) FROM user WHERE mailbox NOT IN (SELECT id FROM mailbox)",
		"leaves are without gaps":   "SELECT coalesce(max(n) + 1, 0) != count(*) FROM leaf",
		"a leaf's revision was":     "SELECT count(*) > (SELECT coalesce(sum(rev), 0) FROM user) FROM leaf",
		"acked and pending exclude": "SELECT count(*) FROM item JOIN gone USING (mailbox, peer, id) WHERE item.kind = 0",
		"the file is sound":         "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'",
	} {
		var broken int
		if err := s.db.Read.QueryRow(query).Scan(&broken); err != nil {
			t.Errorf("%s: %v", rule, err)
		} else if broken != 0 {
			t.Errorf("%s: not so %d times", rule, broken)
		}
	}
	entries, err := s.Leaves(ctx, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	checkHashes(t, s, entries)
}
