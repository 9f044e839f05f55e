package channel

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// devices is what the log shows of the world's users.
func (w *world) devices(folded string, id wire.KeyId) (*wire.DeviceKeys, bool) {
	m := w.member[folded]
	if m == nil || m.device.Id() != id {
		return nil, false
	}
	public := m.device.Public()
	return &public, true
}

func (w *world) peerConfig(user string) PeerConfig {
	return PeerConfig{Random: rand.Reader, Device: w.member[keys.Fold(user)].device, Devices: w.devices}
}

// A call is Alice's to Bob.
type call struct {
	w      *world
	in     Introduction // Alice's half
	caller *PeerInitiator
	callee *Introductions
	run    *PeerRun
}

func newCall(w *world) *call {
	w.t.Helper()
	c := &call{w: w, in: Introduction{Id: [16]byte{1}, Key: [32]byte{2}, Self: "Alice", Peer: "Bob", Expires: w.now.Add(time.Minute)}}
	c.callee = NewIntroductions(w.peerConfig("Bob"))
	theirs := c.in
	theirs.Self, theirs.Peer = "Bob", "Alice"
	if err := c.callee.Add(w.now, theirs); err != nil {
		w.t.Fatal(err)
	}
	c.dial(w.peerConfig("Alice"))
	return c
}

func (c *call) dial(cfg PeerConfig) {
	c.w.t.Helper()
	var err error
	if c.caller, err = NewPeerInitiator(cfg, c.in); err != nil {
		c.w.t.Fatal(err)
	}
	c.caller.Bind(testConn)
}

// p1 brings the call to the callee.
func (c *call) p1() []byte {
	c.w.t.Helper()
	p1, err := c.caller.First()
	if err != nil {
		c.w.t.Fatal(err)
	}
	if verdict, _ := c.callee.First(c.w.now, testFrom, p1); verdict != Proceed {
		c.w.t.Fatalf("verdict on P1 = %d, want Proceed", verdict)
	}
	c.run = c.callee.Begin(c.w.now, testFrom, testConn)
	return p1
}

// takes gives the callee a message that he answers, or that ends the handshake.
func (c *call) takes(msg []byte) ([]byte, *session.Secrets) {
	c.w.t.Helper()
	reply, s, err := c.run.Next(c.w.now, msg)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return reply, s
}

// says gives the caller a message that he answers.
func (c *call) says(msg []byte) ([]byte, *session.Secrets) {
	c.w.t.Helper()
	reply, s, err := c.caller.Next(context.Background(), msg)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return reply, s
}

// messages plays a call and returns all its messages.
func (c *call) messages() (p1, challenge, b3, b4, b5 []byte) {
	c.w.t.Helper()
	p1 = c.p1()
	challenge, _ = c.takes(p1)
	b3, _ = c.says(challenge)
	b4, _ = c.takes(b3)
	b5, mine := c.says(b4)
	_, theirs := c.takes(b5)
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send {
		c.w.t.Error("the two sides derived different secrets")
	}
	return p1, challenge, b3, b4, b5
}

// Two clients end with the same keys, and each knows who the other is and which of his
// devices it is.
func TestPeers(t *testing.T) {
	w := newWorld(t)
	c := newCall(w)
	if c.caller.Peer() != nil {
		t.Error("there is a peer before there is an answer")
	}
	c.messages()
	if got, want := *c.run.Peer().(*IntroducedPeer), (IntroducedPeer{"Alice", w.member["alice"].device.Id()}); got != want {
		t.Errorf("the callee's peer = %v, want %v", got, want)
	}
	if got, want := *c.caller.Peer(), (IntroducedPeer{"Bob", w.member["bob"].device.Id()}); got != want {
		t.Errorf("the caller's peer = %v, want %v", got, want)
	}
}

