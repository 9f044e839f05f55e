package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/server"
	"sotto/node/store"
)

// patience is how long a test waits for anything.
const patience = 30 * time.Second

// identities are made once for all tests: RSA keys are slow to make. Their
// users are Alice, Bob, Charlie and Eve; "" is the server, and "new" a key
// that nobody knows.
var identities = sync.OnceValue(func() map[string]*keys.Identity {
	all := make(map[string]*keys.Identity)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range []string{"", "Alice", "Bob", "Charlie", "Eve", "new"} {
		wg.Go(func() {
			id, err := keys.Generate(rand.Reader)
			if err != nil {
				panic(err)
			}
			mu.Lock()
			all[name] = id
			mu.Unlock()
		})
	}
	wg.Wait()
	return all
})

// A world is a server in this process, on a real socket, and the folders of
// its users.
type world struct {
	t      testing.TB
	dir    string
	engine *store.Store
	secret [32]byte
	key    *keys.Identity // the server's, in the classic tier
	host   *keys.Host     // the same in the default tier; nil in the other one
	users  map[string]*keys.Identity
	addr   netip.AddrPort
	stop   context.CancelFunc
	done   chan error
}

// inBothTiers runs a test in the classic and in the default tier.
func inBothTiers(t *testing.T, test func(*testing.T, *world)) {
	t.Run("classic", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("default", func(t *testing.T) { test(t, newDefaultWorld(t)) })
}

// newWorld starts a server of the classic tier with the users Alice, Bob, Charlie and Eve, whose
// passwords are their names.
func newWorld(t testing.TB) *world {
	t.Helper()
	ids := identities()
	w := &world{t: t, dir: t.TempDir(), key: ids[""], addr: netip.MustParseAddrPort("127.0.0.1:0"), users: map[string]*keys.Identity{}}
	w.openStore()
	for _, name := range []string{"Alice", "Bob", "Charlie", "Eve"} {
		w.register(name, ids[name])
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

func (w *world) openStore() {
	w.t.Helper()
	var err error
	if w.engine, err = store.Open(filepath.Join(w.dir, "server")); err != nil {
		w.t.Fatal(err)
	}
}

// register makes a user, or gives him another key.
func (w *world) register(name string, id *keys.Identity) {
	w.t.Helper()
	rec, err := classic.NewRecord(rand.Reader, id, name, []byte(name), time.Now(), keys.WeakForTests)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := rec.MarshalBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	put := &store.PutUser{Name: name, Record: b}
	if old, err := w.engine.User(w.t.Context(), name); err == nil {
		put.OldRev, put.Mailbox = old.Rev, old.Mailbox
	} else {
		rand.Read(put.Mailbox[:])
	}
	if _, err := w.engine.Do(w.t.Context(), store.Op{At: time.Now().UnixMilli(), PutUser: put}); err != nil {
		w.t.Fatal(err)
	}
	w.users[name] = id
}

// start starts the server, on the address that it had before.
func (w *world) start() {
	w.t.Helper()
	sock, err := net.ListenPacket("udp", w.addr.String())
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := server.Config{Engine: w.engine, Host: w.host, Socket: sock}
	if w.host == nil {
		cfg.Keys = &keys.ServerFile{Identity: w.key, Secret: w.secret}
	}
	srv, err := server.New(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = srv.Addr()
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.done = stop, make(chan error, 1)
	go func() { w.done <- srv.Serve(ctx) }()
}

// halt stops the server; start starts it again.
func (w *world) halt() {
	w.t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Error(err)
	}
}

func (w *world) close() {
	w.halt()
	if err := w.engine.Close(); err != nil {
		w.t.Error(err)
	}
}

// A person is a client in a test, and everything it has said.
type person struct {
	t       testing.TB
	name    string
	profile *profile.Profile
	*client.Client

	mu     sync.Mutex
	events []client.Event
	more   chan struct{}
	ended  chan struct{}
	gone   bool
}

// serverKey is what clients know of the server.
func (w *world) serverKey() *client.ServerKey {
	if w.host == nil {
		return client.NewClassicServerKey(w.key.Public())
	}
	key := w.host.Key()
	return client.NewServerKey(&key)
}

// open opens a user's profile and logs in with the name as the password. how
// may change the way.
func (w *world) open(name string, how func(*client.Config)) (*person, error) {
	w.t.Helper()
	who, err := w.openAs(name, how)
	if err == nil {
		go who.listen()
	}
	return who, err
}

func (w *world) openAs(name string, how func(*client.Config)) (*person, error) {
	w.t.Helper()
	p, err := profile.Open(profile.Dir(filepath.Join(w.dir, "clients"), name, "server"))
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := client.Config{
		User:      name,
		Password:  []byte(name),
		Servers:   []netip.AddrPort{w.addr},
		ServerKey: w.serverKey(),
		Profile:   p,
		Stretch:   keys.WeakForTests,
	}
	if _, err := p.Device(); err == nil {
		cfg.Password = nil // this device logs in by itself
	}
	if how != nil {
		how(&cfg)
	}
	c, err := client.Open(w.t.Context(), cfg)
	if err != nil {
		p.Close()
		return nil, err
	}
	return &person{t: w.t, name: name, profile: p, Client: c, more: make(chan struct{}), ended: make(chan struct{})}, nil
}

// openDeaf logs in without listening to events.
func (w *world) openDeaf(name string) (*person, error) {
	return w.openAs(name, nil)
}

// newWorldFolder is the same server with other folders for the users.
func newWorldFolder(t testing.TB, w *world) *world {
	other := *w
	other.dir = t.TempDir()
	return &other
}

// enter is open for a login that must succeed. The person leaves when the test
// ends.
func (w *world) enter(name string, how ...func(*client.Config)) *person {
	w.t.Helper()
	who, err := w.open(name, func(cfg *client.Config) {
		for _, f := range how {
			f(cfg)
		}
	})
	if err != nil {
		w.t.Fatalf("%s logs in: %v", name, err)
	}
	w.t.Cleanup(who.leave)
	return who
}

// byServer makes all messages go by the server.
func byServer(cfg *client.Config) { cfg.Relay = true }

// listen collects events and marks messages as shown.
func (p *person) listen() {
	defer close(p.ended)
	for e := range p.Events() {
		if m, ok := e.(client.Message); ok {
			p.Shown(context.Background(), m)
		}
		p.mu.Lock()
		p.events = append(p.events, e)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *person) leave() {
	if p.gone {
		return
	}
	p.gone = true
	if err := errors.Join(p.Client.Close(), p.profile.Close()); err != nil {
		p.t.Errorf("%s leaves: %v", p.name, err)
	}
	<-p.ended
}

// await waits until n events are wanted and gives them.
func await[E client.Event](p *person, what string, n int, want func(E) bool) []E {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		var found []E
		for _, e := range p.events {
			if e, ok := e.(E); ok && want(e) {
				found = append(found, e)
			}
		}
		more, all := p.more, p.events
		p.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-late:
			p.t.Fatalf("%s waits for %s (%d times) in vain. Events:\n%s", p.name, what, n, list(all))
		}
	}
}

func list(events []client.Event) (s string) {
	for _, e := range events {
		s += fmt.Sprintf("  %.200s\n", fmt.Sprintf("%T %+v", e, e))
	}
	return s
}

// gets waits for a text from somebody.
func (p *person) gets(from, text string) client.Message {
	p.t.Helper()
	return await(p, fmt.Sprintf("%.40q from %s", text, from), 1, func(m client.Message) bool { return m.From == from && m.Text == text })[0]
}

// says sends a text, which must be accepted.
func (p *person) says(to, text string) client.MessageID {
	p.t.Helper()
	id, err := p.Send(p.t.Context(), to, text)
	if err != nil {
		p.t.Fatalf("%s sends to %s: %v", p.name, to, err)
	}
	return id
}

// told waits until a message is in a state.
func (p *person) told(id client.MessageID, s client.State) client.StateChanged {
	p.t.Helper()
	return await(p, fmt.Sprintf("message %v %v", id, s), 1, func(e client.StateChanged) bool { return e.ID == id && e.State == s })[0]
}

// count counts the messages with a text that were shown.
func (p *person) count(text string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if m, ok := e.(client.Message); ok && m.Text == text {
			n++
		}
	}
	return n
}

// events are those so far of a kind.
func events[E client.Event](p *person) (found []E) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// forget drops the events so far.
func (p *person) forget() {
	p.mu.Lock()
	p.events = nil
	p.mu.Unlock()
}

// readAll reads every file below a folder.
func readAll(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestMain fails if a goroutine outlives its test.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = leaked()
	}
	os.Exit(code)
}
