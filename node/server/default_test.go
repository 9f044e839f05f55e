package server

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server/ledger"
	"sotto/node/transport"
	"sotto/wire"
)

// What a login holds the transport clears.
var _ transport.Clearer = (*channel.Run)(nil)

// testHost is the host of all worlds of the default tier.
var testHost = sync.OnceValue(func() *keys.Host {
	h, err := keys.NewHost(rand.Reader)
	if err != nil {
		panic(err)
	}
	return h
})

// A person is a user of the default tier as his own clients know him.
type person struct {
	name    string
	account *keys.Account
	device  *keys.Device
	last    *directory.Entry
}

// defaultWorld is the tierOf a world of the default tier: users have one device.
type defaultWorld struct {
	t      testing.TB
	mu     sync.Mutex
	people map[string]*person
}

func newDefaultWorld(t testing.TB) *defaultWorld {
	return &defaultWorld{t: t, people: make(map[string]*person)}
}

func (d *defaultWorld) keys(cfg *Config) { cfg.Host = testHost() }

// draw makes a person, whom nobody knows yet.
func (d *defaultWorld) draw(name string) *person {
	d.t.Helper()
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	p := &person{name: name, account: account, device: d.drawDevice(name, account)}
	if p.last, err = directory.Create(testHost().Realm(), name, account, []wire.Device{shown(p.device)}, time.Now()); err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d *defaultWorld) drawDevice(name string, account *keys.Account) *keys.Device {
	d.t.Helper()
	device, err := keys.NewDevice(rand.Reader, testHost().Realm(), name, account)
	if err != nil {
		d.t.Fatal(err)
	}
	return device
}

// shown is a device as the log shows it.
func shown(d *keys.Device) wire.Device { return wire.Device{Keys: d.Public(), Name: "of a test"} }

func (d *defaultWorld) register(w *world, name string) {
	d.t.Helper()
	p := d.draw(name)
	d.keep(p)
	registrar, err := channel.NewRegistrar(testHost())
	if err != nil {
		d.t.Fatal(err)
	}
	record, err := registrar.Register(rand.Reader, name, []byte(name), p.account, time.Now(), keys.WeakForTests)
	if err != nil {
		d.t.Fatal(err)
	}
	book, err := ledger.Open(d.t.Context(), w.store, testHost(), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := book.Enter(d.t.Context(), time.Now(), ledger.Change{Entry: p.last.Bytes(), Record: record}); err != nil {
		d.t.Fatal(err)
	}
}

// keep makes the world know a person.
func (d *defaultWorld) keep(p *person) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.people[keys.Fold(p.name)] = p
}

func (d *defaultWorld) person(name string) *person {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.people[keys.Fold(name)]
}

// login is one with the user's device.
func (d *defaultWorld) login(w *world, name string) login {
	return d.as(channel.ClientConfig{User: name, Device: d.person(name).device})
}

func (d *defaultWorld) byPassword(w *world, name, password string) login {
	return d.as(channel.ClientConfig{User: name, Password: []byte(password)})
}

// as is a login of whatever kind.
func (d *defaultWorld) as(cfg channel.ClientConfig) *defaultLogin {
	d.t.Helper()
	server := testHost().Key()
	cfg.Random, cfg.Server, cfg.Stretch = rand.Reader, &server, keys.WeakForTests
	client, err := channel.NewClient(cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	return &defaultLogin{Client: client, invitation: cfg.Invitation}
}

// A defaultLogin is a login of the default tier.
type defaultLogin struct {
	*channel.Client
	invitation *wire.Invitation // if it is with one
	b6         *wire.B6
}

func (l *defaultLogin) open(frame []byte) (err error) {
	l.b6, err = l.OpenB6(frame)
	return err
}

// b6 returns what the session began with.
func (v *visitor) b6() *wire.B6 { return v.login.(*defaultLogin).b6 }

// aDefaultWorld is a world of the default tier, and its tier.
func aDefaultWorld(t testing.TB, l Limits, more ...string) (*world, *defaultWorld) {
	w := newWorld(t, l, more...)
	return w, w.tier.(*defaultWorld)
}

// visit logs somebody in and opens the control stream of a session that may not begin.
func (w *world) visit(name string, l login) *visitor {
	w.t.Helper()
	v, err := w.dial(name, l)
	if err != nil {
		w.t.Fatalf("login of %s: %v", name, err)
	}
	v.attach(0)
	return v
}

// publish asks to append an entry.
func (v *visitor) publish(e *directory.Entry) (wire.TreeHead, error) {
	v.t.Helper()
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypePublish, Publish: wire.PublishRequest{Entry: *e.Signed()}})
	if err != nil {
		return wire.TreeHead{}, err
	}
	return reply.Publish.Head, nil
}

func (v *visitor) leaves(from uint64) *wire.LeavesReply {
	v.t.Helper()
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypeLeaves, Leaves: wire.LeavesRequest{From: from}})
	if err != nil {
		v.t.Fatal(err)
	}
	return &reply.Leaves
}

// checkHead wants a head to be signed by the server.
func checkHead(t testing.TB, head *wire.TreeHead) {
	t.Helper()
	server := testHost().Key()
	if err := directory.VerifyHead(&server, head); err != nil {
		t.Errorf("head of %d leaves: %v", head.Leaves, err)
	}
}