// A handshake that was given up and cleared goes on with nothing.
func TestClearedPeersAreOver(t *testing.T) {
	w := newWorld(t)
	c := newCall(w)
	challenge, _ := c.takes(c.p1())
	b3, _ := c.says(challenge)
	b4, _ := c.takes(b3)
	b5, _ := c.says(b4)
	c.run.Clear()
	c.refuses("B5", b5)
	c = newCall(w)
	challenge, _ = c.takes(c.p1())
	b3, _ = c.says(challenge)
	b4, _ = c.takes(b3)
	c.caller.Clear()
	c.ignores("B4", b4)
	if c.caller.in.Key != [32]byte{} {
		t.Error("the introduction's key is still there")
	}
}

// refuses checks that the callee takes no notice of a message.
func (c *call) refuses(what string, msg []byte) {
	c.w.t.Helper()
	if reply, s, err := c.run.Next(c.w.now, msg); err == nil || reply != nil || s != nil || c.run.Peer() != nil {
		c.w.t.Errorf("%s is taken", what)
	}
}

// ignores checks that the caller takes no notice of a message.
func (c *call) ignores(what string, msg []byte) {
	c.w.t.Helper()
	if reply, s, err := c.caller.Next(context.Background(), msg); err != ErrDrop || reply != nil || s != nil {
		c.w.t.Errorf("%s: error = %v, want ErrDrop", what, err)
	}
}

// An introduction serves once, for its time, and for the two whom it names.
func TestIntroductions(t *testing.T) {
	w := newWorld(t)
	c := newCall(w)
	for _, in := range []Introduction{
		{Id: [16]byte{2}, Key: c.in.Key, Self: "Alice", Peer: "Bob"}, // another id
		{Id: c.in.Id, Key: [32]byte{3}, Self: "Alice", Peer: "Bob"},  // another key
		{Id: c.in.Id, Key: c.in.Key, Self: "Eve", Peer: "Bob"},
		{Id: c.in.Id, Key: c.in.Key, Self: "Alice", Peer: "Eve"},
	} {
		other, err := NewPeerInitiator(w.peerConfig("Alice"), in)
		if err != nil {
			t.Fatal(err)
		}
		p1, err := other.First()
		if err != nil {
			t.Fatal(err)
		}
		if verdict, _ := c.callee.First(w.now, testFrom, p1); verdict != Drop {
			t.Errorf("%+v is let in", in)
		}
	}
	p1, _, _, _, _ := c.messages()
	if verdict, _ := c.callee.First(w.now, testFrom, p1); verdict != Drop {
		t.Error("an introduction serves twice")
	}
	c = newCall(w)
	p1 = c.p1()
	if verdict, _ := c.callee.First(w.now.Add(2*time.Minute), testFrom, p1); verdict != Drop {
		t.Error("an introduction outlives its time")
	}
}

// Somebody who has seen P1 begins a run of his own with it. He can't end it, and the
// caller's own is not disturbed. Of two that get to the end, one is taken.
func TestStolenP1(t *testing.T) {
	w := newWorld(t)
	c := newCall(w)
	p1 := c.p1()
	thief := c.callee.Begin(w.now, testFrom, [32]byte{6})
	if _, _, err := thief.Next(w.now, p1); err != nil {
		t.Fatal(err)
	}
	again := c.callee.Begin(w.now, testFrom, testConn)
	challenge2, _, err := again.Next(w.now, p1)
	if err != nil {
		t.Fatal(err)
	}
	// The callee's challenge to the thief is for another connection.
	challenge, _ := c.takes(p1)
	second := *c.caller
	c.ignores("the challenge to the thief", thief.challenge)
	b3, _ := c.says(challenge)
	if _, _, err := thief.Next(w.now, b3); err == nil {
		t.Error("the thief goes on with the caller's B3")
	}
	b4, _ := c.takes(b3)
	b5, _ := c.says(b4)

	b3of2, _, err := second.Next(context.Background(), challenge2)
	if err != nil {
		t.Fatal(err)
	}
	b4of2, _, err := again.Next(w.now, b3of2)
	if err != nil {
		t.Fatal(err)
	}
	b5of2, _, err := second.Next(context.Background(), b4of2)
	if err != nil {
		t.Fatal(err)
	}
	c.takes(b5)
	if _, s, err := again.Next(w.now, b5of2); err == nil || s != nil {
		t.Error("an introduction serves twice")
	}
}

