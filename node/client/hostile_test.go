package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/client"
	"sotto/node/client/profile"
	"sotto/node/envelope"
	"sotto/node/login/classic"
	"sotto/node/session"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// "failed: why": a message that the recipient's client does not accept is not
// said to be delivered, on either way.
func TestRefusedMessageFails(t *testing.T) {
	w := newWorld(t)
	w.enter("Bob").leave() // knows Alice's key from now on
	w.halt()
	w.register("Alice", identities()["new"])
	w.start()
	alice := w.enter("Alice")
	waiting := alice.says("Bob", "sent while Bob is away")
	alice.told(waiting, client.Queued)
	bob := w.enter("Bob")
	bob.refused(1, envelope.ErrSenderKey)
	if e := alice.told(waiting, client.Failed); e.Why == "" {
		t.Error("failed without a reason")
	}
	alice.told(alice.says("Bob", "sent while Bob is there"), client.Failed)
	bob.refused(2, envelope.ErrSenderKey)
}

// A server that was restored from a backup counts the positions of its
// mailboxes from an earlier one on. What a client remembers of the positions
// acknowledges nothing there.
func TestServerIsRestoredFromABackup(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.enter("Alice", byServer), w.enter("Bob", byServer)
	alice.told(alice.says("Bob", "before the backup"), client.Delivered)
	var backup bytes.Buffer
	if err := w.engine.Snapshot(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		alice.told(alice.says("Bob", "after the backup"), client.Delivered)
	}
	alice.leave()
	w.halt()
	w.engine.Close()
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		os.Remove(filepath.Join(w.dir, "server", name))
	}
	if err := os.WriteFile(filepath.Join(w.dir, "server", "state.db"), backup.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.openStore()
	user, err := w.engine.User(t.Context(), "Bob")
	if err != nil {
		t.Fatal(err)
	}
	sealed := (&eve{t: t, seq: 5}).seal("Charlie", "Bob", "from Charlie", nil)
	_, err = w.engine.Do(t.Context(), store.Op{At: time.Now().UnixMilli(), Append: &store.Append{
		Mailbox: user.Mailbox, From: "Charlie", ExpiresMs: uint64(time.Now().Add(time.Hour).UnixMilli()), Body: sealed,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	bob.gets("Charlie", "from Charlie")
}

// A message that waited in our outbox for longer than a direct conn allows
// goes by the server.
func TestOldMessageGoesByTheServer(t *testing.T) {
	w := newWorld(t)
	bob, alice := w.enter("Bob"), w.enter("Alice")
	p := alice.profile
	if err := alice.Client.Close(); err != nil {
		t.Fatal(err)
	}
	<-alice.ended
	alice.gone = true
	old := time.Now().Add(-25 * time.Hour)
	out, err := p.Send(t.Context(), "Bob", old.UnixMilli(), func(seq uint64) (s profile.Sealed, err error) {
		rand.Read(s.ID[:])
		s.Envelope, err = envelope.Seal(rand.Reader, envelope.Sender{Identity: identities()["Alice"], Name: "Alice"},
			envelope.Person{Name: "Bob", Key: identities()["Bob"].Public()},
			envelope.Heading{Id: s.ID, Seq: seq, Sent: old, ManifestVersion: 1}, "written yesterday")
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	alice = w.enter("Alice")
	bob.gets("Alice", "written yesterday")
	if e := alice.told(out.ID, client.Delivered); e.Direct {
		t.Error("it went directly")
	}
}

// "-relay: nothing directly to other users", nor from them.
func TestRelayIsForBothDirections(t *testing.T) { inBothTiers(t, testRelayIsForBothDirections) }

func testRelayIsForBothDirections(t *testing.T, w *world) {
	bob, alice := w.enter("Bob", byServer), w.enter("Alice")
	for range 2 {
		if e := alice.told(alice.says("Bob", "hi"), client.Delivered); e.Direct {
			t.Error("Alice reached Bob directly")
		}
		if e := bob.told(bob.says("Alice", "hi"), client.Delivered); e.Direct {
			t.Error("Bob reached Alice directly")
		}
	}
}

// What the server holds for somebody is not sent to it again at each start,
// and told of in one line.
func TestHeldMessagesAreToldOfOnce(t *testing.T) { inBothTiers(t, testHeldMessagesAreToldOfOnce) }

func testHeldMessagesAreToldOfOnce(t *testing.T, w *world) {
	bob := w.enter("Bob")
	for range 3 {
		bob.told(bob.says("Alice", "waiting"), client.Queued)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := bob.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	bob.leave()
	bob = w.enter("Bob")
	e := await(bob, "the held ones", 1, func(client.Held) bool { return true })[0]
	if e.To != "Alice" || e.Messages != 3 {
		t.Errorf("%+v, want 3 messages to Alice", e)
	}
	w.enter("Alice")
	await(bob, "deliveries", 3, func(e client.StateChanged) bool { return e.State == client.Delivered })
	bob.mu.Lock()
	defer bob.mu.Unlock()
	for _, e := range bob.events {
		if s, ok := e.(client.StateChanged); ok && s.State == client.Queued {
			t.Errorf("told again: %+v", s)
		}
	}
}

type peerHands struct{ *classic.PeerInitiator }

func (h peerHands) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	reply, s, err := h.PeerInitiator.Next(ctx, msg)
	if errors.Is(err, classic.ErrDrop) {
		err = transport.ErrDrop
	}
	return reply, s, err
}

// dial makes a direct conn with somebody.
func (e *eve) dial(name string) *transport.Conn {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	reply, err := chat.Ask(ctx, e.conn, &wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: name}})
	if err != nil {
		e.t.Fatal(err)
	}
	at := reply.Locate.Online
	p, err := classic.NewPeerInitiator(rand.Reader, classic.Introduction{
		Id: at.IntroId, Key: at.IntroKey, Self: "Eve", Peer: name, Expires: time.Now().Add(time.Minute),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	c, err := e.endpoint.Dial(ctx, chat.AddrPort(&at.Address), peerHands{p})
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// A user sends on one stream of a direct conn. Who opens a second one loses
// the conn, so streams that come and go leave nothing behind.
func TestOneStreamForEachDirectConn(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	eve := newEve(t, w)
	c := eve.dial("Bob")
	for range 2 {
		s, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{0})
	}
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the conn lives on")
	}
	eve.send("Bob", eve.seal("Eve", "Bob", "genuine", nil))
	bob.gets("Eve", "genuine")
}

// A user who dials again and again has a few conns, not many.
func TestFewDirectConnsForEachUser(t *testing.T) {
	w := newWorld(t)
	w.enter("Bob")
	eve := newEve(t, w)
	var conns []*transport.Conn
	for range 10 {
		conns = append(conns, eve.dial("Bob"))
	}
	late := time.After(patience)
	for _, c := range conns[:len(conns)-3] {
		select {
		case <-c.Done():
		case <-late:
			t.Fatalf("an old conn lives on; %d goroutines", runtime.NumGoroutine())
		}
	}
	if err := conns[len(conns)-1].Err(); err != nil {
		t.Errorf("the newest conn: %v", err)
	}
}
