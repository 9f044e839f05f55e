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
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/server/ledger"
	"sotto/node/store/disk"
	"sotto/wire"
)

// materials are made once for all tests. Their stretching is the tests' cheap one.
var materials = sync.OnceValue(func() map[Tier]*material {
	all := make(map[Tier]*material)
	for _, tier := range []Tier{Default, Classic} {
		m, err := newMaterial(tier)
		if err != nil {
			panic(err)
		}
		m.stretch = keys.WeakForTests
		all[tier] = m
	}
	return all
})

var now = time.UnixMilli(1_790_000_000_000)

// each runs a test in both tiers.
func each(t *testing.T, test func(t *testing.T, tier Tier)) {
	for _, tier := range []Tier{Default, Classic} {
		t.Run(tier.String(), func(t *testing.T) { test(t, tier) })
	}
}

// demo makes a demo like ReplaceWithDemo, but cheaply.
func demo(t *testing.T, tier Tier, dir string, force bool) (backup string, err error) {
	t.Helper()
	return replace(t.Context(), dir, force, now, materials()[tier])
}

func mustDemo(t *testing.T, tier Tier, dir string) {
	t.Helper()
	if backup, err := demo(t, tier, dir, false); err != nil || backup != "" {
		t.Fatalf("a demo in an empty place: backup %q, error %v", backup, err)
	}
}

func mustOpen(t *testing.T, dir string, tier Tier) *Deployment {
	t.Helper()
	d, err := Open(dir, tier)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func users(t *testing.T, tier Tier, dir string) []string {
	t.Helper()
	d := mustOpen(t, dir, tier)
	defer d.Close()
	names, err := d.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// addReal adds a user who is not the demo's.
func addReal(t *testing.T, tier Tier, dir, name string) {
	t.Helper()
	d := mustOpen(t, dir, tier)
	defer d.Close()
	var err error
	if tier == Classic {
		err = d.addIdentity(t.Context(), materials()[tier].users[0], name, []byte("a long password"), now, keys.WeakForTests)
	} else {
		err = d.addAccount(t.Context(), name, []byte("a long password"), now, keys.WeakForTests)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDemo(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "deep", "sottod")
		mustDemo(t, tier, dir)
		if got := users(t, tier, dir); !slices.Equal(got, DemoUsers) {
			t.Errorf("users %v, want %v", got, DemoUsers)
		}
		d := mustOpen(t, dir, tier)
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
		public, err := os.ReadFile(filepath.Join(dir, publicName))
		if err != nil {
			t.Fatal(err)
		}
		if _, want, err := d.Keys.files(); err != nil || !slices.Equal(public, want) {
			t.Errorf("server.pub and server.key differ, or %v", err)
		}
	})
}

// Attack 67: "-n on an existing deployment → refuses without --force"; the state
// is untouched by the refusal, and force keeps it as a backup.
func TestAttack67DemoOverRealUsers(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		for _, real := range []string{"Dave", "alice"} { // a real alice is no demo user
			dir := filepath.Join(t.TempDir(), "sottod")
			if real == "alice" {
				d, err := create(dir, materials()[tier].server)
				if err != nil {
					t.Fatal(err)
				}
				d.Close()
			} else {
				mustDemo(t, tier, dir)
			}
			addReal(t, tier, dir, real)
			before := users(t, tier, dir)
			key, err := os.ReadFile(filepath.Join(dir, keyName))
			if err != nil {
				t.Fatal(err)
			}

			var refused *RealUsersError
			if _, err := demo(t, tier, dir, false); !errors.As(err, &refused) || refused.Users != 1 {
				t.Fatalf("with user %s: error %v, want a refusal for 1 real user", real, err)
			}
			if got := users(t, tier, dir); !slices.Equal(got, before) {
				t.Errorf("after the refusal the users are %v, want %v", got, before)
			}
			if got, _ := os.ReadFile(filepath.Join(dir, keyName)); !slices.Equal(got, key) {
				t.Error("the refusal changed the server's key")
			}

			backup, err := demo(t, tier, dir, true)
			if err != nil {
				t.Fatalf("with force: %v", err)
			}
			if got := users(t, tier, backup); !slices.Equal(got, before) {
				t.Errorf("the backup has the users %v, want %v", got, before)
			}
			if got := users(t, tier, dir); !slices.Equal(got, DemoUsers) {
				t.Errorf("the demo has the users %v, want %v", got, DemoUsers)
			}
		}
	})
}

