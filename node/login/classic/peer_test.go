package classic

import (
	"context"
	"crypto/rand"
	"testing"
	"time"
)

// introduced makes both halves of an introduction of alice to bob.
func introduced(t *testing.T) (*PeerInitiator, *Introductions, Introduction) {
	t.Helper()
	in := Introduction{Id: [16]byte{1}, Key: [32]byte{2}, Self: "Alice", Peer: "Bob", Expires: testNow.Add(time.Minute)}
	p, err := NewPeerInitiator(rand.Reader, in)
	if err != nil {
		t.Fatal(err)
	}
	callee := in
	callee.Self, callee.Peer = in.Peer, in.Self
	waiting := &Introductions{Random: rand.Reader}
	if err := waiting.Add(testNow, callee); err != nil {
		t.Fatal(err)
	}
	return p, waiting, callee
}

func p1Of(t *testing.T, p *PeerInitiator) []byte {
	t.Helper()
	b, err := p.First()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPeerHandshake(t *testing.T) {
	p, waiting, _ := introduced(t)
	p1 := p1Of(t, p)
	if verdict, _ := waiting.First(testNow, testFrom, p1); verdict != Proceed {
		t.Fatalf("verdict = %d, want Proceed", verdict)
	}
	run := waiting.Begin(testNow, testFrom, testConn)
	p2, callee, err := run.Next(testNow, p1)
	if err != nil {
		t.Fatal(err)
	}
	p.Bind(testConn)
	reply, caller, err := p.Next(context.Background(), p2)
	if err != nil || reply != nil {
		t.Fatalf("reply of %d bytes, error %v", len(reply), err)
	}
	if caller.Send != callee.Receive || caller.Receive != callee.Send || caller.Send == caller.Receive {
		t.Error("the two sides derived different secrets, or the same for both directions")
	}
	if got := run.Peer().(*IntroducedPeer).User; got != "Alice" {
		t.Errorf("peer = %q, want Alice", got)
	}
	// "single use"
	if verdict, _ := waiting.First(testNow, testFrom, p1); verdict != Drop {
		t.Error("an introduction serves twice")
	}
	if _, _, err := waiting.Begin(testNow, testFrom, testConn).Next(testNow, p1); err == nil {
		t.Error("an introduction serves twice")
	}
}

func TestPeerHandshakeRefuses(t *testing.T) {
	p, waiting, callee := introduced(t)
	p1 := p1Of(t, p)
	for i := range p1 {
		bad := append([]byte(nil), p1...)
		bad[i] ^= 1
		if verdict, _ := waiting.First(testNow, testFrom, bad); verdict != Drop {
			t.Fatalf("byte %d altered: verdict = %d", i, verdict)
		}
		if _, _, err := waiting.Begin(testNow, testFrom, testConn).Next(testNow, bad); err == nil {
			t.Fatalf("byte %d altered: a run began", i)
		}
	}
	for _, bad := range variants(p1) {
		if verdict, _ := waiting.First(testNow, testFrom, bad); verdict != Drop {
			t.Fatalf("%d bytes: verdict = %d", len(bad), verdict)
		}
	}
	if verdict, _ := waiting.First(testNow.Add(2*time.Minute), testFrom, p1); verdict != Drop {
		t.Error("an introduction outlives its time")
	}
	// Both names count: the callee expects Alice, and Eve has the same key.
	eve := Introduction{Id: callee.Id, Key: callee.Key, Self: "Eve", Peer: "Bob"}
	if other, err := NewPeerInitiator(rand.Reader, eve); err != nil {
		t.Fatal(err)
	} else if verdict, _ := waiting.First(testNow, testFrom, p1Of(t, other)); verdict != Drop {
		t.Error("another caller is let in")
	}
	// None of that has used the introduction up, or made the answer good for another conn.
	p2, _, err := waiting.Begin(testNow, testFrom, testConn).Next(testNow, p1)
	if err != nil {
		t.Fatal(err)
	}
	p.Bind([32]byte{9})
	_, _, err = p.Next(context.Background(), p2)
	wants(t, err, ErrDrop)
	p.Bind(testConn)
	for i := range p2 {
		bad := append([]byte(nil), p2...)
		bad[i] ^= 1
		if _, _, err := p.Next(context.Background(), bad); err != ErrDrop {
			t.Fatalf("byte %d of the answer altered: error = %v", i, err)
		}
	}
	for _, bad := range variants(p2) {
		if _, _, err := p.Next(context.Background(), bad); err != ErrDrop {
			t.Fatalf("an answer of %d bytes: error = %v", len(bad), err)
		}
	}
	if _, _, err := p.Next(context.Background(), p2); err != nil {
		t.Errorf("the good answer after the bad ones: %v", err)
	}
}

func TestIntroductionsAreBounded(t *testing.T) {
	waiting := &Introductions{Random: rand.Reader}
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
