package classic

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

// Key pairs are made once for all tests: Go draws them from the system, so they
// differ from run to run and nothing may depend on which they are.
var testKeys = sync.OnceValue(func() map[string]*keys.Identity {
	all := make(map[string]*keys.Identity)
	for _, name := range []string{"server", "alice", "bob", "eve"} {
		identity, err := keys.Generate(rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = identity
	}
	return all
})

var (
	testNow  = time.UnixMilli(1_800_000_000_123)
	testFrom = netip.MustParseAddrPort("192.0.2.7:4242")
	testConn = [32]byte{1, 2, 3}
)

// A world is a server with its users in memory, and all it needs to be attacked.
type world struct {
	t      testing.TB
	now    time.Time
	server *Server
	id     *keys.Identity
	users  map[string]*wire.Record
	marks  map[[32]byte]time.Time
	counts map[Reason]int
	mu     sync.Mutex
}

func (w *world) Record(folded string) (*wire.Record, error) { return w.users[folded], nil }

func (w *world) Mark(now time.Time, key [32]byte, expires time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.marks[key]; ok {
		return false, nil
	}
	w.marks[key] = expires
	return true, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, now: testNow, id: testKeys()["server"],
		users:  make(map[string]*wire.Record),
		marks:  make(map[[32]byte]time.Time),
		counts: make(map[Reason]int),
	}
	for _, name := range []string{"Alice", "Bob"} {
		record, err := NewRecord(rand.Reader, testKeys()[keys.Fold(name)], name, []byte(name), testNow, keys.WeakForTests)
		if err != nil {
			t.Fatal(err)
		}
		w.users[keys.Fold(name)] = record
	}
	w.restart()
	return w
}

// restart makes a new server on the same state.
func (w *world) restart() {
	var err error
	w.server, err = NewServer(ServerConfig{
		Random: rand.Reader, Identity: w.id, Secret: [32]byte{7}, Users: w, Marks: w,
		Count: func(r Reason) { w.mu.Lock(); w.counts[r]++; w.mu.Unlock() },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server.challenges.D = 1 // 256 hashes; what is tested is the same
}

func (w *world) client(user, password string) *Client {
	w.t.Helper()
	c, err := NewClient(ClientConfig{
		Random: rand.Reader, Server: w.id.Public(), User: user, Password: []byte(password), Stretch: keys.WeakForTests,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	c.Bind(testConn)
	return c
}

// m2 brings a client's message 1 to the server.
func (w *world) m2(c *Client) []byte {
	w.t.Helper()
	m1, err := c.First()
	if err != nil {
		w.t.Fatal(err)
	}
	verdict, m2 := w.server.First(w.now, testFrom, m1)
	if verdict != Retry {
		w.t.Fatalf("verdict on message 1 = %d, want Retry", verdict)
	}
	return m2
}

func (w *world) m3(c *Client) []byte {
	w.t.Helper()
	m3, _, err := c.Next(context.Background(), w.m2(c))
	if err != nil {
		w.t.Fatal(err)
	}
	return m3
}

func (w *world) begin() *Run { return w.server.Begin(w.now, testFrom, testConn) }

// toM4 plays a login up to message 4.
func (w *world) toM4(c *Client) (run *Run, m4 []byte) {
	w.t.Helper()
	msg := w.m3(c)
	run = w.begin()
	for range maxRounds {
		reply, _, err := run.Next(w.now, msg)
		if err != nil {
			w.t.Fatalf("message 3: %v (%v)", err, w.counts)
		}
		if run.state == runWantsM5 {
			return run, reply
		}
		if msg, _, err = c.Next(context.Background(), reply); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("the server asks for more and more work")
	return nil, nil
}

// toM5 plays a login up to message 5.
func (w *world) toM5(c *Client) (run *Run, m5 []byte, s *session.Secrets) {
	w.t.Helper()
	run, m4 := w.toM4(c)
	m5, s, err := c.Next(context.Background(), m4)
	if err != nil {
		w.t.Fatal(err)
	}
	return run, m5, s
}

// drops checks that the server refuses a message 3 in silence and counts why.
func (w *world) drops(msg []byte, want Reason) {
	w.t.Helper()
	run := w.begin()
	w.refuses(run, msg, want)
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

// A draft is a message 3 that a test builds by hand.
type draft struct {
	wire.M3
	c1   wire.C1
	conn [32]byte
}

// draft solves the server's challenge for Alice without sealing anything yet.
func (w *world) draft() *draft {
	w.t.Helper()
	var m2 wire.M2
	if err := m2.UnmarshalBinary(w.m2(w.client("Alice", "Alice"))); err != nil {
		w.t.Fatal(err)
	}
	d := &draft{c1: m2.Body, conn: testConn}
	d.M3 = wire.M3{User: "Alice", ClientNonce: [32]byte{3}, C1: m2, ReplyKey: [32]byte{byte(len(w.marks)), 4}}
	d.solve(w)
	return d
}

func (d *draft) puzzle(w *world) *puzzle.Puzzle { return d.puzzleOf(w, &d.C1.Body) }

func (d *draft) puzzleOf(w *world, c1 *wire.C1) *puzzle.Puzzle {
	w.t.Helper()
	p, err := newPuzzle(c1, &wire.PuzzleBind{
		N1: d.C1.Body.N1, Conn: d.conn, ClientNonce: d.ClientNonce, ReplyKey: d.ReplyKey, User: d.User,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (d *draft) solve(w *world) {
	w.t.Helper()
	var err error
	if d.Xs, err = d.puzzle(w).Solve(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// sign puts a C1 into the draft and solves it.
func (d *draft) sign(w *world, by *keys.Identity, l keys.Label, c1 wire.C1) *draft {
	w.t.Helper()
	d.C1 = signC1(w.t, by, l, c1)
	d.solve(w)
	return d
}

func (d *draft) seal(w *world) []byte {
	w.t.Helper()
	return sealTo(w.t, w.id.Public(), labelM3, &d.M3)
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

func sealTo(t testing.TB, to *keys.PublicKey, l keys.Label, m marshaler) []byte {
	t.Helper()
	sealed, err := to.Seal(rand.Reader, l, mustEncode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return mustEncode(t, sealed)
}

func sign(t testing.TB, by *keys.Identity, l keys.Label, m marshaler) wire.Signature {
	t.Helper()
	sig, err := by.Sign(rand.Reader, l, mustEncode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func signC1(t testing.TB, by *keys.Identity, l keys.Label, c1 wire.C1) wire.M2 {
	t.Helper()
	return wire.M2{Body: c1, Sig: sign(t, by, l, &c1)}
}

// wants checks an error against the one that errors.Is should find.
func wants(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error = %v, want %v", got, want)
	}
}
