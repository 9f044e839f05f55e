package fuzz

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

// A channelWorld is a server with one user, who has one device, and a friend of his. It is
// made once.
type channelWorld struct {
	host    *keys.Host
	key     wire.ServerKey
	account *channel.Account
	device  map[string]*keys.Device // of alice and of bob
	from    netip.AddrPort
	conn    [32]byte

	stale [][]byte // all messages of another session of each kind, and of another call
}

func (w *channelWorld) Account(folded string) (*channel.Account, error) {
	if folded == "alice" {
		return w.account, nil
	}
	return nil, nil
}

func (w *channelWorld) devices(folded string, id wire.KeyId) (*wire.DeviceKeys, bool) {
	d := w.device[folded]
	if d == nil || d.Id() != id {
		return nil, false
	}
	public := d.Public()
	return &public, true
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

var theChannel = sync.OnceValue(func() *channelWorld {
	w := &channelWorld{from: netip.MustParseAddrPort("192.0.2.1:9"), conn: [32]byte{5}, device: make(map[string]*keys.Device)}
	var err error
	w.host, err = keys.NewHost(rand.Reader)
	must(err)
	w.key = w.host.Key()
	var account *keys.Account
	for _, name := range []string{"bob", "alice"} {
		account, err = keys.NewAccount(rand.Reader)
		must(err)
		w.device[name], err = keys.NewDevice(rand.Reader, w.key.Realm, name, account)
		must(err)
	}
	registrar, err := channel.NewRegistrar(w.host)
	must(err)
	record, err := registrar.Register(rand.Reader, "alice", []byte("pw"), account, fixedNow, keys.WeakForTests)
	must(err)
	device := w.device["alice"]
	w.account = &channel.Account{
		Record: record, Sign: account.Signer.Public(),
		Devices: map[wire.KeyId]wire.VerifyKey{device.Id(): device.Signer.Public()},
	}
	for kind := range byte(3) {
		s := w.login(kind, [32]byte{6})
		b4, err := s.give(s.b3)
		must(err)
		s.answer(b4)
		w.stale = append(w.stale, s.b1, s.b2, s.b3, b4, s.b5)
	}
	c := w.call(2, [32]byte{6})
	p1 := c.first
	challenge := c.give(p1)
	b3 := c.take(challenge)
	b4 := c.give(b3)
	w.stale = append(w.stale, p1, challenge, b3, b4, c.take(b4))
	return w
})

// challenge is a B2 that is solved at once: a server may ask for as little as it likes.
func (w *channelWorld) challenge(c1 wire.C1) []byte {
	body, err := c1.MarshalBinary()
	must(err)
	b, err := (&wire.B2{Body: c1, Sig: w.host.Signer().Sign("channel c1", body)}).MarshalBinary()
	must(err)
	return b
}

// A channelLogin is both honest sides of one login.
type channelLogin struct {
	*channelWorld
	server         *channel.Server
	run            *channel.Run
	client         *channel.Client
	b1, b2, b3, b5 []byte
	mine           *session.Secrets
}

// login begins a login of one of three kinds and plays it up to B3.
func (w *channelWorld) login(kind byte, conn [32]byte) *channelLogin {
	s := &channelLogin{channelWorld: w}
	var err error
	s.server, err = channel.NewServer(channel.ServerConfig{Random: rand.Reader, Host: w.host, Accounts: w})
	must(err)
	s.run = s.server.Begin(fixedNow, w.from, conn)
	cfg := channel.ClientConfig{Random: rand.Reader, Server: &w.key, User: "alice", Stretch: keys.WeakForTests}
	switch kind % 3 {
	case 0:
		cfg.Device = w.device["alice"]
	case 1:
		cfg.Device, cfg.Password = w.device["alice"], []byte("pw")
	case 2:
		in, err := w.host.Invite(rand.Reader, fixedNow.Add(time.Hour))
		must(err)
		cfg.Invitation = &in
	}
	s.client, err = channel.NewClient(cfg)
	must(err)
	s.client.Bind(conn)
	s.b1, err = s.client.First()
	must(err)
	s.b2 = w.challenge(wire.C1{Server: w.host.Id(), N1: [32]byte{1}, K: 1, IssuedMs: uint64(fixedNow.UnixMilli()), LifeS: 30})
	s.b3, _, err = s.client.Next(context.Background(), s.b2)
	must(err)
	return s
}

// give brings B3 to the server.
func (s *channelLogin) give(b3 []byte) (b4 []byte, err error) {
	b4, _, err = s.run.Next(fixedNow, b3)
	return b4, err
}

// answer brings B4 to the client.
func (s *channelLogin) answer(b4 []byte) {
	var err error
	s.b5, s.mine, err = s.client.Next(context.Background(), b4)
	must(err)
}

// isAlice fails unless a run has ended as the honest user's, if it has ended well.
func (s *channelLogin) isAlice(t *testing.T, kind byte) {
	t.Helper()
	peer, _ := s.run.Peer().(*channel.Peer)
	switch {
	case peer == nil:
	case kind%3 == 2:
		if peer.User != "" || peer.Scope != wire.SessionScopeRegister || peer.Invitation == nil {
			t.Fatalf("an invitation has led to %+v", peer)
		}
	case peer.User != "alice" || peer.Device != s.device["alice"].Id() || peer.Scope != wire.SessionScopeFull:
		t.Fatalf("logged in as %+v", peer)
	}
}

// A script is what the attacker does: steps of an operation and its argument.
type script []byte

// step takes the next step.
func (s *script) step() (op byte, arg []byte, ok bool) {
	if len(*s) < 2 {
		return 0, nil, false
	}
	op, n := (*s)[0], int((*s)[1])
	*s = (*s)[2:]
	n = min(n, len(*s))
	arg, *s = (*s)[:n], (*s)[n:]
	return op, arg, true
}

// foreign makes a message that isn't honest by an operation below 3: any bytes, an honest
// message with some bytes changed, one of another session. It may be the honest one after all.
func (w *channelWorld) foreign(op byte, arg, honest []byte) []byte {
	switch op % 4 {
	case 0:
		return arg
	case 1:
		return patched(honest, arg)
	}
	if len(arg) == 0 {
		return w.stale[int(op/4)%len(w.stale)]
	}
	return patched(w.stale[int(arg[0])%len(w.stale)], arg[1:])
}

func addScripts(f *testing.F) {
	for kind := range byte(3) {
		f.Add(kind, []byte{})
		f.Add(kind, []byte{2, 1, 2, 2, 1, 15})
		f.Add(kind, []byte{7, 0})
		f.Add(kind, []byte{1, 3, 10, 0, 1})                  // in the box of B3
		f.Add(kind, []byte{1, 3, 10, 0, 1, 1, 0})            // and then the honest one
		f.Add(kind, []byte{1, 3, 9, 0xc8, 1, 1, 3, 4, 5, 6}) // in its solutions
		f.Add(kind, []byte{7, 3, 0, 0, 3})
		f.Add(kind, []byte{7, 3, 0, 30, 1, 7, 0})
		for op := range byte(4) {
			f.Add(kind, []byte{op, 0})
			f.Add(kind, []byte{op, 3, 0, 0, 1})
			f.Add(kind, []byte{op, 6, 0, 1, 0x20, 0, 40, 1})
			f.Add(kind, []byte{op, 1, 17})
			f.Add(kind, []byte{op, 2, 0, 0})
			f.Add(kind, []byte{1, 0, op, 3, 0, 9, 1})       // the honest one, then that
			f.Add(kind, []byte{1, 0, op, 0, 1, 0, op, 0})   // and once more
			f.Add(kind, []byte{2, 1, 2, 2, 1, 7, op, 1, 4}) // stale ones first
		}
	}
}

// FuzzChannelServer is a hostile client before, between and instead of an honest one: any
// bytes, stale and changed messages, in any order, and anything under proper seals.
func FuzzChannelServer(f *testing.F) {
	addScripts(f)
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		s := theChannel().login(kind, theChannel().conn)
		var in intruder
		honest, his := s.b3, false // whether the run has gone to the intruder
		for script := script(data); ; {
			op, arg, more := script.step()
			if !more {
				break
			}
			msg := s.foreign(op, arg, honest)
			switch {
			case op%4 != 3:
			case in.third != nil:
				msg = in.proof(t, arg)
			default:
				msg, his = in.claim(t, s, arg), his || s.b5 == nil
			}
			his = his || s.b5 == nil && s.spends(msg)
			reply, secrets, err := s.run.Next(fixedNow, msg)
			s.isAlice(t, kind)
			if err == nil && bytes.Equal(msg, in.b3) {
				in.answered(t, reply)
			}
			switch {
			case err != nil && (reply != nil || secrets != nil):
				t.Fatal("a refused message has an answer or secrets")
			case his:
				if secrets != nil {
					t.Fatal("somebody without a proof has a session")
				}
			case err == nil && !bytes.Equal(msg, honest):
				t.Fatal("a message was taken that isn't the client's")
			case err == nil && secrets != nil:
				same(t, s.mine, secrets)
				return
			case err == nil:
				s.answer(reply)
				honest = s.b5
			}
		}
		if his {
			return
		}
		// None of it has led the honest session astray.
		if s.b5 == nil {
			b4, err := s.give(s.b3)
			if err != nil {
				t.Fatalf("the honest B3: %v", err)
			}
			s.answer(b4)
		}
		_, secrets, err := s.run.Next(fixedNow, s.b5)
		if err != nil {
			t.Fatalf("the honest B5: %v", err)
		}
		same(t, s.mine, secrets)
	})
}

