package server

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// What a login holds the transport clears.
var _ transport.Clearer = (*classic.Run)(nil)

// identity returns the key pair that a name has in all tests.
func identity(t testing.TB, name string) *keys.Identity {
	t.Helper()
	identities.Lock()
	defer identities.Unlock()
	if identities.byName[name] == nil {
		id, err := keys.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if identities.byName == nil {
			identities.byName = make(map[string]*keys.Identity)
		}
		identities.byName[name] = id
	}
	return identities.byName[name]
}

var identities struct {
	sync.Mutex
	byName map[string]*keys.Identity
}

// classicWorld is the tierOf a world of the classic tier.
type classicWorld struct{ t testing.TB }

func (c classicWorld) keys(cfg *Config) {
	cfg.Keys = &keys.ServerFile{Identity: identity(c.t, "the server"), Secret: [32]byte{1}}
}

func (c classicWorld) register(w *world, name string) {
	c.t.Helper()
	rec, err := classic.NewRecord(rand.Reader, identity(c.t, name), name, []byte(name), time.Now(), keys.WeakForTests)
	if err != nil {
		c.t.Fatal(err)
	}
	put := &store.PutUser{Name: name}
	if put.Record, err = rec.MarshalBinary(); err != nil {
		c.t.Fatal(err)
	}
	rand.Read(put.Mailbox[:])
	if _, err := w.store.Do(c.t.Context(), store.Op{At: time.Now().UnixMilli(), PutUser: put}); err != nil {
		c.t.Fatal(err)
	}
}

func (c classicWorld) login(w *world, name string) login {
	return c.byPassword(w, name, strings.ToUpper(name[:1])+name[1:])
}

func (c classicWorld) byPassword(w *world, name, password string) login {
	c.t.Helper()
	client, err := classic.NewClient(classic.ClientConfig{
		Random: rand.Reader, Server: identity(c.t, "the server").Public(),
		User: name, Password: []byte(password), Stretch: keys.WeakForTests,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return &classicLogin{Client: client}
}

// A classicLogin is a login of the classic tier.
type classicLogin struct {
	*classic.Client
	shown *wire.SignedManifest // by M6
}

func (l *classicLogin) open(frame []byte) (err error) {
	_, l.shown, err = l.OpenM6(frame)
	return err
}

// shown returns the manifest that a visitor was shown by M6.
func (v *visitor) shown() *manifest.Manifest {
	v.t.Helper()
	return v.parse(v.login.(*classicLogin).shown)
}

// parse checks the manifest that a visitor was shown.
func (v *visitor) parse(b *wire.SignedManifest) *manifest.Manifest {
	v.t.Helper()
	m, err := manifest.Verify(identity(v.t, "the server").Public(), b)
	if err != nil {
		v.t.Fatal(err)
	}
	return m
}
