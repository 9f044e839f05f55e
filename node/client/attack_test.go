package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sotto/node/chat"
	"sotto/node/client"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/session"
	"sotto/node/transport"
	"sotto/wire"
)

// An eve is a user with a client of her own making: she logs in as everybody
// does and sends whatever she likes.
type eve struct {
	t        *testing.T
	world    *world
	endpoint *transport.Endpoint
	conn     *transport.Conn
	seq      uint64
}

type hands struct{ *classic.Client }

func (h hands) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	reply, s, err := h.Client.Next(ctx, msg)
	if errors.Is(err, classic.ErrDrop) {
		err = transport.ErrDrop
	}
	return reply, s, err
}

func newEve(t *testing.T, w *world) *eve {
	t.Helper()
	sock, err := client.Listen(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	e := &eve{t: t, world: w, seq: uint64(time.Now().UnixMilli())}
	if e.endpoint, err = transport.NewEndpoint(sock, transport.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.endpoint.Close() })
	login, err := classic.NewClient(classic.ClientConfig{
		Random: rand.Reader, Server: w.key.Public(), User: "Eve", Password: []byte("Eve"), Stretch: keys.WeakForTests,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if e.conn, err = e.endpoint.Dial(ctx, w.addr, hands{login}); err != nil {
		t.Fatal(err)
	}
	control, err := e.conn.OpenStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.NewWriter(control).Item(&wire.Signal{Type: wire.SignalTypeAck}); err != nil {
		t.Fatal(err)
	}
	if _, err := chat.NewReader(control, chat.MaxPush).Frame(); err != nil {
		t.Fatal(err)
	}
	return e
}

// seal seals as somebody, with the next number.
func (e *eve) seal(from, to, text string, change func(*envelope.Heading)) []byte {
	e.t.Helper()
	e.seq++
	h := envelope.Heading{Seq: e.seq, Sent: time.Now(), ManifestVersion: 1}
	rand.Read(h.Id[:])
	if change != nil {
		change(&h)
	}
	b, err := envelope.Seal(rand.Reader,
		envelope.Sender{Identity: identities()[from], Name: from},
		envelope.Person{Name: to, Key: identities()[to].Public()}, h, text)
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// resign puts her own signature under an envelope that somebody else made.
func (e *eve) resign(sealed []byte, change func(*wire.EnvelopeHeader)) []byte {
	e.t.Helper()
	var env wire.Envelope
	if err := env.UnmarshalBinary(sealed); err != nil {
		e.t.Fatal(err)
	}
	if change != nil {
		change(&env.Body.Header)
	}
	body, err := env.Body.MarshalBinary()
	if err != nil {
		e.t.Fatal(err)
	}
	if env.Sig, err = identities()["Eve"].Sign(rand.Reader, "msg", body); err != nil {
		e.t.Fatal(err)
	}
	b, err := env.MarshalBinary()
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// send gives an envelope to the server for somebody.
func (e *eve) send(to string, sealed []byte) {
	e.t.Helper()
	req := &wire.Request{Type: wire.RequestTypeSend, Send: wire.SendRequest{To: to, Envelope: sealed}}
	rand.Read(req.Send.Id[:])
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	if _, err := chat.Ask(ctx, e.conn, req); err != nil {
		e.t.Fatal(err)
	}
}

// refused waits until n things were not accepted for a reason, and checks that
// nothing but what is genuine was shown.
func (p *person) refused(n int, why error) {
	p.t.Helper()
	await(p, "a refusal: "+why.Error(), n, func(e client.Unreadable) bool { return errors.Is(e.Why, why) })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if m, ok := e.(client.Message); ok && m.Text != "genuine" {
			p.t.Errorf("%q from %s was shown", m.Text, m.From)
		}
	}
}

// "Eve re-signs A's (ek, ct) with h.from = Eve, and with h unchanged → reject
// both."
func TestAttack32EveResignsAlicesMessage(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	eve := newEve(t, w)
	stolen := eve.seal("Alice", "Bob", "from Alice", nil)
	eve.send("Bob", eve.resign(stolen, nil))
	bob.refused(1, envelope.ErrSignature)
	eve.send("Bob", eve.resign(stolen, func(h *wire.EnvelopeHeader) {
		h.From, h.FromKey = "Eve", identities()["Eve"].Public().Id()
	}))
	bob.refused(1, envelope.ErrSealed)
	// Bob is not harmed.
	eve.send("Bob", eve.seal("Eve", "Bob", "genuine", nil))
	bob.gets("Eve", "genuine")
}

// "A's E for Eve delivered to B → reject (to ≠ me)"; "h.from_key not the key
// in the manifest/pin; h.to_key an old key of mine → reject, say why".
func TestAttack33And34WrongAddressAndKeys(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	eve := newEve(t, w)
	eve.send("Bob", eve.seal("Alice", "Eve", "for Eve", nil))
	bob.refused(1, envelope.ErrNotForMe)
	now, oldKey := time.Now(), identities()["new"]
	for why, people := range map[error][2]*keys.Identity{
		envelope.ErrSenderKey: {oldKey, identities()["Bob"]},
		envelope.ErrOldKey:    {identities()["Eve"], oldKey},
	} {
		b, err := envelope.Seal(rand.Reader, envelope.Sender{Identity: people[0], Name: "Eve"},
			envelope.Person{Name: "Bob", Key: people[1].Public()}, envelope.Heading{Id: [16]byte{1}, Seq: eve.seq, Sent: now}, "odd keys")
		if err != nil {
			t.Fatal(err)
		}
		eve.send("Bob", b)
		bob.refused(1, why)
	}
	eve.send("Bob", []byte("no envelope at all"))
	bob.refused(1, envelope.ErrMalformed)
}

// "seq: gap → shown as gap; same seq with other id → alarm; sent +1 h → reject".
func TestAttack37Numbers(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	eve := newEve(t, w)
	at := func(seq uint64) func(*envelope.Heading) { return func(h *envelope.Heading) { h.Seq = seq } }
	first := eve.seq
	eve.send("Bob", eve.seal("Eve", "Bob", "genuine", at(first)))
	bob.gets("Eve", "genuine")
	eve.send("Bob", eve.seal("Eve", "Bob", "another under the same number", at(first)))
	bob.refused(1, envelope.ErrSeqReused)
	eve.send("Bob", eve.seal("Eve", "Bob", "from the future", func(h *envelope.Heading) { h.Sent = time.Now().Add(time.Hour) }))
	bob.refused(1, envelope.ErrFromFuture)
	eve.send("Bob", eve.seal("Eve", "Bob", "genuine", at(first+4)))
	gap := await(bob, "a gap", 1, func(client.Gap) bool { return true })[0]
	if gap.From != "Eve" || gap.Missing != 3 {
		t.Errorf("%+v, want 3 missing from Eve", gap)
	}
	// What comes after all is shown, once, and said to be late.
	late := eve.seal("Eve", "Bob", "genuine", at(first+2))
	eve.send("Bob", late)
	eve.send("Bob", late)
	await(bob, "the late one", 1, func(m client.Message) bool { return m.Late })
	eve.send("Bob", eve.seal("Eve", "Bob", "genuine", at(first+5)))
	await(bob, "all", 4, func(client.Message) bool { return true })
	if n := bob.count("genuine"); n != 4 {
		t.Errorf("%d messages shown, want 4", n)
	}
}

// "sender address in a bad-signature E → routing table unchanged": what Eve
// forges in Alice's name changes nothing of the way to Alice.
func TestAttack40ForgeryMovesNobody(t *testing.T) {
	w := newWorld(t)
	bob, alice := w.enter("Bob"), w.enter("Alice")
	bob.told(bob.says("Alice", "genuine"), client.Delivered)
	eve := newEve(t, w)
	eve.send("Bob", eve.resign(eve.seal("Alice", "Bob", "forged", nil), nil))
	bob.refused(1, envelope.ErrSignature)
	if e := bob.told(bob.says("Alice", "to the true Alice"), client.Delivered); !e.Direct {
		t.Error("the direct conn with Alice is gone")
	}
	alice.gets("Bob", "to the true Alice")
}

// "peer key changes between two messages → TOFU alarm, send refused until
// accepted".
func TestAttack38PeerKeyChanges(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	before, err := bob.Compare(t.Context(), "Alice")
	if err != nil {
		t.Fatal(err)
	}
	w.halt()
	w.register("Alice", identities()["new"])
	w.start()
	e := await(bob, "the alarm", 1, func(client.KeyChanged) bool { return true })[0]
	newKey := identities()["new"].Public()
	if e.User != "Alice" || e.Fingerprint != newKey.Fingerprint() {
		t.Errorf("%+v, want Alice with the new key", e)
	}
	_, err = bob.Send(t.Context(), "Alice", "a secret")
	var changed *client.KeyChangedError
	if !errors.As(err, &changed) {
		t.Fatalf("send: %v, want a KeyChangedError", err)
	}
	alice := w.enter("Alice")
	if _, err := alice.Send(t.Context(), "Bob", "it is me"); err != nil {
		t.Fatal(err)
	}
	bob.refused(1, envelope.ErrSenderKey)

	after, err := bob.Compare(t.Context(), "Alice")
	if err != nil || !after.Changed || after.Number == before.Number {
		t.Errorf("comparison %+v, %v; want another number, of a changed key", after, err)
	}
	if _, err := bob.Trust(t.Context(), "Alice", "1234"); !errors.Is(err, client.ErrDigits) {
		t.Errorf("trust with four digits: %v", err)
	}
	if _, err := bob.Trust(t.Context(), "Alice", identities()["Eve"].Public().Fingerprint()); !errors.Is(err, client.ErrDigits) {
		t.Errorf("trust with Eve's digits: %v", err)
	}
	// The draft is kept over a restart, and goes out when the key is accepted.
	bob.leave()
	bob = w.enter("Bob")
	if _, err := bob.Send(t.Context(), "Alice", "another"); !errors.As(err, &changed) {
		t.Errorf("after a restart: %v, want a KeyChangedError", err)
	}
	if drafts, err := bob.Trust(t.Context(), "Alice", newKey.Fingerprint()[:5]); err != nil || drafts != 2 {
		t.Errorf("%d drafts, %v; want the two that were kept", drafts, err)
	}
	alice.gets("Bob", "a secret")
	alice.gets("Bob", "another")
	if mine, err := alice.Compare(t.Context(), "Bob"); err != nil || mine.Number != after.Number {
		t.Errorf("Alice reads %q, Bob %q (%v)", mine.Number, after.Number, err)
	}
}

// "running clients alarm on the new server key", and a new login shows the
// password to nobody.
func TestAttack67AnotherServerKey(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	w.halt()
	genuine := w.serverKey()
	w.key = identities()["new"]
	w.engine.Close()
	w.dir = t.TempDir() // a new server has a new state
	w.openStore()
	w.register("Bob", identities()["Bob"])
	w.start()
	e := await(bob, "the end", 1, func(client.Ended) bool { return true })[0]
	var other *client.ServerKeyError
	if !errors.As(e.Why, &other) || other.Shown != w.key.Public().Fingerprint() || other.Pinned != genuine.Fingerprint() {
		t.Errorf("ended with %v, want the alarm about the server's key", e.Why)
	}
	_, err := w.open("Bob", func(cfg *client.Config) { cfg.ServerKey = genuine })
	if !errors.As(err, &other) {
		t.Errorf("login: %v, want a ServerKeyError", err)
	}
}

// "client gets c1 with bad signature / other server id → no work done, keeps
// waiting for a good one"; "two c1 in flight, first is the forged one → login
// still succeeds".
func TestAttack16And17ForgedChallengeFirst(t *testing.T) {
	w := newWorld(t)
	forger := newWorldFolder(t, w)
	forger.key, forger.addr = identities()["new"], netip.MustParseAddrPort("127.0.0.1:0")
	forger.openStore()
	forger.start()
	t.Cleanup(forger.close)
	path := newTwoServers(t, forger.addr, w.addr)
	bob, err := w.open("Bob", func(cfg *client.Config) { cfg.Servers = []netip.AddrPort{path} })
	if err != nil {
		t.Fatalf("login with a forged challenge first: %v", err)
	}
	bob.leave()
}

// newTwoServers relays a client's datagrams to two servers, and gives the
// client the answers of both; those of the first come first while the login
// begins.
func newTwoServers(t *testing.T, first, second netip.AddrPort) netip.AddrPort {
	t.Helper()
	front, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	var backs []*net.UDPConn
	for _, to := range []netip.AddrPort{first, second} {
		back, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		backs = append(backs, back)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		front.Close()
		backs[0].Close()
		backs[1].Close()
		<-done
	})
	go func() {
		defer close(done)
		b := make([]byte, 1<<16)
		inward := false
		for {
			n, from, err := front.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if !inward {
				inward = true
				// The forger answers the first datagram before the server sees it.
				backs[0].Write(b[:n])
				answer := make([]byte, 1<<16)
				m, err := backs[0].Read(answer)
				if err != nil {
					return
				}
				front.WriteToUDPAddrPort(answer[:m], from)
				go relay(backs[1], front, from)
			}
			backs[1].Write(b[:n])
		}
	}()
	return front.LocalAddr().(*net.UDPAddr).AddrPort()
}

func relay(back, front *net.UDPConn, to netip.AddrPort) {
	b := make([]byte, 1<<16)
	for {
		n, err := back.Read(b)
		if err != nil {
			return
		}
		front.WriteToUDPAddrPort(b[:n], to)
	}
}

// "logs, core dump, crash trace after a login → contain no password, key,
// plaintext": no text of ours says a secret, and the profile holds neither the
// password nor a plaintext.
func TestAttack69NoSecretsOnDisk(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("Bob")
	alice, err := w.openDeaf("Alice")
	if err != nil {
		t.Fatal(err)
	}
	const secret = "the plaintext that nobody else may find"
	bob.told(bob.says("Alice", secret), client.Delivered)
	bob.told(bob.says("Eve", secret), client.Queued)
	alice.Close()
	alice.profile.Close()
	bob.leave()
	for path, b := range readAll(t, w.dir) {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s holds the plaintext", path)
		}
		for name, id := range identities() {
			private := id.Wire()
			if secret, err := private.MarshalBinary(); err == nil && len(secret) > 64 && strings.Contains(string(b), string(secret[:64])) {
				t.Errorf("%s holds the private key of %q", path, name)
			}
		}
	}
}