func TestDemoOverDemo(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		mustDemo(t, tier, dir)
		backup, err := demo(t, tier, dir, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := users(t, tier, backup); !slices.Equal(got, DemoUsers) {
			t.Errorf("the backup has the users %v", got)
		}
		if err := CreateDemo(t.Context(), dir, tier); !errors.Is(err, fs.ErrExist) {
			t.Errorf("CreateDemo over a demo: %v, want %v", err, fs.ErrExist)
		}
	})
}

func TestDemoRefusesToReplace(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		t.Run("a folder of something else", func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "thesis.tex")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			var foreign *ForeignError
			if _, err := demo(t, tier, dir, false); !errors.As(err, &foreign) {
				t.Errorf("error %v, want a *ForeignError", err)
			}
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		})
		t.Run("a running server's", func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sottod")
			mustDemo(t, tier, dir)
			d := mustOpen(t, dir, tier)
			defer d.Close()
			for _, force := range []bool{false, true} {
				var locked *disk.LockedError
				if _, err := demo(t, tier, dir, force); !errors.As(err, &locked) {
					t.Errorf("force %v: error %v, want a *disk.LockedError", force, err)
				}
			}
		})
		t.Run("nothing half done", func(t *testing.T) {
			parent := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := replace(ctx, filepath.Join(parent, "sottod"), false, now, materials()[tier]); err == nil {
				t.Fatal("made with a context that had ended")
			}
			left, err := os.ReadDir(parent)
			if err != nil || len(left) > 0 {
				t.Errorf("left %v, error %v, want nothing", left, err)
			}
		})
	})
}

// Attack 65: "key file: truncated, mode 0644, swapped client/server → refuse
// with one clear line, never overwrite".
func TestAttack65KeyFiles(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		whole, public, err := materials()[tier].server.files()
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
			for what, open := range map[string]func() (*Deployment, error){
				"Open": func() (*Deployment, error) { return Open(dir, tier) },
				"OpenOrCreate": func() (*Deployment, error) {
					d, _, err := OpenOrCreate(dir, tier)
					return d, err
				},
			} {
				d, err := open()
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
	})
}

func TestOpenMakesNothing(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		if _, err := Open(dir, tier); !errors.Is(err, ErrNoKeys) {
			t.Errorf("error %v, want %v", err, ErrNoKeys)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder was made: %v", err)
		}
	})
}

// A key without its state is not given a new one: what the clients have seen of
// the users' keys would be contradicted.
func TestKeyWithoutItsState(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		mustDemo(t, tier, dir)
		path := filepath.Join(dir, stateName)
		for name, lose := range map[string]func() error{
			"empty": func() error { return os.Truncate(path, 0) },
			"gone":  func() error { return os.Remove(path) },
		} {
			if err := lose(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, tier); !errors.Is(err, ErrNoState) {
				t.Errorf("%s: Open: %v, want %v", name, err, ErrNoState)
			}
			if _, _, err := OpenOrCreate(dir, tier); !errors.Is(err, ErrNoState) {
				t.Errorf("%s: OpenOrCreate: %v, want %v", name, err, ErrNoState)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A state without its key is not given a new one: its users' clients would
// stop, and its manifest could not be continued.
func TestStateWithoutItsKey(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		mustDemo(t, tier, dir)
		if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
			t.Fatal(err)
		}
		if d, _, err := OpenOrCreate(dir, tier); err == nil {
			d.Close()
			t.Error("a new key was made for an old state")
		}
	})
}

func TestAddUser(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		d, _, err := OpenOrCreate(dir, tier)
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
		if got := recordName(t, tier, u.Record); got != "Dave" {
			t.Errorf("record of %q", got)
		}
		if demo, err := d.Demo(t.Context()); err != nil || demo {
			t.Errorf("demo %v, error %v", demo, err)
		}
	})
}

