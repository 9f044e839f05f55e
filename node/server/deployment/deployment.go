package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sotto/node/store"
	"sotto/node/store/disk"
)

// Names of files in the folder.
const (
	keyName     = "server.key"
	publicName  = "server.pub"
	addressName = "address"
	stateName   = "state.db"
	lockName    = "lock"
	keyLockName = "keys.lock" // held while the key files change
)

// keyMax bounds what is read as a key file.
const keyMax = 1 << 20

// addressMax bounds what is read as an address.
const addressMax = 256

// demoMark is the name of the value in the store that says that the folder was
// made with demo users, whose passwords everybody knows.
const demoMark = "demo"

// ErrNoKeys says that a folder has no server key: nobody has made a deployment
// there.
var ErrNoKeys = errors.New("no server key")

// ErrNoState says that a folder has a server key, but what the server kept is
// gone. A new state under the old key would be an alarm to every client.
var ErrNoState = errors.New("no state beside the server key")

// ErrNoAddress says that the server of a folder has never run.
var ErrNoAddress = errors.New("the server has not run yet")

// ErrNoUser says that there is no user of a name.
var ErrNoUser = errors.New("no such user")

// ErrUserExists says that a name is taken.
var ErrUserExists = errors.New("the user exists already")

// A Deployment is an open state folder.
type Deployment struct {
	Dir    string
	Keys   Keys
	Engine *store.Store
}

// Open opens a deployment of a tier and locks its folder. The errors are
// ErrNoKeys, ErrNoState, a *TierError, those of a key file, and those of store.Open.
func Open(dir string, tier Tier) (*Deployment, error) {
	d, err := open(dir)
	if err != nil {
		return nil, err
	}
	if is := d.Keys.Tier(); is != tier {
		d.Close()
		return nil, &TierError{dir, is}
	}
	return d, nil
}

// open opens a deployment of either tier.
func open(dir string) (*Deployment, error) {
	k, err := readKeys(dir)
	if err != nil {
		return nil, err
	}
	// The key was written after the state, which is never empty.
	if st, err := os.Stat(filepath.Join(dir, stateName)); errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNoState, dir)
	}
	engine, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return &Deployment{Dir: dir, Keys: k, Engine: engine}, nil
}

// OpenOrCreate opens a deployment, and makes one without users where there is
// none.
func OpenOrCreate(dir string, tier Tier) (d *Deployment, made bool, err error) {
	d, err = Open(dir, tier)
	if !errors.Is(err, ErrNoKeys) {
		return d, false, err
	}
	if _, err := os.Stat(filepath.Join(dir, stateName)); err == nil {
		return nil, false, fmt.Errorf("%s holds a state but no server key: put %s back from a backup", dir, keyName)
	}
	k, err := newKeys(tier)
	if err != nil {
		return nil, false, err
	}
	d, err = create(dir, k)
	return d, err == nil, err
}

// create makes a deployment without users. A key that is there already is
// never overwritten.
func create(dir string, k Keys) (*Deployment, error) {
	engine, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := writeKeys(dir, k); err != nil {
		engine.Close()
		return nil, err
	}
	return &Deployment{Dir: dir, Keys: k, Engine: engine}, nil
}

// writeKeys writes both key files, the secret one last: with it the deployment
// exists.
func writeKeys(dir string, k Keys) error {
	secret, public, err := k.files()
	if err != nil {
		return err
	}
	defer clear(secret)
	if err := disk.WriteFile(filepath.Join(dir, publicName), public); err != nil {
		return err
	}
	return disk.CreateFile(filepath.Join(dir, keyName), secret)
}

// ReadKeys reads the keys of a server of a tier without locking the folder.
func ReadKeys(dir string, tier Tier) (Keys, error) {
	k, err := readKeys(dir)
	if err != nil {
		return Keys{}, err
	}
	if is := k.Tier(); is != tier {
		return Keys{}, &TierError{dir, is}
	}
	return k, nil
}

func readKeys(dir string) (Keys, error) {
	path := filepath.Join(dir, keyName)
	b, err := disk.ReadFile(path, keyMax)
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, fmt.Errorf("%w in %s", ErrNoKeys, dir)
	} else if err != nil {
		return Keys{}, err
	}
	defer clear(b)
	k, err := parseKeys(b)
	if err != nil {
		return Keys{}, &KeyError{path, err}
	}
	return k, nil
}

// A KeyError says what is wrong with a key file.
type KeyError struct {
	Path string
	Err  error
}

func (e *KeyError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

// Close closes the state and gives up the lock.
func (d *Deployment) Close() error { return d.Engine.Close() }

// Demo reports whether the deployment was made with demo users.
func (d *Deployment) Demo(ctx context.Context) (bool, error) {
	_, err := d.Engine.Value(ctx, demoMark)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// NoteAddress keeps the address that the server listens on, for invitations.
func (d *Deployment) NoteAddress(addr netip.AddrPort) error {
	return disk.WriteFile(filepath.Join(d.Dir, addressName), []byte(addr.String()+"\n"))
}

// ReadAddress returns the address that the server of a folder listened on last,
// without locking the folder. The error may be ErrNoAddress.
func ReadAddress(dir string) (netip.AddrPort, error) {
	path := filepath.Join(dir, addressName)
	b, err := disk.ReadFile(path, addressMax)
	if errors.Is(err, fs.ErrNotExist) {
		return netip.AddrPort{}, fmt.Errorf("%w in %s", ErrNoAddress, dir)
	} else if err != nil {
		return netip.AddrPort{}, err
	}
	addr, err := netip.ParseAddrPort(strings.TrimSpace(string(b)))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s: %w", path, err)
	}
	return addr, nil
}

// RotateKeys replaces the keys of a server of the default tier. The old ones sign
// the new ones, so clients follow by themselves. It works beside a server, which
// keeps the old keys until it is started again, but not beside another of its kind:
// of two rotations of one key clients would follow either. Then the error is a
// *disk.LockedError.
func RotateKeys(dir string, now time.Time) (Keys, error) {
	if _, err := ReadKeys(dir, Default); err != nil {
		return Keys{}, err
	}
	release, err := disk.Lock(filepath.Join(dir, keyLockName))
	if err != nil {
		return Keys{}, err
	}
	defer release()
	k, err := ReadKeys(dir, Default)
	if err != nil {
		return Keys{}, err
	}
	if err := k.Host.Rotate(rand.Reader, now); err != nil {
		return Keys{}, err
	}
	secret, public, err := k.files()
	if err != nil {
		return Keys{}, err
	}
	defer clear(secret)
	if err := disk.WriteFile(filepath.Join(dir, keyName), secret); err != nil {
		return Keys{}, err
	}
	return k, disk.WriteFile(filepath.Join(dir, publicName), public)
}

// Users returns the names of all users.
func (d *Deployment) Users(ctx context.Context) ([]string, error) {
	var names []string
	for u, err := range d.Engine.Users(ctx) {
		if err != nil {
			return nil, err
		}
		names = append(names, u.Name)
	}
	return names, nil
}
