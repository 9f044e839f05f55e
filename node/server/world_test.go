package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = leaked()
	}
	os.Exit(code)
}

// leaked reports goroutines of ours that run after all tests.
func leaked() int {
	var stacks []string
	for range 200 {
		buf := make([]byte, 1<<20)
		stacks = stacks[:0]
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "sotto/node/") && !strings.Contains(g, "server.leaked") {
				stacks = append(stacks, g)
			}
		}
		if len(stacks) == 0 {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintf(os.Stderr, "%d goroutines outlive the tests:\n%s\n", len(stacks), strings.Join(stacks, "\n\n"))
	return 1
}

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

// A world is a server on a loopback socket with its state in a folder.
type world struct {
	t      testing.TB
	dir    string
	store  *store.Store
	wrap   func(store.Engine) store.Engine // what stands before the store, may be nil
	limits Limits
	ahead  atomic.Int64 // how much the server's clock is ahead

	srv  *Server
	sock net.PacketConn
	addr netip.AddrPort
	stop context.CancelFunc
	done chan error
}

// newWorld starts a server with the users Alice and Bob and those named.
func newWorld(t testing.TB, l Limits, more ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir() + "/state", limits: l, addr: netip.MustParseAddrPort("127.0.0.1:0")}
	w.open()
	for _, name := range append([]string{"Alice", "Bob"}, more...) {
		w.register(name)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.dir); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) register(name string) {
	w.t.Helper()
	rec, err := classic.NewRecord(rand.Reader, identity(w.t, name), name, []byte(name), time.Now(), keys.WeakForTests)
	if err != nil {
		w.t.Fatal(err)
	}
	put := &store.PutUser{Name: name}
	if put.Record, err = rec.MarshalBinary(); err != nil {
		w.t.Fatal(err)
	}
	rand.Read(put.Mailbox[:])
	if _, err := w.store.Do(w.t.Context(), store.Op{At: time.Now().UnixMilli(), PutUser: put}); err != nil {
		w.t.Fatal(err)
	}
}

