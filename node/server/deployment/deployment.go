package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/store"
	"sotto/node/store/disk"
)

// Names of files in the folder.
const (
	keyName    = "server.key"
	publicName = "server.pub"
	stateName  = "state.db"
	lockName   = "lock"
)

// keyMax bounds what is read as a key file.
const keyMax = 1 << 20

// demoMark is the name of the value in the store that says that the folder was
// made with demo users, whose passwords everybody knows.
const demoMark = "demo"

// ErrNoKeys says that a folder has no server key: nobody has made a deployment
// there.
var ErrNoKeys = errors.New("no server key")

// ErrUserExists says that a name is taken.
var ErrUserExists = errors.New("the user exists already")

// A Deployment is an open state folder.
type Deployment struct {
	Dir    string
	Keys   *keys.ServerFile
	Engine *store.Store
}

// Open opens a deployment and locks its folder. The errors are ErrNoKeys,
// those of a key file, and those of store.Open.
func Open(dir string) (*Deployment, error) {
	if _, err := os.Stat(filepath.Join(dir, keyName)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoKeys, dir)
	}
	engine, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	k, err := ReadKeys(dir)
	if err != nil {
		engine.Close()
		return nil, err
	}
	return &Deployment{Dir: dir, Keys: k, Engine: engine}, nil
}

// OpenOrCreate opens a deployment, and makes one without users where there is
// none.
func OpenOrCreate(dir string) (*Deployment, error) {
	d, err := Open(dir)
	if !errors.Is(err, ErrNoKeys) {
		return d, err
	}
	if _, err := os.Stat(filepath.Join(dir, stateName)); err == nil {
		return nil, fmt.Errorf("%s holds a state but no server key: put %s back from a backup", dir, keyName)
	}
	k, err := keys.NewServerFile(rand.Reader)
	if err != nil {
		return nil, err
	}
	return create(dir, k)
}

// create makes a deployment without users. A key that is there already is
// never overwritten.
func create(dir string, k *keys.ServerFile) (*Deployment, error) {
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
func writeKeys(dir string, k *keys.ServerFile) error {
	public, err := keys.MarshalPublicFile(k.Identity.Public())
	if err != nil {
		return err
	}
	secret, err := k.Marshal(rand.Reader, nil, keys.Stretch{})
	if err != nil {
		return err
	}
	defer clear(secret)
	if err := disk.WriteFile(filepath.Join(dir, publicName), public); err != nil {
		return err
	}
	return disk.CreateFile(filepath.Join(dir, keyName), secret)
}

// ReadKeys reads the server's keys without locking the folder.
func ReadKeys(dir string) (*keys.ServerFile, error) {
	path := filepath.Join(dir, keyName)
	b, err := disk.ReadFile(path, keyMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoKeys, dir)
	} else if err != nil {
		return nil, err
	}
	defer clear(b)
	k, err := keys.ParseServerFile(b, nil, keys.Stretch{})
	if err != nil {
		return nil, &KeyError{path, err}
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

// AddUser makes a user: a new key pair, of which the secret half is kept only
// under the password. The error is ErrUserExists, or says what is wrong with
// the name or the password.
func (d *Deployment) AddUser(ctx context.Context, name string, password []byte, now time.Time) error {
	if err := keys.CheckName(name); err != nil {
		return err
	}
	if u, err := d.Engine.User(ctx, name); err == nil {
		return fmt.Errorf("%w: %s", ErrUserExists, u.Name)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	id, err := keys.Generate(rand.Reader)
	if err != nil {
		return err
	}
	return d.register(ctx, id, name, password, now, keys.Stretch{})
}

// register stores a user with his key pair.
func (d *Deployment) register(ctx context.Context, id *keys.Identity, name string, password []byte, now time.Time, stretch keys.Stretch) error {
	rec, err := classic.NewRecord(rand.Reader, id, name, password, now, stretch)
	if err != nil {
		return err
	}
	put := &store.PutUser{Name: name}
	if put.Record, err = rec.MarshalBinary(); err != nil {
		return err
	}
	if _, err := rand.Read(put.Mailbox[:]); err != nil {
		return err
	}
	_, err = d.Engine.Do(ctx, store.Op{At: now.UnixMilli(), PutUser: put})
	if errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("%w: %s", ErrUserExists, name)
	}
	return err
}
