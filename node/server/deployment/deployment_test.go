package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/store/disk"
	"sotto/wire"
)

// ids are made once for all tests: a server's and those of the demo.
var ids = sync.OnceValue(func() []*keys.Identity {
	ids, err := generate(1 + len(DemoUsers))
	if err != nil {
		panic(err)
	}
	return ids
})

var now = time.UnixMilli(1_790_000_000_000)

// demo makes a demo like ReplaceWithDemo, but cheaply.
func demo(t *testing.T, dir string, force bool) (backup string, err error) {
	t.Helper()
	return replace(t.Context(), dir, force, now, ids(), keys.WeakForTests)
}

func mustDemo(t *testing.T, dir string) {
	t.Helper()
	if backup, err := demo(t, dir, false); err != nil || backup != "" {
		t.Fatalf("a demo in an empty place: backup %q, error %v", backup, err)
	}
}

func users(t *testing.T, dir string) []string {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names, err := d.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// addReal adds a user who is not the demo's.
func addReal(t *testing.T, dir, name string) {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	id, err := keys.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.register(t.Context(), id, name, []byte("a long password"), now, keys.WeakForTests); err != nil {
		t.Fatal(err)
	}
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "sottod")
	mustDemo(t, dir)
	if got := users(t, dir); !slices.Equal(got, DemoUsers) {
		t.Errorf("users %v, want %v", got, DemoUsers)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if demo, err := d.Demo(t.Context()); err != nil || !demo {
		t.Errorf("demo %v, error %v", demo, err)
	}
	for name, mode := range map[string]fs.FileMode{"": 0o700 | fs.ModeDir, keyName: 0o600, stateName: 0o600} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", filepath.Join(dir, name), st.Mode(), mode)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, publicName))
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.ParsePublicFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !public.Equal(d.Keys.Identity.Public()) {
		t.Error("server.pub and server.key differ")
	}
}

// Attack 67: "-n on an existing deployment → refuses without --force"; the state
// is untouched by the refusal, and force keeps it as a backup.
func TestAttack67DemoOverRealUsers(t *testing.T) {
	for _, real := range []string{"Dave", "alice"} { // a real alice is no demo user
		dir := filepath.Join(t.TempDir(), "sottod")
		if real == "alice" {
			d, err := create(dir, &keys.ServerFile{Identity: ids()[0]})
			if err != nil {
				t.Fatal(err)
			}
			d.Close()
		} else {
			mustDemo(t, dir)
		}
		addReal(t, dir, real)
		before := users(t, dir)
		key, err := os.ReadFile(filepath.Join(dir, keyName))
		if err != nil {
			t.Fatal(err)
		}

		var refused *RealUsersError
		if _, err := demo(t, dir, false); !errors.As(err, &refused) || refused.Users != 1 {
			t.Fatalf("with user %s: error %v, want a refusal for 1 real user", real, err)
		}
		if got := users(t, dir); !slices.Equal(got, before) {
			t.Errorf("after the refusal the users are %v, want %v", got, before)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, keyName)); !slices.Equal(got, key) {
			t.Error("the refusal changed the server's key")
		}

		backup, err := demo(t, dir, true)
		if err != nil {
			t.Fatalf("with force: %v", err)
		}
		if got := users(t, backup); !slices.Equal(got, before) {
			t.Errorf("the backup has the users %v, want %v", got, before)
		}
		if got := users(t, dir); !slices.Equal(got, DemoUsers) {
			t.Errorf("the demo has the users %v, want %v", got, DemoUsers)
		}
	}
}

func TestDemoOverDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	mustDemo(t, dir)
	backup, err := demo(t, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := users(t, backup); !slices.Equal(got, DemoUsers) {
		t.Errorf("the backup has the users %v", got)
	}
	if err := CreateDemo(t.Context(), dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateDemo over a demo: %v, want %v", err, fs.ErrExist)
	}
}