// recordName returns whose record the store keeps.
func recordName(t *testing.T, tier Tier, b []byte) string {
	t.Helper()
	var old wire.Record
	var rec wire.AccountRecord
	var err error
	if tier == Classic {
		err = old.UnmarshalBinary(b)
		rec.Name = old.Name
	} else {
		err = rec.UnmarshalBinary(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rec.Name
}

// A folder is of one tier.
func TestTheOtherTier(t *testing.T) {
	each(t, func(t *testing.T, tier Tier) {
		dir := filepath.Join(t.TempDir(), "sottod")
		mustDemo(t, tier, dir)
		other := Default + Classic - tier
		var wrong *TierError
		if _, err := Open(dir, other); !errors.As(err, &wrong) || wrong.Is != tier {
			t.Errorf("Open as %v: %v, want a *TierError", other, err)
		}
		if _, _, err := OpenOrCreate(dir, other); !errors.As(err, &wrong) {
			t.Errorf("OpenOrCreate as %v: %v, want a *TierError", other, err)
		}
		if _, err := ReadKeys(dir, other); !errors.As(err, &wrong) {
			t.Errorf("ReadKeys as %v: %v, want a *TierError", other, err)
		}
		if got := users(t, tier, dir); !slices.Equal(got, DemoUsers) {
			t.Errorf("users %v after that, want %v", got, DemoUsers)
		}
	})
}

// Who has pinned a key finds the way to the one that replaced it, and what
// passwords and invitations hang on stays.
func TestRotateKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	mustDemo(t, Default, dir)
	running := mustOpen(t, dir, Default) // a server in the folder is not disturbed
	defer running.Close()
	before, err := ReadKeys(dir, Default)
	if err != nil {
		t.Fatal(err)
	}
	in, err := before.Host.Invite(rand.Reader, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := RotateKeys(dir, now); err != nil {
			t.Fatal(err)
		}
	}
	after, err := ReadKeys(dir, Default)
	if err != nil {
		t.Fatal(err)
	}
	if before.Host.Id() == after.Host.Id() || before.Host.Realm() != after.Host.Realm() {
		t.Errorf("the key is %v, after %v", after.Host, before.Host)
	}
	key, changed, err := keys.Follow(after.Host.History(), before.Host.Id())
	if err != nil || !changed || key != after.Host.Key() {
		t.Errorf("the way from the old key: changed %v, error %v", changed, err)
	}
	if err := after.Host.CheckInvitation(now, &in); err != nil {
		t.Errorf("an invitation from before: %v", err)
	}
	public, err := os.ReadFile(filepath.Join(dir, publicName))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.ParseHostPublicFile(public); err != nil || *got != key {
		t.Errorf("server.pub does not hold the new key: %v", err)
	}
}

// Of many who rotate at once each follows the one before, or is refused in one clear line:
// clients find their way from the first key to the last.
func TestRotateKeysAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	mustDemo(t, Default, dir)
	before, err := ReadKeys(dir, Default)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var rotated atomic.Int32
	for range 8 {
		wg.Go(func() {
			_, err := RotateKeys(dir, now)
			if locked := (*disk.LockedError)(nil); err != nil && !errors.As(err, &locked) {
				t.Error(err)
			} else if err == nil {
				rotated.Add(1)
			}
		})
	}
	wg.Wait()
	after, err := ReadKeys(dir, Default)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(after.Host.History().Rotations); got != int(rotated.Load()) || got == 0 {
		t.Errorf("%d rotations are kept of %d that were made", got, rotated.Load())
	}
	if _, changed, err := keys.Follow(after.Host.History(), before.Host.Id()); err != nil || !changed {
		t.Errorf("the way from the old key: changed %v, error %v", changed, err)
	}
}

// A log with the key of another server is not served: whoever followed it would be
// alarmed.
func TestKeyOfAnotherServer(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "sottod"), filepath.Join(t.TempDir(), "other")
	mustDemo(t, Default, dir)
	d, _, err := OpenOrCreate(other, Default)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := os.Rename(filepath.Join(other, keyName), filepath.Join(dir, keyName)); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, dir, Default)
	defer d.Close()
	if _, err := ledger.Open(t.Context(), d.Engine, d.Keys.Host, nil); !errors.Is(err, ledger.ErrOtherHost) {
		t.Errorf("error %v, want ErrOtherHost", err)
	}
}

// Who has lost everything is given new keys: the log says that nothing vouches for
// them, the old devices are gone, and the name stays.
func TestResetUser(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sottod")
	mustDemo(t, Default, dir)
	d := mustOpen(t, dir, Default)
	defer d.Close()
	before, err := d.Engine.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	name, err := d.ResetUser(t.Context(), "ALICE", []byte("correct horse battery"), now)
	if err != nil || name != "Alice" {
		t.Fatalf("%q was reset, error %v", name, err)
	}
	book, err := ledger.Open(t.Context(), d.Engine, d.Keys.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	last, err := book.Last(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	if e := last.Body(); e.Why != wire.EntryWhyReset || e.N != 2 || len(e.Devices) != 0 {
		t.Errorf("the log has %v with %d devices", last, len(e.Devices))
	}
	after, err := d.Engine.User(t.Context(), "alice")
	if err != nil || after.Mailbox != before.Mailbox || slices.Equal(after.Record, before.Record) {
		t.Errorf("mailbox %x, was %x; or the record stayed; error %v", after.Mailbox, before.Mailbox, err)
	}
	if _, err := d.ResetUser(t.Context(), "Nobody", []byte("correct horse battery"), now); !errors.Is(err, ErrNoUser) {
		t.Errorf("reset of nobody: %v, want %v", err, ErrNoUser)
	}
}
