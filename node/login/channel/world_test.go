package channel

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

var (
	testNow  = time.UnixMilli(1_800_000_000_123)
	testFrom = netip.MustParseAddrPort("192.0.2.7:4242")
	testConn = [32]byte{1, 2, 3}
)

// A member is a user as his own client knows him.
type member struct {
	account *keys.Account
	device  *keys.Device
}

// A world is a server with its users in memory, and all it needs to be attacked.
type world struct {
	t      testing.TB
	now    time.Time
	host   *keys.Host
	server *Server
	users  map[string]*Account // by name in lower case
	member map[string]*member  // by the same
	counts map[Reason]int
	mu     sync.Mutex
}

func (w *world) Account(folded string) (*Account, error) { return w.users[folded], nil }

// hosts are made once: nothing may depend on which they are.
var hosts = sync.OnceValue(func() map[string]*keys.Host {
	all := make(map[string]*keys.Host)
	for _, name := range []string{"server", "other"} {
		h, err := keys.NewHost(rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = h
	}
	return all
})

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, now: testNow, host: hosts()["server"],
		users:  make(map[string]*Account),
		member: make(map[string]*member),
		counts: make(map[Reason]int),
	}
	for _, name := range []string{"Alice", "Bob"} {
		w.join(name, name)
	}
	w.restart()
	return w
}

