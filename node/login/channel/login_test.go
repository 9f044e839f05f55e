package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// The whole login, of each kind: both sides end with the same keys, the server knows
// who it is and what he may do, and B6 brings the head of the log.
func TestLogin(t *testing.T) {
	for kind, c := range newWorld(t).kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			w := newWorld(t)
			c = w.kinds()[kind]
			run, b5, mine := w.toB5(c)
			if run.Peer() != nil {
				t.Error("there is a peer before B5")
			}
			w.ends(run, b5, mine)
			peer := run.Peer().(*Peer)
			want := Peer{User: "Alice", Scope: wire.SessionScopeFull, Session: peer.Session, TreeSize: 7}
			switch kind {
			case wire.LoginKindAnonymous:
				want = Peer{Scope: wire.SessionScopeRegister, Session: peer.Session, TreeSize: 7, Invitation: c.cfg.Invitation}
				if *peer.Invitation != *c.cfg.Invitation {
					t.Error("another invitation has arrived")
				}
				want.Invitation = peer.Invitation
			case wire.LoginKindDevice:
				want.Device = w.member["alice"].device.Id()
			case wire.LoginKindPassword:
				device := c.Device().Public()
				want.Device, want.DeviceKeys, want.Scope = c.Device().Id(), peer.DeviceKeys, wire.SessionScopeEnrol
				want.Record = w.users["alice"].Record
				if *peer.DeviceKeys != device {
					t.Error("another device is to be enrolled")
				}
				if c.Account().Id() != w.member["alice"].account.Id() {
					t.Error("the password has unlocked another account")
				}
			}
			if *peer != want {
				t.Errorf("peer = %+v, want %+v", peer, want)
			}
			head, tree := &wire.TreeHead{Leaves: 9, Root: wire.Hash{9}}, &wire.TreeProof{Hashes: []wire.Hash{{8}}}
			b6, err := peer.B6(w.now, head, tree)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.OpenB6(b6)
			if err != nil {
				t.Fatal(err)
			}
			if got.Scope != want.Scope || got.Head != *head || len(got.Proof.Hashes) != 1 || got.NowMs != uint64(w.now.UnixMilli()) {
				t.Errorf("B6 = %v", got)
			}
			if _, err := c.OpenB6(b6); err != ErrServer {
				t.Errorf("B6 a second time: %v", err)
			}
		})
	}
}

// A password login from a device that the log shows may do all that the device may.
func TestPasswordLoginOfAKnownDevice(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.User, cfg.Password, cfg.Device = "aLiCe", []byte("Alice"), w.member["alice"].device
	if peer := w.login(w.client(cfg)); peer.Scope != wire.SessionScopeFull || peer.Device != cfg.Device.Id() || peer.User != "Alice" {
		t.Errorf("peer = %+v", peer)
	}
}