// Devices that the log doesn't show are none, at either end; nor does the device of somebody else
// do, though the server has introduced him.
func TestPeersBelieveTheLog(t *testing.T) {
	w := newWorld(t)
	w.join("Eve", "Eve")

	// Bob answers with a device of Eve's, or with his own that Alice's log doesn't show.
	c := newCall(w)
	c.callee.cfg.Device = w.member["eve"].device
	challenge, _ := c.takes(c.p1())
	c.ignores("a challenge of Eve's device", challenge)

	// Eve has got hold of the introduction, which is the server's to give, and is not Alice.
	c = newCall(w)
	c.dial(w.peerConfig("Eve"))
	challenge, _ = c.takes(c.p1())
	b3, _ := c.says(challenge)
	c.refuses("a B3 of Eve's device", b3)

	// She says that she is Alice's device, and has not its key.
	c = newCall(w)
	cfg := w.peerConfig("Alice")
	posing := *cfg.Device
	posing.Signer = w.member["eve"].device.Signer
	c.dial(cfg)
	challenge, _ = c.takes(c.p1())
	b3, _ = c.says(challenge)
	b4, _ := c.takes(b3)
	c.caller.cfg.Device = &posing
	b5, _, err := c.caller.Next(context.Background(), b4)
	if err != nil {
		t.Fatal(err)
	}
	c.refuses("a B5 of Eve's", b5)

	// The server stands in between: it knows the intro key, but has no device of Bob's.
	c = newCall(w)
	c.callee.cfg.Device = &keys.Device{
		Realm: cfg.Device.Realm, User: "Bob",
		Signer: w.member["bob"].device.Signer, Sealer: w.member["eve"].device.Sealer,
	}
	challenge, _ = c.takes(c.p1())
	c.ignores("a challenge of a device that is half Bob's", challenge)
	var m wire.PeerChallenge
	mustDecode(t, challenge, &m)
	m.Device = w.member["bob"].device.Id()
	if m.Mac, err = macChallenge(c.in.Key, "alice", "bob", testConn, c.caller.first, &m); err != nil {
		t.Fatal(err)
	}
	c.run.challenge = mustEncode(t, &m)
	b3, _ = c.says(c.run.challenge)
	c.refuses("a B3 for Bob's device", b3)
}