// join makes an account with one device.
func (w *world) join(name, password string) {
	w.t.Helper()
	registrar, err := NewRegistrar(w.host)
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := keys.NewAccount(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	device, err := keys.NewDevice(rand.Reader, w.host.Realm(), name, account)
	if err != nil {
		w.t.Fatal(err)
	}
	record, err := registrar.Register(rand.Reader, name, []byte(password), account, w.now, keys.WeakForTests)
	if err != nil {
		w.t.Fatal(err)
	}
	folded := keys.Fold(name)
	w.users[folded] = &Account{
		Record: record, Sign: account.Signer.Public(),
		Devices: map[wire.KeyId]wire.VerifyKey{device.Id(): device.Signer.Public()},
	}
	w.member[folded] = &member{account, device}
}

// restart makes a new server on the same state.
func (w *world) restart() {
	w.t.Helper()
	var err error
	w.server, err = NewServer(ServerConfig{
		Random: rand.Reader, Host: w.host, Accounts: w,
		Count: func(r Reason) { w.mu.Lock(); w.counts[r]++; w.mu.Unlock() },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server.challenges.D = 1 // 256 hashes; what is tested is the same
}

func (w *world) config() ClientConfig {
	server := w.host.Key()
	return ClientConfig{Random: rand.Reader, Server: &server, Stretch: keys.WeakForTests, TreeSize: 7}
}

func (w *world) client(cfg ClientConfig) *Client {
	w.t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Bind(testConn)
	return c
}

// byDevice is a login with the device of a user, who may go by another name here.
func (w *world) byDevice(of, user string) *Client {
	w.t.Helper()
	cfg := w.config()
	cfg.User, cfg.Device = user, w.member[keys.Fold(of)].device
	return w.client(cfg)
}

func (w *world) byPassword(user, password string) *Client {
	w.t.Helper()
	cfg := w.config()
	cfg.User, cfg.Password = user, []byte(password)
	return w.client(cfg)
}

func (w *world) byInvitation() *Client {
	w.t.Helper()
	in, err := w.host.Invite(rand.Reader, w.now.Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := w.config()
	cfg.Invitation = &in
	return w.client(cfg)
}

// kinds are a good login of each kind.
func (w *world) kinds() map[wire.LoginKind]*Client {
	w.t.Helper()
	return map[wire.LoginKind]*Client{
		wire.LoginKindDevice:    w.byDevice("Alice", "Alice"),
		wire.LoginKindPassword:  w.byPassword("Alice", "Alice"),
		wire.LoginKindAnonymous: w.byInvitation(),
	}
}

// b2 brings a client's B1 to the server.
func (w *world) b2(c *Client) []byte {
	w.t.Helper()
	b1, err := c.First()
	if err != nil {
		w.t.Fatal(err)
	}
	verdict, b2 := w.server.First(w.now, testFrom, b1)
	if verdict != Retry {
		w.t.Fatalf("verdict on B1 = %d, want Retry", verdict)
	}
	return b2
}

func (w *world) b3(c *Client) []byte {
	w.t.Helper()
	return w.next(c, w.b2(c))
}

// next gives a client a message that it answers.
func (w *world) next(c *Client, msg []byte) []byte {
	w.t.Helper()
	reply, _, err := c.Next(context.Background(), msg)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply
}

func (w *world) begin() *Run { return w.server.Begin(w.now, testFrom, testConn) }

// toB4 plays a login up to B4.
func (w *world) toB4(c *Client) (run *Run, b4 []byte) {
	w.t.Helper()
	msg := w.b3(c)
	run = w.begin()
	for range maxRounds {
		reply, _, err := run.Next(w.now, msg)
		if err != nil {
			w.t.Fatalf("B3: %v (%v)", err, w.counts)
		}
		if run.state == runWantsB5 {
			return run, reply
		}
		msg = w.next(c, reply)
	}
	w.t.Fatal("the server asks for more and more work")
	return nil, nil
}

// toB5 plays a login up to B5.
func (w *world) toB5(c *Client) (run *Run, b5 []byte, s *session.Secrets) {
	w.t.Helper()
	run, b4 := w.toB4(c)
	b5, s, err := c.Next(context.Background(), b4)
	if err != nil {
		w.t.Fatal(err)
	}
	return run, b5, s
}

// login plays a whole login.
func (w *world) login(c *Client) *Peer {
	w.t.Helper()
	run, b5, mine := w.toB5(c)
	w.ends(run, b5, mine)
	return run.Peer().(*Peer)
}

// ends checks that B5 ends a run well.
func (w *world) ends(run *Run, b5 []byte, mine *session.Secrets) {
	w.t.Helper()
	_, theirs, err := run.Next(w.now, b5)
	if err != nil {
		w.t.Fatalf("B5: %v (%v)", err, w.counts)
	}
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send || mine.Send == mine.Receive {
		w.t.Error("the two sides derived different secrets")
	}
}

// drops checks that a new run refuses a B3 in silence and counts why.
func (w *world) drops(b3 []byte, want Reason) {
	w.t.Helper()
	w.refuses(w.begin(), b3, want)
}

func (w *world) refuses(run *Run, msg []byte, want Reason) {
	w.t.Helper()
	before := w.counts[want]
	reply, secrets, err := run.Next(w.now, msg)
	if err == nil || reply != nil || secrets != nil {
		w.t.Fatalf("reply of %d bytes, secrets %v, error %v; want a refusal: %v", len(reply), secrets != nil, err, want)
	}
	if err.Error() != errRefused.Error() {
		w.t.Errorf("error = %q, want the uniform %q", err, errRefused)
	}
	if w.counts[want] != before+1 {
		w.t.Errorf("counted %v, want one more %q", w.counts, want)
	}
	if run.Peer() != nil {
		w.t.Error("a refused run has a peer")
	}
}

// ignores checks that a client drops a message.
func ignores(t testing.TB, c *Client, what string, msg []byte) {
	t.Helper()
	reply, secrets, err := c.Next(context.Background(), msg)
	if !errors.Is(err, ErrDrop) || reply != nil || secrets != nil {
		t.Fatalf("%s: reply of %d bytes, secrets %v, error %v, want ErrDrop", what, len(reply), secrets != nil, err)
	}
}

type marshaler interface{ MarshalBinary() ([]byte, error) }

func mustEncode(t testing.TB, m marshaler) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustDecode(t testing.TB, b []byte, m interface{ UnmarshalBinary([]byte) error }) {
	t.Helper()
	if err := m.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
}

// wants checks an error against the one that errors.Is should find.
func wants(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error = %v, want %v", got, want)
	}
}