func TestDemoRefusesToReplace(t *testing.T) {
	t.Run("a folder of something else", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "thesis.tex")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var foreign *ForeignError
		if _, err := demo(t, dir, false); !errors.As(err, &foreign) {
			t.Errorf("error %v, want a *ForeignError", err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	})
	t.Run("a running server's", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "sottod")
		mustDemo(t, dir)
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, force := range []bool{false, true} {
			var locked *disk.LockedError
			if _, err := demo(t, dir, force); !errors.As(err, &locked) {
				t.Errorf("force %v: error %v, want a *disk.LockedError", force, err)
			}
		}
	})
	t.Run("nothing half done", func(t *testing.T) {
		parent := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := replace(ctx, filepath.Join(parent, "sottod"), false, now, ids(), keys.WeakForTests); err == nil {
			t.Fatal("made with a context that had ended")
		}
		left, err := os.ReadDir(parent)
		if err != nil || len(left) > 0 {
			t.Errorf("left %v, error %v, want nothing", left, err)
		}
	})
}

// Attack 65: "key file: truncated, mode 0644, swapped client/server → refuse
// with one clear line, never overwrite".
func TestAttack65KeyFiles(t *testing.T) {
	public, err := keys.MarshalPublicFile(ids()[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := (&keys.ServerFile{Identity: ids()[0]}).Marshal(rand.Reader, nil, keys.Stretch{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		bytes []byte
		mode  fs.FileMode
	}{
		{"truncated", whole[:len(whole)-1], 0o600},
		{"empty", nil, 0o600},
		{"open to others", whole, 0o644},
		{"the public one", public, 0o600},
	}
	for _, tt := range tests {
		dir := filepath.Join(t.TempDir(), "sottod")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, keyName)
		if err := os.WriteFile(path, tt.bytes, tt.mode); err != nil {
			t.Fatal(err)
		}
		for what, open := range map[string]func(string) (*Deployment, error){"Open": Open, "OpenOrCreate": OpenOrCreate} {
			d, err := open(dir)
			if err == nil {
				d.Close()
				t.Errorf("%s: %s succeeded", tt.name, what)
			} else if s := err.Error(); !strings.Contains(s, path) || strings.Contains(s, "\n") {
				t.Errorf("%s: %s says %q, want one line that names the file", tt.name, what, s)
			}
		}
		if got, _ := os.ReadFile(path); !slices.Equal(got, tt.bytes) {
			t.Errorf("%s: the file was overwritten", tt.name)
		}
	}
}

func TestOpenMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	if _, err := Open(dir); !errors.Is(err, ErrNoKeys) {
		t.Errorf("error %v, want %v", err, ErrNoKeys)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// A state without its key is not given a new one: its users' clients would
// stop, and its manifest could not be continued.
func TestStateWithoutItsKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	mustDemo(t, dir)
	if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
		t.Fatal(err)
	}
	if d, err := OpenOrCreate(dir); err == nil {
		d.Close()
		t.Error("a new key was made for an old state")
	}
}

func TestAddUser(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	d, err := OpenOrCreate(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.AddUser(t.Context(), "Dave", []byte("correct horse battery"), now); err != nil {
		t.Fatal(err)
	}
	if err := d.AddUser(t.Context(), "dAVE", []byte("correct horse battery"), now); !errors.Is(err, ErrUserExists) {
		t.Errorf("the same name in other letters: %v, want %v", err, ErrUserExists)
	}
	for _, name := range []string{"", "..", "a b", "a/b", "\x00", "aé", strings.Repeat("a", 33)} {
		if err := d.AddUser(t.Context(), name, []byte("correct horse battery"), now); err == nil {
			t.Errorf("user %q was made", name)
		}
	}
	for _, password := range [][]byte{nil, make([]byte, 129)} {
		if err := d.AddUser(t.Context(), "Erin", password, now); err == nil {
			t.Errorf("a password of %d bytes was taken", len(password))
		}
	}
	u, err := d.Engine.User(t.Context(), "dave")
	if err != nil {
		t.Fatal(err)
	}
	var rec wire.Record
	if err := rec.UnmarshalBinary(u.Record); err != nil || rec.Name != "Dave" {
		t.Errorf("record of %q, error %v", rec.Name, err)
	}
	if demo, err := d.Demo(t.Context()); err != nil || demo {
		t.Errorf("demo %v, error %v", demo, err)
	}
}