// start serves, on the address of the last time.
func (w *world) start() {
	w.t.Helper()
	sock, err := net.ListenPacket("udp4", w.addr.String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.sock = sock
	var engine store.Engine = w.store
	if w.wrap != nil {
		engine = w.wrap(engine)
	}
	w.srv, err = New(w.t.Context(), Config{
		Engine: engine,
		Keys:   &keys.ServerFile{Identity: identity(w.t, "the server"), Secret: [32]byte{1}},
		Socket: sock,
		Clock:  func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
		Limits: w.limits,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = w.srv.Addr()
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.done = stop, make(chan error, 1)
	go func() { w.done <- w.srv.Serve(ctx) }()
}

// halt stops the server in the orderly way.
func (w *world) halt() {
	w.t.Helper()
	if w.stop == nil {
		return
	}
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Error(err)
	}
	w.stop = nil
}

func (w *world) close() {
	w.halt()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// A visitor is a client with no more in it than these tests need.
type visitor struct {
	t        testing.TB
	name     string
	endpoint *transport.Endpoint
	conn     *transport.Conn
	control  *transport.Stream
	signals  *chat.Writer
	manifest *wire.SignedManifest
	pushes   chan *wire.Push // closed at the end of the conn
}

// dial logs in and opens no stream.
func (w *world) dial(name, password string) (*visitor, *classic.Client, error) {
	w.t.Helper()
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	endpoint, err := transport.NewEndpoint(sock, transport.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { endpoint.Close() })
	login, err := classic.NewClient(classic.ClientConfig{
		Random: rand.Reader, Server: identity(w.t, "the server").Public(),
		User: name, Password: []byte(password), Stretch: keys.WeakForTests,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	conn, err := endpoint.Dial(ctx, w.addr, login)
	if err != nil {
		return nil, nil, err
	}
	return &visitor{t: w.t, name: name, endpoint: endpoint, conn: conn}, login, nil
}

// enter logs in with the name as the password and begins a session that has
// everything up to a position of the mailbox.
func (w *world) enter(name string, upTo uint64) *visitor {
	w.t.Helper()
	v, login, err := w.dial(name, strings.ToUpper(name[:1])+name[1:])
	if err != nil {
		w.t.Fatalf("login of %s: %v", name, err)
	}
	if v.control, err = v.conn.OpenStream(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	v.signals = chat.NewWriter(v.control)
	v.ack(upTo)
	r := chat.NewReader(v.control, chat.MaxPush)
	v.control.SetReadDeadline(time.Now().Add(patience))
	m6, err := r.Frame()
	if err != nil {
		w.t.Fatalf("M6 of %s: %v", name, err)
	}
	if _, v.manifest, err = login.OpenM6(m6); err != nil {
		w.t.Fatalf("M6 of %s: %v", name, err)
	}
	v.control.SetReadDeadline(time.Time{})
	v.pushes = make(chan *wire.Push, 1000)
	began := make(chan struct{}) // the first push says that others see the session
	go func() {
		defer close(v.pushes)
		for first := true; ; first = false {
			p := new(wire.Push)
			err := r.Item(p)
			if first {
				close(began)
			}
			if err != nil {
				return
			}
			v.pushes <- p
		}
	}()
	<-began
	return v
}

func (v *visitor) ack(upTo uint64) {
	v.t.Helper()
	err := v.signals.Item(&wire.Signal{Type: wire.SignalTypeAck, Ack: wire.MailboxAck{UpTo: upTo}})
	if err != nil {
		v.t.Errorf("ack of %s: %v", v.name, err)
	}
}

// next waits for the next push of a type and drops others.
func (v *visitor) next(want wire.PushType) *wire.Push {
	v.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case p, ok := <-v.pushes:
			if !ok {
				v.t.Fatalf("%s: the session ended before a push %v: %v", v.name, want, v.conn.Err())
			}
			if p.Type == want {
				return p
			}
		case <-timeout:
			v.t.Fatalf("%s: no push %v within %v", v.name, want, patience)
		}
	}
}

// ask makes a request.
func (v *visitor) ask(req *wire.Request) (*wire.Reply, error) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return chat.Ask(ctx, v.conn, req)
}

// send sends text that only looks like an envelope: the server can't tell.
func (v *visitor) send(to string, id byte, text string) (*wire.SendReply, error) {
	v.t.Helper()
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypeSend, Send: wire.SendRequest{
		To: to, Id: wire.MessageId{id}, Envelope: []byte(text),
	}})
	if err != nil {
		return nil, err
	}
	return &reply.Send, nil
}

// mustSend sends and wants a state.
func (v *visitor) mustSend(to string, id byte, text string, want wire.SendState) {
	v.t.Helper()
	reply, err := v.send(to, id, text)
	if err != nil {
		v.t.Fatalf("%s sends to %s: %v", v.name, to, err)
	}
	if reply.State != want {
		v.t.Fatalf("%s sends to %s: %v, want %v", v.name, to, reply.State, want)
	}
}

// delivered wants the next envelope to be text, and returns its position.
func (v *visitor) delivered(text string) uint64 {
	v.t.Helper()
	p := v.next(wire.PushTypeDeliver)
	if got := string(p.Deliver.Envelope); got != text {
		v.t.Fatalf("%s got %.40q, want %.40q", v.name, got, text)
	}
	return p.Deliver.Seq
}

// ended waits for the end of the conn and returns the server's code.
func (v *visitor) ended() wire.CloseCode {
	v.t.Helper()
	select {
	case <-v.conn.Done():
	case <-time.After(patience):
		v.t.Fatalf("%s: the conn has not ended within %v", v.name, patience)
	}
	var closed *transport.PeerClosed
	if !errors.As(v.conn.Err(), &closed) {
		v.t.Fatalf("%s: the conn ended with %v, want the peer's close", v.name, v.conn.Err())
	}
	return wire.CloseCode(closed.Code)
}

// leave closes the conn without a word and waits until the server knows.
func (v *visitor) leave() {
	v.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
}

// online returns the list as "Alice+ Bob-".
func (v *visitor) online() string {
	v.t.Helper()
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypeList})
	if err != nil {
		v.t.Fatal(err)
	}
	var s []string
	for _, u := range reply.List.Users {
		s = append(s, u.Name+map[wire.Online]string{wire.OnlineOffline: "-", wire.OnlineOnline: "+"}[u.Online])
	}
	return strings.Join(s, " ")
}

// eventually waits until what the server counts under a name is at least n.
func (w *world) eventually(name string, n uint64) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if w.srv.Counters()[name] >= n {
			return
		}
	}
	w.t.Fatalf("%q was not counted %d times: %v", name, n, w.srv.Counters())
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
