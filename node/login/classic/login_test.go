package classic

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// The whole login: both sides end with the same keys, the server knows who it is, and
// message 6 brings the manifest.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	c := w.client("alice", "Alice") // registered as Alice
	run, m5, mine := w.toM5(c)
	if run.Peer() != nil {
		t.Error("the server names a peer before message 5")
	}
	_, theirs, err := run.Next(w.now, m5)
	if err != nil {
		t.Fatalf("message 5: %v (%v)", err, w.counts)
	}
	if mine.Send != theirs.Receive || mine.Receive != theirs.Send || mine.Send == mine.Receive {
		t.Error("the two sides derived different secrets, or the same for both directions")
	}
	peer := run.Peer().(*Peer)
	if peer.User != "Alice" || !peer.Key.Equal(testKeys()["alice"].Public()) {
		t.Errorf("peer = %v, want Alice with her key", peer)
	}
	if !c.Identity().Public().Equal(testKeys()["alice"].Public()) {
		t.Error("the client opened another identity")
	}
	manifest := wire.SignedManifest{Body: wire.Manifest{Version: 1}}
	m6, err := peer.SealM6(w.now, &manifest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.SealM6(w.now, &manifest); err == nil {
		t.Error("the key of message 6 sealed twice")
	}
	s, got, err := c.OpenM6(m6)
	if err != nil {
		t.Fatal(err)
	}
	if s.Id != peer.Session || !s.ServerTime.Equal(w.now) || got.Body.Version != 1 {
		t.Errorf("message 6 = %+v, manifest version %d", s, got.Body.Version)
	}
	if _, _, err := c.OpenM6(m6); err == nil {
		t.Error("message 6 opened twice")
	}
	if w.counts[ReasonLoggedIn] != 1 {
		t.Errorf("counts = %v, want one login", w.counts)
	}
}