// B6 that isn't of this session, or gives what the login can't lead to.
func TestOpenB6RefusesWhatTheServerMustNotSay(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	if _, err := c.OpenB6(nil); err != ErrServer {
		t.Errorf("before the login: %v", err)
	}
	peer := w.login(c)
	good := wire.B6{Session: peer.Session, NowMs: 1, Scope: wire.SessionScopeFull}
	for name, change := range map[string]func(b *wire.B6){
		"session":       func(b *wire.B6) { b.Session[0] ^= 1 },
		"time":          func(b *wire.B6) { b.NowMs = 1 << 63 },
		"scope enrol":   func(b *wire.B6) { b.Scope = wire.SessionScopeEnrol },
		"scope unknown": func(b *wire.B6) { b.Scope = wire.SessionScopeRegister },
	} {
		bad := good
		change(&bad)
		if _, err := c.OpenB6(mustEncode(t, &bad)); err != ErrServer {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := mustEncode(t, &good)
	for n := range b {
		if _, err := c.OpenB6(b[:n]); err != ErrServer {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := c.OpenB6(append(bytes.Clone(b), 0)); err != ErrServer {
		t.Errorf("with a byte more: %v", err)
	}
	if _, err := c.OpenB6(b); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		change func(c *ClientConfig)
		want   error
	}{
		"no name":           {func(c *ClientConfig) { c.Password = []byte("x") }, keys.ErrName},
		"a name that isn't": {func(c *ClientConfig) { c.User, c.Password = "a/b", []byte("x") }, keys.ErrName},
		"empty password":    {func(c *ClientConfig) { c.User, c.Password = "a", []byte{} }, keys.ErrBadPassword},
		"long password":     {func(c *ClientConfig) { c.User, c.Password = "a", make([]byte, 129) }, keys.ErrBadPassword},
		"nothing":           {func(c *ClientConfig) { c.User = "a" }, nil},
		"a bad server key":  {func(c *ClientConfig) { c.Server, c.User, c.Password = new(wire.ServerKey), "a", []byte("x") }, nil},
	} {
		cfg := w.config()
		test.change(&cfg)
		_, err := NewClient(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if test.want != nil {
			wants(t, err, test.want)
		}
	}
}

// The server's keys after two rotations, in parts, to one who has pinned the first.
func TestHistory(t *testing.T) {
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pin := host.Id()
	for range 2 {
		if err := host.Rotate(rand.Reader, testNow); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.host = host
	w.restart()
	ask := NewHistoryAsk(rand.Reader)
	if _, err := ask.History(); err == nil {
		t.Error("keys before there was an answer")
	}
	for n := 0; !ask.Done(); n++ {
		if n > 255 {
			t.Fatal("no end")
		}
		first, err := ask.First()
		if err != nil {
			t.Fatal(err)
		}
		verdict, show := w.server.First(w.now, testFrom, first)
		if verdict != Retry || len(show) > 1000 {
			t.Fatalf("verdict = %d with %d bytes", verdict, len(show))
		}
		for at := range show {
			changed := bytes.Clone(show)
			changed[at] ^= 0x80
			if at < 34 {
				if _, _, err := ask.Next(context.Background(), changed); err != ErrDrop {
					t.Fatalf("byte %d changed: %v", at, err)
				}
			}
			if _, _, err := ask.Next(context.Background(), show[:at]); err != ErrDrop {
				t.Fatalf("cut to %d bytes: %v", at, err)
			}
		}
		if _, _, err := ask.Next(context.Background(), show); err != ErrHistoryShown {
			t.Fatal(err)
		}
		if _, _, err := ask.Next(context.Background(), show); err != ErrDrop {
			t.Fatalf("the same part again: %v", err)
		}
	}
	history, err := ask.History()
	if err != nil {
		t.Fatal(err)
	}
	key, changed, err := keys.Follow(history, pin)
	if err != nil || !changed || key != host.Key() {
		t.Errorf("changed = %v, %v", changed, err)
	}
	beyond := mustEncode(t, &wire.HistoryAsk{Part: uint8(ask.parts)})
	if verdict, _ := w.server.First(w.now, testFrom, beyond); verdict != Drop {
		t.Error("a part that doesn't exist is shown")
	}
}

func TestShowsNoSecret(t *testing.T) {
	w := newWorld(t)
	c := w.byPassword("Alice", "hunter2hunter2")
	run, _ := w.toB4(c)
	in := Introduction{Key: [32]byte{0xab, 0xcd, 0xef, 0x99}, Self: "Alice", Peer: "Bob", Expires: testNow.Add(time.Hour)}
	caller, err := NewPeerInitiator(PeerConfig{Random: rand.Reader}, in)
	if err != nil {
		t.Fatal(err)
	}
	registrar, err := NewRegistrar(w.host)
	if err != nil {
		t.Fatal(err)
	}
	registration, _, err := StartRegistration(rand.Reader, w.host.Realm(), "Alice", []byte("hunter2hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	decoy := w.host.Decoy()
	for _, v := range []any{c, run, w.server, in, caller, &PeerRun{in: in}, registrar, registration} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			shown := fmt.Sprintf(verb, v)
			for _, secret := range []string{"hunter2", "abcdef99", "171 205 239", fmt.Sprintf("%x", decoy[:8]), strings.Trim(fmt.Sprint(decoy[:8]), "[]")} {
				if strings.Contains(shown, secret) {
					t.Errorf("%T in %s shows %s", v, verb, shown)
				}
			}
		}
	}
}

// Logins at one server at the same time don't disturb one another.
func TestConcurrentLogins(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 12 {
		kind := []wire.LoginKind{wire.LoginKindDevice, wire.LoginKindPassword, wire.LoginKindAnonymous}[i%3]
		c := w.kinds()[kind]
		b1, err := c.First()
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			_, b2 := w.server.First(w.now, testFrom, b1)
			b3, _, err := c.Next(context.Background(), b2)
			if err != nil {
				t.Error(err)
				return
			}
			run := w.begin()
			b4, _, err := run.Next(w.now, b3)
			if err != nil {
				t.Error(err)
				return
			}
			b5, _, err := c.Next(context.Background(), b4)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err := run.Next(w.now, b5); err != nil || run.Peer() == nil {
				t.Errorf("%v: %v", kind, err)
			}
		})
	}
	all.Wait()
}

// A run that was given up and cleared goes on with nothing.
func TestClearedRunIsOver(t *testing.T) {
	w := newWorld(t)
	for _, c := range []*Client{w.byDevice("Alice", "Alice"), w.byPassword("Alice", "Alice")} {
		run, b4 := w.toB4(c)
		b5, _, err := c.Next(context.Background(), b4)
		if err != nil {
			t.Fatal(err)
		}
		run.Clear()
		w.refuses(run, b5, ReasonOutOfTurn)
	}
}