func same(t *testing.T, mine, theirs *session.Secrets) {
	t.Helper()
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send {
		t.Fatal("the two sides have different secrets")
	}
}

// spends reports whether a message is a B3 with the client's solutions that isn't the
// client's. The server takes solutions once, before it can know whose they are: then who has seen
// the client's B3 and is faster has ended the login.
func (s *channelLogin) spends(msg []byte) bool {
	var theirs, mine wire.B3
	return !bytes.Equal(msg, s.b3) && theirs.UnmarshalBinary(msg) == nil && mine.UnmarshalBinary(s.b3) == nil &&
		theirs.Head.Keys == mine.Head.Keys && theirs.Head.C1.Sig == mine.Head.C1.Sig
}

// An intruder is somebody who does all that a client does but has no device, and puts
// into the boxes what he likes.
type intruder struct {
	e     *keys.Sealer
	first *session.First
	b3    []byte
	third *session.Third // once his B3 was answered
}

// claim makes a B3.
func (i *intruder) claim(t *testing.T, s *channelLogin, arg []byte) []byte {
	t.Helper()
	var m wire.B3
	if err := m.UnmarshalBinary(s.b3); err != nil {
		t.Fatal(err)
	}
	start, ct1, err := session.StartTo(&s.key.Seal)
	must(err)
	i.e = keys.NewSealer(wire.Seed{1})
	m.Head.Keys = wire.ChannelKeys{EPk: i.e.Public(), Ct1: ct1}
	channelKeys := keys.Label("channel keys").Hash(encoded(t, &m.Head.Keys))
	bind := keys.Label("channel pow").Hash(encoded(t, &wire.ChannelBind{N1: m.Head.C1.Body.N1, Conn: s.conn, Keys: channelKeys}))
	m.Head.Xs, err = puzzle.New(&m.Head.C1.Body, bind).Solve(context.Background())
	must(err)
	i.first = start.First(s.conn, s.b2, s.host.Id(), encoded(t, &m.Head))
	plain := encoded(t, &wire.B3Box{
		User: "alice", Kind: wire.LoginKindDevice, Device: wire.DeviceClaim{Device: s.device["alice"].Id()},
	})
	m.Box = i.first.Seal(patched(plain, arg))
	i.b3 = encoded(t, &m)
	return i.b3
}

