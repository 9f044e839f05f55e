package server

import (
	"context"
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
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(floodVariable) != "" {
		if err := new(flood).run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
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

// A world is a server of either tier on a loopback socket, with its state in a
// folder.
type world struct {
	t      testing.TB
	tier   tierOf
	dir    string
	store  *store.Store
	wrap   func(store.Engine) store.Engine // what stands before the store, may be nil
	limits Limits
	ahead  atomic.Int64 // how much the server's clock is ahead

	srv   *Server
	dress func(net.PacketConn) net.PacketConn // what stands before the socket, may be nil
	addr  netip.AddrPort
	stop  context.CancelFunc
	done  chan error
}

// A tierOf is what a world needs to know of its tier.
type tierOf interface {
	// keys fills in the server's keys.
	keys(*Config)
	// register makes a user whose password is his name.
	register(w *world, name string)
	// login is how a user usually logs in.
	login(w *world, name string) login
	// byPassword is a login with some password.
	byPassword(w *world, name, password string) login
}

// A login is a client's side of one.
type login interface {
	transport.Initiator
	// open takes the first frame of the session.
	open(frame []byte) error
	Clear()
}

// newWorld starts a server of the default tier with the users Alice and Bob and
// those named.
func newWorld(t testing.TB, l Limits, more ...string) *world {
	t.Helper()
	return startWorld(t, newDefaultWorld(t), l, more...)
}

func newClassicWorld(t testing.TB, l Limits, more ...string) *world {
	t.Helper()
	return startWorld(t, classicWorld{t}, l, more...)
}

func startWorld(t testing.TB, tier tierOf, l Limits, more ...string) *world {
	t.Helper()
	w := &world{t: t, tier: tier, dir: t.TempDir() + "/state", limits: l, addr: netip.MustParseAddrPort("127.0.0.1:0")}
	w.open()
	for _, name := range append([]string{"Alice", "Bob"}, more...) {
		w.register(name)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

// eachTier runs a test with a world of each tier.
func eachTier(t *testing.T, l Limits, test func(t *testing.T, w *world)) {
	t.Run("default", func(t *testing.T) { test(t, newWorld(t, l)) })
	t.Run("classic", func(t *testing.T) { test(t, newClassicWorld(t, l)) })
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.dir); err != nil {
		w.t.Fatal(err)
	}
}

// register makes a user while the server stands still.
func (w *world) register(name string) {
	w.t.Helper()
	w.tier.register(w, name)
}

// start serves, on the address of the last time.
func (w *world) start() {
	w.t.Helper()
	sock, err := net.ListenPacket("udp4", w.addr.String())
	if err != nil {
		w.t.Fatal(err)
	}
	if w.dress != nil {
		sock = w.dress(sock)
	}
	cfg := Config{
		Engine: w.store,
		Socket: sock,
		Clock:  func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
		Limits: w.limits,
	}
	if w.wrap != nil {
		cfg.Engine = w.wrap(cfg.Engine)
	}
	w.tier.keys(&cfg)
	if w.srv, err = New(w.t.Context(), cfg); err != nil {
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
	login    login
	endpoint *transport.Endpoint
	conn     *transport.Conn
	control  *transport.Stream
	signals  *chat.Writer
	pushes   chan *wire.Push // closed at the end of the conn
}

// dial logs in and opens no stream.
func (w *world) dial(name string, l login) (*visitor, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	sock, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	endpoint, err := transport.NewEndpoint(sock, transport.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { endpoint.Close() })
	conn, err := endpoint.Dial(ctx, w.addr, l)
	if err != nil {
		return nil, err
	}
	return &visitor{t: w.t, name: name, login: l, endpoint: endpoint, conn: conn}, nil
}

// mustDial logs a user in and opens no stream.
func (w *world) mustDial(name string) *visitor {
	w.t.Helper()
	v, err := w.dial(name, w.tier.login(w, name))
	if err != nil {
		w.t.Fatalf("login of %s: %v", name, err)
	}
	return v
}

// enter logs a user in and begins a session that has everything up to a position
// of the mailbox.
func (w *world) enter(name string, upTo uint64) *visitor {
	w.t.Helper()
	v := w.mustDial(name)
	<-v.attach(upTo)
	return v
}

// attach opens the control stream. began is closed by the first push, which says
// that others see the session.
func (v *visitor) attach(upTo uint64) (began <-chan struct{}) {
	v.t.Helper()
	var err error
	if v.control, err = v.conn.OpenStream(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
	v.signals = chat.NewWriter(v.control)
	v.ack(upTo)
	r := chat.NewReader(v.control, chat.MaxPush)
	v.control.SetReadDeadline(time.Now().Add(patience))
	frame, err := r.Frame()
	if err == nil {
		err = v.login.open(frame)
	}
	if err != nil {
		v.t.Fatalf("the first frame for %s: %v", v.name, err)
	}
	v.control.SetReadDeadline(time.Time{})
	v.pushes = make(chan *wire.Push, 1000)
	first := make(chan struct{})
	go func() {
		defer close(v.pushes)
		for once := sync.OnceFunc(func() { close(first) }); ; {
			p := new(wire.Push)
			err := r.Item(p)
			once()
			if err != nil {
				return
			}
			v.pushes <- p
		}
	}()
	return first
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
