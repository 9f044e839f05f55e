package disk

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var testSchema = Schema{Kind: 0x7465_7374, Steps: []string{
	"CREATE TABLE a (n INTEGER PRIMARY KEY)",
	"CREATE TABLE b (n INTEGER PRIMARY KEY); INSERT INTO b VALUES (7)",
}}

// TestMain also plays the other process that holds a lock.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DISK_TEST_LOCK"); dir != "" {
		if _, err := OpenFolder(dir); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString("locked\n")
		os.Stdin.Read(make([]byte, 1)) // until the test closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFolderIsMadePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := st.Mode().Perm(), fs.FileMode(0o700); got != want {
		t.Errorf("mode %o, want %o", got, want)
	}
}

func TestFolderIsLockedByAnotherProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DISK_TEST_LOCK="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Read(make([]byte, 10))

	_, err = OpenFolder(dir)
	locked, ok := errors.AsType[*LockedError](err)
	if !ok {
		t.Fatalf("got %v, want a LockedError", err)
	}
	if got, want := locked.PID, cmd.Process.Pid; got != want {
		t.Errorf("locked by %d, want %d", got, want)
	}
	if !strings.Contains(err.Error(), dir) {
		t.Errorf("%q does not name the folder", err)
	}

	stdin.Close()
	cmd.Wait()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatalf("after that process ended: %v", err)
	}
	if _, err := OpenFolder(dir); !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("a second time in one process: got %v", err)
	}
	f.Close()
}

// "File of the wrong kind, truncated, with open permissions or another owner
// is refused in one clear line."
func TestAttack65OpenPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(dir, "key")
	open := func(path string) error {
		f, err := OpenFolder(path)
		if err == nil {
			f.Close()
		}
		return err
	}
	read := func(path string) error { _, err := ReadFile(path, 100); return err }
	database := func(string) error {
		f, err := OpenFolder(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		db, err := f.Database("key", testSchema)
		if err == nil {
			db.Close()
		}
		return err
	}
	for _, tt := range []struct {
		name string
		prep func() error
		open func(string) error
		path string
		want string
	}{
		{"folder 0755", func() error { return os.Chmod(dir, 0o755) }, open, dir, "chmod 0700 "},
		{"folder of another owner", func() error { return os.Chown(dir, 4242, -1) }, open, dir, "belongs to user id 4242"},
		{"a file for a folder", nil, open, file, "not a directory"},
		{"file 0644", func() error { return os.Chmod(file, 0o644) }, read, file, "chmod 0600 "},
		{"file of another owner", func() error { return os.Chown(file, 4242, -1) }, read, file, "belongs to user id 4242"},
		{"a folder for a file", nil, read, dir, "is not a regular file"},
		{"a pipe for a file", func() error { os.Remove(file); return syscall.Mkfifo(file, 0o600) }, read, file, "is not a regular file"},
		{"file too long", func() error { return os.WriteFile(file, make([]byte, 101), 0o600) }, read, file, "longer than 100 bytes"},
		{"database 0640", func() error { return os.Chmod(file, 0o640) }, database, file, "chmod 0600 "},
		{"database of another kind", func() error { return os.WriteFile(file, make([]byte, 9000), 0o600) }, database, file, " is damaged (file is not a database"},
		{"journal 0644", func() error {
			os.WriteFile(file, nil, 0o600)
			os.WriteFile(file+"-wal", nil, 0o600)
			return os.Chmod(file+"-wal", 0o644)
		}, database, file + "-wal", "chmod 0600 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			os.RemoveAll(dir)
			if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, []byte("key"), 0o600)); err != nil {
				t.Fatal(err)
			}
			if tt.prep != nil {
				if err := tt.prep(); errors.Is(err, fs.ErrPermission) {
					t.Skip("needs root")
				} else if err != nil {
					t.Fatal(err)
				}
			}
			err := tt.open(tt.path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q and %q", err, tt.path, tt.want)
			}
		})
	}
}

func TestWriteAndCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := CreateFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := CreateFile(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating it twice: got %v, want fs.ErrExist", err)
	}
	if b, err := ReadFile(path, 10); err != nil || string(b) != "one" {
		t.Errorf("got %q, %v; want the first bytes", b, err)
	}
	if err := WriteFile(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(path, 10); err != nil || string(b) != "three" {
		t.Errorf("got %q, %v; want the last bytes", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDatabaseMigrates(t *testing.T) {
	f, err := OpenFolder(filepath.Join(t.TempDir(), "odd ?name%20#x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	open := func(steps int) (*Database, error) {
		return f.Database("x.db", Schema{Kind: testSchema.Kind, Steps: testSchema.Steps[:steps]})
	}
	for steps := range 3 {
		if steps == 0 {
			continue
		}
		db, err := open(steps)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := open(2)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.Read.QueryRow("SELECT n FROM b").Scan(&n); err != nil || n != 7 {
		t.Errorf("got %d, %v; want 7 from the second step", n, err)
	}
	if _, err := db.Read.Exec("DELETE FROM b"); err == nil {
		t.Error("a reading connection changed something")
	}
	db.Close()

	_, err = open(1)
	if newer, ok := errors.AsType[*NewerError](err); !ok || newer.Have != 2 || newer.Know != 1 {
		t.Errorf("a newer schema: got %v, want a NewerError of 2 and 1", err)
	}
	if _, err := f.Database("x.db", Schema{Kind: 1, Steps: testSchema.Steps}); err == nil || !strings.Contains(err.Error(), "another kind") {
		t.Errorf("another kind: got %v", err)
	}
	if st, err := os.Stat(f.Path("x.db")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
}

// A damaged file is refused in one clear line and left alone.
func TestDamagedDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	db, err := f.Database("x.db", testSchema)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2000 {
		if _, err := db.Write.Exec("INSERT INTO a VALUES (?)", n); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	sound, err := os.ReadFile(f.Path("x.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"half":          sound[:len(sound)/2],
		"header only":   sound[:100],
		"zeros in it":   slices.Concat(sound[:4096], make([]byte, 4096), sound[8192:]),
		"another thing": bytes.Repeat([]byte("key"), 3000),
	} {
		if err := os.WriteFile(f.Path("x.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := f.Database("x.db", testSchema)
		if _, ok := errors.AsType[*DamagedError](err); !ok || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a DamagedError", name, err)
		}
		if err == nil {
			db.Close()
		}
		if now, err := os.ReadFile(f.Path("x.db")); err != nil || !bytes.Equal(now, b) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestGroup(t *testing.T) {
	var got []int
	gate := make(chan bool)
	sizes := make(chan int, 100)
	g := NewGroup(3, 100, func(n int) int { return n }, func(batch []int) {
		<-gate
		sizes <- len(batch)
		got = append(got, batch...)
	})
	for n := range 4 {
		if err := g.Add(context.Background(), n); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Add(ctx, 9); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: got %v", err)
	}
	close(gate)
	g.Close()
	if err := g.Add(context.Background(), 9); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
	close(sizes)
	sum := 0
	for n := range sizes {
		if n < 1 || n > 3 {
			t.Errorf("a batch of %d", n)
		}
		sum += n
	}
	if sum != 4 || len(got) != 4 {
		t.Errorf("got %v, want all four", got)
	}
	for i, n := range got {
		if i != n {
			t.Errorf("got %v, want the order of arrival", got)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(g.Close) // may be called again, by anybody
	}
	wg.Wait()
}