// "Before an address is proven, the server answers with no more bytes than it received."
func TestAttack08RepliesAreShorterThanFirstMessages(t *testing.T) {
	w := newWorld(t)
	const datagram = 1200 // what a first datagram is padded to
	if n := len(w.m2(w.client("Alice", "Alice"))); n > datagram/2 {
		t.Errorf("message 2 has %d bytes", n)
	}
	ask, err := NewKeyAsk(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ask.First()
	if err != nil {
		t.Fatal(err)
	}
	if _, show := w.server.First(w.now, testFrom, first); len(show) > datagram/2 {
		t.Errorf("the answer with the key has %d bytes", len(show))
	}
}

// "C1 is signed once per 2-second slot and cached": a flood of message 1 costs no
// public-key operation beyond that.
func TestAttack09FloodOfFirstMessagesSignsOncePerSlot(t *testing.T) {
	w := newWorld(t)
	m1, err := w.client("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	from := netip.MustParseAddr("198.51.100.1")
	for i := range 4000 {
		from = from.Next()
		m1[i%384]++ // never opened, so this changes nothing
		now := testNow.Truncate(puzzle.Slot).Add(time.Duration(i) * time.Millisecond)
		verdict, m2 := w.server.First(now, netip.AddrPortFrom(from, 1), m1)
		if verdict != Retry {
			t.Fatalf("verdict = %d", verdict)
		}
		seen[string(m2)] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d different message 2s in two slots, want 2", len(seen))
	}
}

func TestFirstDropsWhatIsNoFirstMessage(t *testing.T) {
	w := newWorld(t)
	m1, err := w.client("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	for name, msg := range map[string][]byte{
		"nothing": nil, "zeros": make([]byte, 1200), "ones": bytes.Repeat([]byte{0xff}, 1200),
		"truncated": m1[:len(m1)-1], "trailing": append(bytes.Clone(m1), 0), "message 3": w.m3(w.client("Alice", "Alice")),
	} {
		if verdict, reply := w.server.First(w.now, testFrom, msg); verdict != Drop || reply != nil {
			t.Errorf("%s: verdict %d, %d bytes back; want Drop", name, verdict, len(reply))
		}
	}
}

// A newcomer asks for the key and believes only the answer to his own question.
func TestKeyAsk(t *testing.T) {
	w := newWorld(t)
	ask, err := NewKeyAsk(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ask.First()
	if err != nil {
		t.Fatal(err)
	}
	verdict, show := w.server.First(w.now, testFrom, first)
	if verdict != Retry {
		t.Fatalf("verdict = %d, want Retry", verdict)
	}
	stranger, err := NewKeyAsk(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = stranger.Next(context.Background(), show)
	wants(t, err, ErrDrop)
	_, _, err = ask.Next(context.Background(), show)
	wants(t, err, ErrKeyShown)
	if !ask.Key().Equal(w.id.Public()) {
		t.Error("the key is not the server's")
	}
}

// "-p", a name and a password are looked at before the network is touched.
func TestClientRefusesBadInput(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		user, password string
		want           error
	}{
		{"", "x", keys.ErrName},
		{"a/b", "x", keys.ErrName},
		{"alice", "", keys.ErrBadPassword},
		{"alice", strings.Repeat("x", 129), keys.ErrBadPassword},
	} {
		_, err := NewClient(ClientConfig{Random: rand.Reader, Server: w.id.Public(), User: test.user, Password: []byte(test.password)})
		wants(t, err, test.want)
	}
}

// A solver stops when its context ends.
func TestNextHonoursItsContext(t *testing.T) {
	w := newWorld(t)
	c := w.client("Alice", "Alice")
	if _, err := c.First(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	hard := wire.C1{Server: w.id.Public().Id(), D: 2, K: 64, IssuedMs: 1, LifeS: 9}
	m2 := signC1(t, w.id, labelC1, hard)
	_, _, err := c.Next(ctx, mustEncode(t, &m2))
	wants(t, err, context.Canceled)
}

// Attack 69: what is printed by accident contains no secret.
func TestAttack69NothingPrintsSecrets(t *testing.T) {
	w := newWorld(t)
	c := w.client("Alice", "correct horse")
	c.replyKey = [32]byte(bytes.Repeat([]byte{0xab}, 32))
	run := w.begin()
	run.replyKey = c.replyKey
	in := Introduction{Key: c.replyKey, Self: "Alice", Peer: "Bob"}
	peer, err := NewPeerInitiator(rand.Reader, in)
	if err != nil {
		t.Fatal(err)
	}
	m3 := wire.M3{User: "Alice", ReplyKey: c.replyKey}
	for _, v := range []any{c, run, w.server, in, &in, peer, &Peer{User: "Alice", m6: keys.NewOnceKey(c.replyKey, [12]byte{})}, &m3} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if _, ok := v.(*wire.M3); ok && format == "%#v" {
				continue // generated types hide their secrets in String
			}
			got := fmt.Sprintf(format, v)
			for _, secret := range []string{"correct horse", "abababab", "171 171", "0xab, 0xab"} {
				if strings.Contains(got, secret) {
					t.Errorf("%T with %s shows %q", v, format, secret)
				}
			}
		}
	}
}

// Attacks 2 and 3: each message, cut at every byte and with bytes behind it, is
// refused by who receives it.
func TestAttack02And03CutAndLengthened(t *testing.T) {
	w := newWorld(t)
	m1, err := w.client("Alice", "Alice").First()
	if err != nil {
		t.Fatal(err)
	}
	ask, err := NewKeyAsk(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	question, err := ask.First()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(variants(m1), variants(question)...) {
		if verdict, reply := w.server.First(w.now, testFrom, b); verdict != Drop || reply != nil {
			t.Fatalf("a first message of %d bytes: verdict %d, %d bytes back; want Drop", len(b), verdict, len(reply))
		}
	}
	_, shown := w.server.First(w.now, testFrom, question)
	for _, b := range variants(shown) {
		_, _, err := ask.Next(context.Background(), b)
		wants(t, err, ErrDrop)
	}
	m2 := w.m2(w.client("Alice", "Alice"))
	for _, b := range variants(m2) {
		_, _, err := w.client("Alice", "Alice").Next(context.Background(), b)
		wants(t, err, ErrDrop)
	}
	c := w.client("Alice", "Alice")
	_, m4 := w.toM4(c)
	for _, b := range variants(m4) {
		_, _, err := c.Next(context.Background(), b)
		wants(t, err, ErrDrop)
	}
	m3 := w.m3(w.client("Alice", "Alice"))
	for i, b := range variants(m3) {
		if i%64 != 0 && len(b) > 390 && len(b) < len(m3) {
			continue // beyond the OAEP each costs a private-key operation: a sample
		}
		w.drops(b, ReasonM3Sealed)
	}
	run, m5, _ := w.toM5(w.client("Bob", "Bob"))
	for i, b := range variants(m5) {
		if i%64 != 0 && len(b) > 390 && len(b) < len(m5) {
			continue
		}
		again := *run
		w.refuses(&again, b, ReasonM5Sealed)
	}
	c = w.client("Alice", "Alice")
	run, m5, _ = w.toM5(c)
	if _, _, err := run.Next(w.now, m5); err != nil {
		t.Fatal(err)
	}
	m6, err := run.Peer().(*Peer).SealM6(w.now, &wire.SignedManifest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range variants(m6) {
		if _, _, err := c.OpenM6(b); err != ErrM6 {
			t.Fatalf("a message 6 of %d bytes: error = %v, want %v", len(b), err, ErrM6)
		}
	}
	if _, _, err := c.OpenM6(m6); err != nil {
		t.Errorf("the good message 6 after the bad ones: %v", err)
	}
}

// variants are a message cut at every byte, and with 1 to 64 bytes behind it.
func variants(b []byte) (out [][]byte) {
	for i := range b {
		out = append(out, b[:i])
	}
	for i := 1; i <= 64; i++ {
		out = append(out, append(bytes.Clone(b), make([]byte, i)...))
	}
	return out
}
