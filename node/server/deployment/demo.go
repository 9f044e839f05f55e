package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/node/store"
	"sotto/node/store/disk"
)

// DemoUsers are the users of the demo. Their passwords are their names.
var DemoUsers = []string{"Alice", "Bob", "Charlie", "Eve"}

// A RealUsersError says that a folder must not be replaced by the demo because
// people use it.
type RealUsersError struct {
	Dir   string
	Users int // that are not the demo's
}

func (e *RealUsersError) Error() string {
	return fmt.Sprintf("the deployment in %s has %d real users", e.Dir, e.Users)
}

// A ForeignError says that a folder holds something that is no deployment.
type ForeignError struct {
	Dir, Entry string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is no state folder: %s is in it", e.Dir, e.Entry)
}

// CreateDemo makes a deployment with the demo users in a folder where there is
// none.
func CreateDemo(ctx context.Context, dir string, tier Tier) error {
	if _, err := os.Stat(filepath.Join(dir, keyName)); err == nil {
		return fmt.Errorf("create a demo in %s: %w", dir, fs.ErrExist)
	}
	_, err := ReplaceWithDemo(ctx, dir, tier, false, time.Now())
	return err
}

// ReplaceWithDemo makes new keys for a server and the demo users, and puts them
// in the place of what is in the folder. That is moved aside to backup, which
// is empty if there was nothing. Without force it refuses to move anything but
// a demo: the error is a *RealUsersError or a *ForeignError.
func ReplaceWithDemo(ctx context.Context, dir string, tier Tier, force bool, now time.Time) (backup string, err error) {
	if _, err := replaceable(ctx, dir, force); err != nil {
		return "", err // before the keys, which take a while
	}
	m, err := newMaterial(tier)
	if err != nil {
		return "", err
	}
	return replace(ctx, dir, force, now, m)
}

// A material is what a demo is made of.
type material struct {
	server  Keys
	users   []*keys.Identity // one for each user of the classic tier
	stretch keys.Stretch
}

func newMaterial(tier Tier) (m *material, err error) {
	m = new(material)
	if tier == Default {
		m.server, err = newKeys(tier)
		return m, err
	}
	ids, err := generate(1 + len(DemoUsers))
	if err != nil {
		return nil, err
	}
	m.server.Server, m.users = &keys.ServerFile{Identity: ids[0]}, ids[1:]
	_, err = rand.Read(m.server.Server.Secret[:])
	return m, err
}

// replace does it with what a demo is made of.
func replace(ctx context.Context, dir string, force bool, now time.Time, m *material) (backup string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	empty, err := replaceable(ctx, dir, force)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) // is gone if all goes well
	if err := fill(ctx, fresh, now, m); err != nil {
		return "", err
	}
	if empty {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	} else {
		backup = dir + ".backup-" + now.UTC().Format("20060102-150405.000")
		if err := os.Rename(dir, backup); err != nil {
			return "", err
		}
	}
	return backup, os.Rename(fresh, dir)
}

// replaceable reports whether there is nothing of worth in the folder, or
// refuses.
func replaceable(ctx context.Context, dir string, force bool) (empty bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	state := false
	for _, e := range entries {
		switch e.Name() {
		case keyName, publicName, stateName, addressName:
			state = true
		case lockName, keyLockName, stateName + "-wal", stateName + "-shm":
		default:
			if !force {
				return false, &ForeignError{dir, e.Name()}
			}
			state = true
		}
	}
	if !state {
		// At most a lock file. Nobody holds it: who does writes a state at once.
		return true, os.RemoveAll(filepath.Join(dir, lockName))
	}
	d, err := open(dir)
	if err != nil && force && !locked(err) {
		return false, nil // damaged or without a key, and the user knows
	} else if err != nil {
		return false, err
	}
	defer d.Close()
	if force {
		return false, nil
	}
	return false, d.onlyDemo(ctx)
}

// locked reports whether somebody else has the folder open.
func locked(err error) bool {
	var l *disk.LockedError
	return errors.As(err, &l)
}

// onlyDemo returns a *RealUsersError if somebody else than the demo's users is
// in the deployment. A user of the name Alice is real where the demo is not.
func (d *Deployment) onlyDemo(ctx context.Context) error {
	demo, err := d.Demo(ctx)
	if err != nil {
		return err
	}
	names, err := d.Users(ctx)
	if err != nil {
		return err
	}
	if demo {
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(DemoUsers, n) })
	}
	if len(names) > 0 {
		return &RealUsersError{d.Dir, len(names)}
	}
	return nil
}

// fill makes the demo in an empty folder.
func fill(ctx context.Context, dir string, now time.Time, m *material) error {
	d, err := create(dir, m.server)
	if err != nil {
		return err
	}
	_, err = d.Engine.Do(ctx, store.Op{At: now.UnixMilli(), Put: &store.Put{Name: demoMark}})
	for i, name := range DemoUsers {
		switch {
		case err != nil:
		case m.users != nil:
			err = d.addIdentity(ctx, m.users[i], name, []byte(name), now, m.stretch)
		default:
			err = d.addAccount(ctx, name, []byte(name), now, m.stretch)
		}
	}
	return errors.Join(err, d.Close())
}

// generate makes identities, as many at a time as there are processors.
func generate(n int) ([]*keys.Identity, error) {
	ids, errs := make([]*keys.Identity, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i], errs[i] = keys.Generate(rand.Reader) })
	}
	wg.Wait()
	return ids, errors.Join(errs...)
}