// B3 and B5 with a proof or a claim of another kind or purpose.
func TestPeerProofsOfSomethingElse(t *testing.T) {
	w := newWorld(t)
	device := w.member["alice"].device
	for name, test := range map[string]struct {
		label keys.Label
		user  string
		id    wire.KeyId
		kind  wire.LoginKind
		tree  uint64
	}{
		"a proof for the server": {labelDeviceLogin, "alice", device.Id(), wire.LoginKindDevice, 0},
		"for another user":       {labelDevicePeer, "bob", device.Id(), wire.LoginKindDevice, 0},
		"for another device":     {labelDevicePeer, "alice", wire.KeyId{}, wire.LoginKindDevice, 0},
		"of another kind":        {labelDevicePeer, "alice", device.Id(), wire.LoginKindAnonymous, 0},
		"with a tree":            {labelDevicePeer, "alice", device.Id(), wire.LoginKindDevice, 1},
	} {
		c := newCall(w)
		challenge, _ := c.takes(c.p1())
		b3, _ := c.says(challenge)
		b4, _ := c.takes(b3)
		var m wire.B4
		mustDecode(t, b4, &m)
		second, err := c.caller.stage.SecondFrom(c.caller.e, b3, &m.Ct2)
		if err != nil {
			t.Fatal(err)
		}
		third := second.Third(b4)
		body, err := proof(third.T3(), test.id, test.user)
		if err != nil {
			t.Fatal(err)
		}
		box := wire.B5Box{Kind: test.kind, TreeSize: test.tree}
		if test.kind == wire.LoginKindDevice {
			box.Device.Sig = device.Signer.Sign(test.label, body)
		}
		c.refuses(name, mustEncode(t, &wire.B5{Box: third.Seal(mustEncode(t, &box))}))
		good, _ := c.says(b4)
		c.refuses("a good proof after a wrong one", good)
	}
	for name, change := range map[string]func(b *wire.B3Box){
		"a password":   func(b *wire.B3Box) { b.Kind = wire.LoginKindPassword },
		"nobody":       func(b *wire.B3Box) { *b = wire.B3Box{Kind: wire.LoginKindAnonymous} },
		"another user": func(b *wire.B3Box) { b.User = "Eve" },
	} {
		c := newCall(w)
		challenge, _ := c.takes(c.p1())
		to := w.member["bob"].device.Public().Seal
		start, ct1, err := session.StartTo(&to)
		if err != nil {
			t.Fatal(err)
		}
		head := wire.PeerHead{Keys: wire.ChannelKeys{EPk: to, Ct1: ct1}}
		box := wire.B3Box{User: "Alice", Kind: wire.LoginKindDevice, Device: wire.DeviceClaim{Device: device.Id()}}
		change(&box)
		first := start.First(testConn, challenge, w.member["bob"].device.Id(), mustEncode(t, &head))
		c.refuses(name, mustEncode(t, &wire.PeerB3{Head: head, Box: first.Seal(mustEncode(t, &box))}))
		// It changes nothing: the caller's own is taken next.
		b3, _ := c.says(challenge)
		c.takes(b3)
	}
}

// Messages of one call in another, and messages to the server.
func TestPeersInOtherCalls(t *testing.T) {
	w := newWorld(t)
	_, challenge1, b3of1, b4of1, b5of1 := newCall(w).messages()
	c := newCall(w)
	p1 := c.p1()
	challenge, _ := c.takes(p1)
	c.ignores("another call's challenge", challenge1)
	c.ignores("the caller's own P1", p1)
	b3, _ := c.says(challenge)
	c.refuses("another call's B3", b3of1)
	c.refuses("P1 again", p1)
	c.refuses("B3 of a login", w.b3(w.byDevice("Alice", "Alice")))
	b4, _ := c.takes(b3)
	c.ignores("another call's B4", b4of1)
	c.ignores("the caller's own B3", b3)
	_, b4login := w.toB4(w.byDevice("Alice", "Alice"))
	c.ignores("B4 of a login", b4login)
	b5, mine := c.says(b4)
	c.refuses("another call's B5", b5of1)
	_, theirs := c.takes(b5)
	if mine.Send != theirs.Receive {
		t.Error("the two sides derived different secrets")
	}
	if _, s, err := c.run.Next(w.now, b5); err == nil || s != nil {
		t.Error("B5 is taken twice")
	}
}

func TestIntroductionsAreBounded(t *testing.T) {
	waiting := NewIntroductions(PeerConfig{Random: rand.Reader})
	in := Introduction{Self: "Bob", Peer: "Alice", Expires: testNow.Add(time.Minute)}
	for i := range maxIntroductions {
		in.Id = [16]byte{byte(i), byte(i >> 8), 1}
		if err := waiting.Add(testNow, in); err != nil {
			t.Fatal(err)
		}
	}
	in.Id = [16]byte{15: 1}
	if err := waiting.Add(testNow, in); err == nil {
		t.Error("one more than may wait was taken")
	}
	if err := waiting.Add(testNow.Add(2*time.Minute), in); err != nil {
		t.Errorf("after the others have expired: %v", err)
	}
	if err := waiting.Add(testNow, Introduction{Self: "a b", Peer: "Alice"}); err == nil {
		t.Error("a name that is none was taken")
	}
}