// answered opens the server's answer to it.
func (i *intruder) answered(t *testing.T, b4 []byte) {
	t.Helper()
	var m wire.B4
	if m.UnmarshalBinary(b4) != nil {
		return // more work is asked for
	}
	second, err := i.first.SecondFrom(i.e, i.b3, &m.Ct2)
	must(err)
	if _, err := second.Open(m.Box); err != nil {
		t.Fatalf("the answer to a good B3: %v", err)
	}
	i.third = second.Third(b4)
}

// proof makes a B5, of which there is one.
func (i *intruder) proof(t *testing.T, arg []byte) []byte {
	t.Helper()
	plain := encoded(t, &wire.B5Box{Kind: wire.LoginKindDevice})
	b5 := encoded(t, &wire.B5{Box: i.third.Seal(patched(plain, arg))})
	i.third = nil
	return b5
}

// FuzzChannelClient is a hostile server, or whoever is on the way to the honest one.
func FuzzChannelClient(f *testing.F) {
	addScripts(f)
	tired, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		s := theChannel().login(kind, theChannel().conn) // the client has answered B2
		b4, err := s.give(s.b3)
		if err != nil {
			t.Fatal(err)
		}
		hostile := false
		for script := script(data); ; {
			op, arg, more := script.step()
			if !more {
				break
			}
			msg, ctx := s.foreign(op, arg, b4), context.Background()
			if op%8 == 7 { // anything in a box of the server's
				msg, hostile = s.forged(t, kind, arg), true
			} else if op%4 == 3 { // any C1, signed by the server
				var b2 wire.B2
				if b2.UnmarshalBinary(s.b2) != nil || b2.Body.UnmarshalBinary(patched(b2.BodyRaw, arg)) != nil {
					continue
				}
				msg, ctx, hostile = s.challenge(b2.Body), tired, true // who solves it may take a while
			}
			reply, secrets, err := s.client.Next(ctx, msg)
			var hard *puzzle.TooHardError
			switch {
			case err != nil && (reply != nil || secrets != nil):
				t.Fatal("a refused message has an answer or secrets")
			case hostile:
				switch {
				case err == nil, errors.Is(err, channel.ErrDrop), errors.Is(err, channel.ErrPassword), errors.Is(err, channel.ErrServer):
				case errors.Is(err, context.Canceled), errors.As(err, &hard):
				default:
					t.Fatalf("an error that says too much: %v", err)
				}
				if secrets != nil && kind%3 == 1 && !bytes.Equal(msg, b4) {
					t.Fatal("a server has a session that doesn't know the password's record")
				}
			case err == nil && !bytes.Equal(msg, b4):
				t.Fatal("a message was taken that isn't the server's")
			case err == nil:
				s.b5, s.mine = reply, secrets
			case !errors.Is(err, channel.ErrDrop):
				t.Fatalf("somebody has ended the login: %v", err)
			}
		}
		if hostile {
			return // the server has asked for something else meanwhile
		}
		if s.b5 == nil {
			s.answer(b4)
		}
		_, secrets, err := s.run.Next(fixedNow, s.b5)
		if err != nil {
			t.Fatalf("the honest B5: %v", err)
		}
		same(t, s.mine, secrets)
		s.isAlice(t, kind)
	})
}

