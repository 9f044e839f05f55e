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
