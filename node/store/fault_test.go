package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sotto/node/store/disk"
)

// When the disk is full nothing is acknowledged that is not on it, what is on
// it can be read, and the server goes on when there is room again.
func TestFullDisk(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	f := &fixture{T: t, e: s, at: crashTime}
	f.users("Alice")
	f.do(appendOp("Bob", "Alice", 1, "before"))
	limit := func(pages int) {
		t.Helper()
		if err := s.db.Write.Row(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // no page more than there are

	n := 2
	var err error
	for ; err == nil; n++ {
		_, err = f.try(appendOp("Bob", "Alice", n, strings.Repeat("x", 10_000)))
	}
	n--
	if !errors.Is(err, ErrUnavailable) || !disk.Full(err) || !strings.Contains(err.Error(), "full") {
		t.Fatalf("got %v, want ErrUnavailable and that the disk is full", err)
	}
	if h := s.Health(); !errors.Is(h.Err, ErrUnavailable) {
		t.Errorf("health says %v", h.Err)
	}
	if got := len(f.items("Alice")); got != n-1 {
		t.Errorf("%d items, %d were acknowledged", got, n-1)
	}
	checkInvariants(t, s)

	limit(1 << 30)
	if res := f.do(appendOp("Bob", "Alice", n, "again")); !res.Fresh {
		t.Errorf("after a repeat: %+v", res)
	}
	if h := s.Health(); h.Err != nil {
		t.Errorf("health still says %v", h.Err)
	}
	if got := len(f.items("Alice")); got != n {
		t.Errorf("%d items, want %d", got, n)
	}
	checkInvariants(t, s)
}

// The same with a write that the operating system refuses, in the middle of
// the journal.
func TestWriteFails(t *testing.T) {
	dir := stateDir(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_FILE_LIMIT="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v; it said:\n%s", err, out)
	}
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(said) < 10 {
		t.Errorf("it said only %q", said)
	}
	s := mustOpen(t, dir)
	defer s.Close()
	checkSaid(&fixture{T: t, e: s, at: crashTime}, said)
	checkInvariants(t, s)
}

// fileLimitChild appends until the limit on the size of files stops it, and
// goes on when the limit is lifted; three times.
func fileLimitChild(dir string) {
	fail := func(args ...any) {
		fmt.Fprintln(os.Stderr, args...)
		os.Exit(1)
	}
	signal.Ignore(syscall.SIGXFSZ) // the write then fails with EFBIG
	s, err := Open(dir)
	if err != nil {
		fail(err)
	}
	do := func(op Op) error { op.At = crashTime; _, err := s.Do(ctx, op); return err }
	if err := do(Op{PutUser: &PutUser{Name: "Alice", Mailbox: mailboxOf("Alice")}}); err != nil {
		fail(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fail(err)
	}
	free := limit.Cur
	n := 0
	for range 3 {
		st, err := os.Stat(filepath.Join(dir, "state.db-wal"))
		if err != nil {
			fail(err)
		}
		limit.Cur = uint64(st.Size()) + 345_678
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fail(err)
		}
		for err = nil; err == nil; n++ {
			var res Result
			op := appendOp("Bob", "Alice", n, string(bytes.Repeat([]byte("x"), 5000)))
			op.At = crashTime
			op.Append.Id = named(fmt.Sprint("limited-", n))
			if res, err = s.Do(ctx, op); err == nil {
				fmt.Printf("append %s %d\n", op.Append.Id, res.Seq)
			}
		}
		if !errors.Is(err, ErrUnavailable) {
			fail("got", err)
		}
		items, _, err := s.Read(ctx, mailboxOf("Alice"), 0, 1)
		if err != nil || len(items) != 1 {
			fail("read:", items, err)
		}
		limit.Cur = free
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fail(err)
		}
	}
	if err := s.Close(); err != nil {
		fail(err)
	}
	os.Exit(0)
}

// An operation that applies to nothing must not hold up those beside it, and
// a batch that can't be read is no reason to stop.
func TestUnreadableBatch(t *testing.T) {
	s := mustOpen(t, stateDir(t))
	defer s.Close()
	good := Op{At: crashTime, PutUser: &PutUser{Name: "Alice", Mailbox: mailboxOf("Alice")}}
	b, err := good.encode()
	if err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{{0}, {1}, b[:len(b)-1], append(bytes.Clone(b), 0), bytes.Repeat([]byte{0xff}, 40)}
	for i := range bad {
		mixed := []*waiting{{bad[i], make(chan outcome, 1)}, {b, make(chan outcome, 1)}}
		s.commit(mixed)
		if out := <-mixed[0].done; !errors.Is(out.err, ErrBadOp) {
			t.Errorf("% x: got %v, want ErrBadOp", bad[i], out.err)
		}
		if out := <-mixed[1].done; out.err != nil || out.res.Rev != 1 {
			t.Errorf("beside % x: got %+v", bad[i], out)
		}
	}
}

// One folder, one server; and each reason not to open it is one clear line.
func TestOpenRefuses(t *testing.T) {
	dir := stateDir(t)
	s := mustOpen(t, dir)
	_, err := Open(dir)
	locked, ok := errors.AsType[*disk.LockedError](err)
	if !ok || locked.PID != os.Getpid() || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second time: got %v", err)
	}
	s.Close()

	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "open to other users") {
		t.Errorf("folder 0750: got %v", err)
	}
	os.Chmod(dir, 0o700)
	os.Chmod(filepath.Join(dir, "state.db"), 0o644)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "open to other users") {
		t.Errorf("file 0644: got %v", err)
	}
	os.Chmod(filepath.Join(dir, "state.db"), 0o600)

	s = mustOpen(t, dir)
	if _, err := s.db.Write.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err = Open(dir)
	if newer, ok := errors.AsType[*disk.NewerError](err); !ok || newer.Have != 99 || strings.Contains(err.Error(), "\n") {
		t.Errorf("newer schema: got %v", err)
	}
}