// forged is a B4 that only the server can make, with whatever in its box.
func (s *channelLogin) forged(t *testing.T, kind byte, arg []byte) []byte {
	t.Helper()
	var m wire.B3
	if err := m.UnmarshalBinary(s.b3); err != nil {
		t.Fatal(err)
	}
	start, err := session.StartFrom(s.host.Sealer(), &m.Head.Keys.Ct1)
	must(err)
	second, ct2, err := start.First(s.conn, s.b2, s.host.Id(), m.HeadRaw).SecondTo(&m.Head.Keys.EPk, s.b3)
	must(err)
	kinds := []wire.LoginKind{wire.LoginKindDevice, wire.LoginKindPassword, wire.LoginKindAnonymous}
	plain := encoded(t, &wire.B4Box{Kind: kinds[kind%3]})
	return encoded(t, &wire.B4{Ct2: ct2, Box: second.Seal(patched(plain, arg))})
}

// A channelCall is both honest sides of a call, alice's to bob.
type channelCall struct {
	*channelWorld
	caller *channel.PeerInitiator
	callee *channel.Introductions
	run    *channel.PeerRun
	first  []byte
	mine   *session.Secrets
	theirs *session.Secrets
}

func (w *channelWorld) call(id byte, conn [32]byte) *channelCall {
	c := &channelCall{channelWorld: w}
	in := channel.Introduction{Id: [16]byte{id}, Key: [32]byte{id, 2}, Self: "alice", Peer: "bob", Expires: fixedNow.Add(time.Minute)}
	var err error
	c.caller, err = channel.NewPeerInitiator(channel.PeerConfig{Random: rand.Reader, Device: w.device["alice"], Devices: w.devices}, in)
	must(err)
	c.caller.Bind(conn)
	in.Self, in.Peer = in.Peer, in.Self
	c.callee = channel.NewIntroductions(channel.PeerConfig{Random: rand.Reader, Device: w.device["bob"], Devices: w.devices})
	must(c.callee.Add(fixedNow, in))
	c.first, err = c.caller.First()
	must(err)
	c.run = c.callee.Begin(fixedNow, w.from, conn)
	return c
}

// give brings a message to the callee.
func (c *channelCall) give(msg []byte) []byte {
	reply, secrets, err := c.run.Next(fixedNow, msg)
	must(err)
	c.theirs = secrets
	return reply
}

// take brings a message to the caller.
func (c *channelCall) take(msg []byte) []byte {
	reply, secrets, err := c.caller.Next(context.Background(), msg)
	must(err)
	c.mine = secrets
	return reply
}

