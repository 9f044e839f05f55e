package server

import (
	"testing"

	"sotto/node/chat"
	"sotto/wire"
)

func (v *visitor) locate(name string) *wire.LocateReply {
	v.t.Helper()
	reply, err := v.ask(&wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: name}})
	if err != nil {
		v.t.Fatalf("%s locates %s: %v", v.name, name, err)
	}
	return &reply.Locate
}

// Both halves of an introduction hold the same secret, each half says where
// the other client is, and no two introductions are alike.
func TestIntroduction(t *testing.T) {
	w := newWorld(t, Limits{})
	alice, bob := w.enter("Alice", 0), w.enter("Bob", 0)
	seen := make(map[[32]byte]bool)
	for range 3 {
		asked := alice.locate("bob")
		told := bob.next(wire.PushTypeIntroduce).Introduce
		if asked.State != wire.OnlineOnline || asked.Name != "Bob" || told.From != "Alice" {
			t.Fatalf("Alice was answered %v, Bob was told of %q", asked, told.From)
		}
		in := asked.Online
		if in.IntroId != told.IntroId || in.IntroKey != told.IntroKey || in.LifeS != told.LifeS {
			t.Errorf("the halves differ: %v and %v", in, told)
		}
		if seen[in.IntroKey] || in.IntroKey == [32]byte{} {
			t.Error("a key was used twice")
		}
		seen[in.IntroKey] = true
		if got, want := chat.AddrPort(&in.Address), bob.endpoint.LocalAddr(); got != want {
			t.Errorf("Bob is said to be at %v, want %v", got, want)
		}
		if got, want := chat.AddrPort(&told.Address), alice.endpoint.LocalAddr(); got != want {
			t.Errorf("Alice is said to be at %v, want %v", got, want)
		}
	}
}

func TestNobodyToIntroduce(t *testing.T) {
	w := newWorld(t, Limits{})
	alice := w.enter("Alice", 0)
	for _, name := range []string{"Bob", "Alice"} { // offline, and herself
		if got := alice.locate(name); got.State != wire.OnlineOffline || got.Name != name {
			t.Errorf("locate of %s: %v, want offline", name, got)
		}
	}
}

// Who says so first is never located, however fast the others ask.
func TestRelayOnlyFromTheBeginning(t *testing.T) {
	w := newWorld(t, Limits{})
	alice, bob := w.enter("Alice", 0), w.mustDial("Bob")
	control, err := bob.conn.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.NewWriter(control).Item(&wire.Signal{Type: wire.SignalTypeRelayOnly}); err != nil {
		t.Fatal(err)
	}
	if p := alice.next(wire.PushTypePresence); p.Presence.Online != wire.OnlineOnline {
		t.Fatalf("Alice was told %v", p)
	}
	if got := alice.locate("Bob"); got.State != wire.OnlineOffline {
		t.Errorf("Alice was told where Bob is: %v", got)
	}
}

// Who wants no conns with other clients is neither introduced nor located, in
// either direction, and gets his messages all the same.
func TestRelayOnly(t *testing.T) {
	w := newWorld(t, Limits{})
	alice, bob := w.enter("Alice", 0), w.enter("Bob", 0)
	bob.signals.Item(&wire.Signal{Type: wire.SignalTypeRelayOnly})
	alice.mustSend("Bob", 1, "one", wire.SendStateSent)
	bob.ack(bob.delivered("one"))
	alice.next(wire.PushTypeReceipt) // the signal before the ack has been read
	if got := alice.locate("Bob"); got.State != wire.OnlineOffline {
		t.Errorf("Alice was told where Bob is: %v", got)
	}
	if got := bob.locate("Alice"); got.State != wire.OnlineOffline {
		t.Errorf("Bob was introduced: %v", got)
	}
}