// FuzzPeerCallee is anybody who calls before, between and instead of the one who was
// introduced; who holds the introduction, too, but not his device.
func FuzzPeerCallee(f *testing.F) {
	addScripts(f)
	f.Fuzz(func(t *testing.T, _ byte, data []byte) {
		c := theChannel().call(1, theChannel().conn)
		honest := c.first
		var challenge []byte
		claimed, sealed := false, false // whether the caller's B3 has come, or somebody else's before
		for script := script(data); ; {
			op, arg, more := script.step()
			if !more {
				break
			}
			msg := c.foreign(op, arg, honest)
			if op%4 == 3 && challenge != nil {
				msg, sealed = c.hostile(t, challenge, arg), sealed || !claimed
			}
			if honest != nil && bytes.Equal(honest, c.first) {
				verdict, _ := c.callee.First(fixedNow, c.from, msg)
				if (verdict == channel.Proceed) != bytes.Equal(msg, honest) {
					t.Fatalf("verdict %d on P1, is honest = %v", verdict, bytes.Equal(msg, honest))
				}
			}
			reply, secrets, err := c.run.Next(fixedNow, msg)
			switch {
			case err != nil && (reply != nil || secrets != nil):
				t.Fatal("a refused message has an answer or secrets")
			case sealed:
				if secrets != nil || c.run.Peer() != nil {
					t.Fatal("somebody without a proof has a session")
				}
			case err == nil && !bytes.Equal(msg, honest):
				t.Fatal("a message was taken that isn't the caller's")
			case err == nil && secrets != nil:
				c.ends(t, secrets)
				return
			case err == nil:
				if challenge == nil {
					challenge = reply
				} else {
					claimed = true
				}
				honest = c.take(reply)
			}
		}
		if sealed {
			return
		}
		for c.theirs == nil {
			if reply := c.give(honest); reply != nil {
				honest = c.take(reply)
			}
		}
		c.ends(t, c.theirs)
	})
}

// ends checks a call that has come about.
func (c *channelCall) ends(t *testing.T, theirs *session.Secrets) {
	t.Helper()
	same(t, c.mine, theirs)
	if got, want := *c.run.Peer().(*channel.IntroducedPeer), (channel.IntroducedPeer{User: "alice", Device: c.device["alice"].Id()}); got != want {
		t.Fatalf("the caller is %v", got)
	}
	if got, want := *c.caller.Peer(), (channel.IntroducedPeer{User: "bob", Device: c.device["bob"].Id()}); got != want {
		t.Fatalf("the callee is %v", got)
	}
}

// hostile is a PeerB3 with whatever in its box: all that it takes is public.
func (c *channelCall) hostile(t *testing.T, challenge, arg []byte) []byte {
	t.Helper()
	to := c.device["bob"].Public().Seal
	start, ct1, err := session.StartTo(&to)
	must(err)
	m := wire.PeerB3{Head: wire.PeerHead{Keys: wire.ChannelKeys{EPk: to, Ct1: ct1}}}
	first := start.First(c.conn, challenge, c.device["bob"].Id(), encoded(t, &m.Head))
	plain := encoded(t, &wire.B3Box{
		User: "alice", Kind: wire.LoginKindDevice, Device: wire.DeviceClaim{Device: c.device["alice"].Id()},
	})
	m.Box = first.Seal(patched(plain, arg))
	return encoded(t, &m)
}

// FuzzPeerCaller is anybody on the way between the two.
func FuzzPeerCaller(f *testing.F) {
	addScripts(f)
	f.Fuzz(func(t *testing.T, _ byte, data []byte) {
		c := theChannel().call(1, theChannel().conn)
		honest := c.give(c.first)
		for script := script(data); ; {
			op, arg, more := script.step()
			if !more {
				break
			}
			msg := c.foreign(op, arg, honest)
			reply, secrets, err := c.caller.Next(context.Background(), msg)
			switch {
			case err != nil && (reply != nil || secrets != nil):
				t.Fatal("a refused message has an answer or secrets")
			case err != nil && !errors.Is(err, channel.ErrDrop):
				t.Fatalf("somebody has ended the call: %v", err)
			case err != nil:
			case !bytes.Equal(msg, honest):
				t.Fatal("a message was taken that isn't the callee's")
			default:
				if secrets != nil {
					c.mine = secrets
				}
				honest = c.give(reply)
			}
		}
		for c.theirs == nil {
			honest = c.give(c.take(honest))
		}
		c.ends(t, c.theirs)
	})
}
