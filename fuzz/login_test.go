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
	"sotto/node/login/classic"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// A loginStory is an honest login, with what each side held at each message. It is
// played once; a target takes copies of the side it attacks.
type loginStory struct {
	users loginUsers
	from  netip.AddrPort
	conn  [32]byte

	m1, m2, m3, m4, m5, m6 []byte
	atM2, atM4, atM6       classic.Client // before they take the message
	atM5                   classic.Run

	replyKey       [32]byte // from message 3, which only the server can open
	plain3, plain5 []byte
	plain4         []byte // with the signature
}

// loginUsers are the accounts: alice alone. It forgets its marks, so that each run can
// be the first.
type loginUsers struct{ alice *wire.Record }

func (u loginUsers) Record(folded string) (*wire.Record, error) {
	if folded == "alice" {
		return u.alice, nil
	}
	return nil, nil
}

func (loginUsers) Mark(time.Time, [32]byte, time.Time) (bool, error) { return true, nil }

func (s *loginStory) server() *classic.Server {
	server, err := classic.NewServer(classic.ServerConfig{
		Random: rand.Reader, Identity: identities()["server"], Users: s.users, Marks: s.users,
	})
	if err != nil {
		panic(err)
	}
	return server
}

var honestLogin = sync.OnceValue(func() *loginStory {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	id := identities()["server"]
	s := &loginStory{from: netip.MustParseAddrPort("192.0.2.1:9"), conn: [32]byte{5}}
	var err error
	s.users.alice, err = classic.NewRecord(rand.Reader, identities()["alice"], "alice", []byte("pw"), fixedNow, keys.WeakForTests)
	must(err)
	server := s.server()
	c, err := classic.NewClient(classic.ClientConfig{
		Random: rand.Reader, Server: id.Public(), User: "alice", Password: []byte("pw"), Stretch: keys.WeakForTests,
	})
	must(err)
	c.Bind(s.conn)
	s.m1, err = c.First()
	must(err)
	_, s.m2 = server.First(fixedNow, s.from, s.m1)
	s.atM2 = *c
	s.m3, _, err = c.Next(context.Background(), s.m2)
	must(err)
	run := server.Begin(fixedNow, s.from, s.conn)
	s.m4, _, err = run.Next(fixedNow, s.m3)
	must(err)
	s.atM4, s.atM5 = *c, *run
	s.m5, _, err = c.Next(context.Background(), s.m4)
	must(err)
	s.atM6 = *c
	_, _, err = run.Next(fixedNow, s.m5)
	must(err)
	s.m6, err = run.Peer().(*classic.Peer).SealM6(fixedNow, &wire.SignedManifest{})
	must(err)

	unseal := func(l keys.Label, b []byte) []byte {
		var sealed wire.Sealed
		must(sealed.UnmarshalBinary(b))
		plain, err := id.Open(l, &sealed)
		must(err)
		return plain
	}
	s.plain3, s.plain5 = unseal("m3", s.m3), unseal("m5", s.m5)
	var m3 wire.M3
	must(m3.UnmarshalBinary(s.plain3))
	s.replyKey = m3.ReplyKey
	s.plain4, err = s.m4Key().Open(keys.Label("m4").Bytes(), s.m4)
	must(err)
	return s
})

// m4Key is the key of message 4, made as the spec says.
func (s *loginStory) m4Key() *keys.OnceKey {
	salt := keys.Label("m3").Hash(s.m3)
	return keys.ExpandOnceKey(keys.Extract(s.replyKey[:], salt[:]), "m4 key", "m4 iv")
}

// FuzzLoginServer is a hostile client: it sends any bytes, any bytes under a proper
// seal, and honest messages with some bytes changed, before and behind the seal.
func FuzzLoginServer(f *testing.F) {
	s := honestLogin()
	for message := range byte(3) {
		for how := range byte(4) {
			f.Add(message, how, []byte{})
			f.Add(message, how, []byte{0, 0, 1})
			f.Add(message, how, []byte{0, 1, 0xff, 0, 40, 1})
			f.Add(message, how, []byte{17})
			f.Add(message, how, []byte{0, 0})
			f.Add(message, how, bytes.Repeat([]byte{0xff}, 64))
		}
	}
	f.Fuzz(func(t *testing.T, message, how byte, data []byte) {
		honest := [][]byte{s.m1, s.m3, s.m5}[message%3]
		plain := [][]byte{make([]byte, 64), s.plain3, s.plain5}[message%3]
		label := []keys.Label{"m1", "m3", "m5"}[message%3]
		var msg []byte
		same := false // the honest message, perhaps under another seal
		switch how % 4 {
		case 0:
			msg = data
		case 1:
			msg = patched(honest, data)
			same = bytes.Equal(msg, honest)
		case 2:
			msg = sealedTo(t, identities()["server"].Public(), label, data)
		case 3:
			changed := patched(plain, data)
			msg = sealedTo(t, identities()["server"].Public(), label, changed)
			same = bytes.Equal(changed, plain)
		}
		if message%3 == 0 {
			verdict, reply := s.server().First(fixedNow, s.from, msg)
			if (verdict == classic.Retry) != (reply != nil) || len(reply) > 600 {
				t.Fatalf("verdict %d with %d bytes", verdict, len(reply))
			}
			return
		}
		var run classic.Run
		if message%3 == 1 {
			run = *s.server().Begin(fixedNow, s.from, s.conn)
		} else {
			run = s.atM5
		}
		reply, secrets, err := run.Next(fixedNow, msg)
		if err != nil && (reply != nil || secrets != nil || run.Peer() != nil) {
			t.Fatal("a refused message has an answer, secrets or a peer")
		}
		if accepted := err == nil; accepted != same {
			t.Fatalf("accepted = %v, is honest = %v: %v", accepted, same, err)
		}
		if err != nil {
			if _, _, again := run.Next(fixedNow, honest); again == nil {
				t.Fatal("the run goes on after it was refused")
			}
		}
	})
}

// FuzzLoginClient is a hostile server, which holds the server's key and the reply key.
func FuzzLoginClient(f *testing.F) {
	s := honestLogin()
	for message := range byte(3) {
		for how := range byte(4) {
			f.Add(message, how, []byte{})
			f.Add(message, how, []byte{0, 0, 1})
			f.Add(message, how, []byte{0, 65, 0xff, 0, 66, 0xff}) // d and k of c1
			f.Add(message, how, []byte{0, 66, 0x7f})
			f.Add(message, how, []byte{1, 0, 2, 8, 0, 3})
			f.Add(message, how, []byte{17})
			f.Add(message, how, bytes.Repeat([]byte{0xff}, 64))
		}
	}
	tired, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, message, how byte, data []byte) {
		server := identities()["server"]
		honest := [][]byte{s.m2, s.m4, s.m6}[message%3]
		msg, ctx := data, context.Background()
		same := false
		switch {
		case how%4 == 1, message%3 == 2 && how%4 > 1:
			msg = patched(honest, data)
			same = bytes.Equal(msg, honest)
		case message%3 == 0 && how%4 > 1: // any C1, signed
			var m2 wire.M2
			if err := m2.UnmarshalBinary(s.m2); err != nil {
				t.Fatal(err)
			}
			if m2.Body.UnmarshalBinary(patched(m2.BodyRaw, data)) != nil {
				return
			}
			m2.Sig, _ = server.Sign(rand.Reader, "c1", encoded(t, &m2.Body))
			msg, ctx = encoded(t, &m2), tired // who solves it may take a while
		case message%3 == 1 && how%4 == 2: // anything under the reply key
			msg = s.m4Key().Seal(keys.Label("m4").Bytes(), patched(s.plain4, data))
			same = bytes.Equal(msg, s.m4)
		case message%3 == 1 && how%4 == 3: // and signed
			var m4 wire.SignedM4
			if err := m4.UnmarshalBinary(s.plain4); err != nil {
				t.Fatal(err)
			}
			raw := bytes.Clone(m4.BodyRaw)
			if m4.Body.UnmarshalBinary(patched(raw, data)) != nil {
				return
			}
			body := encoded(t, &m4.Body)
			same = bytes.Equal(body, raw)
			m4.Sig, _ = server.Sign(rand.Reader, "m4", body)
			msg = s.m4Key().Seal(keys.Label("m4").Bytes(), encoded(t, &m4))
		}
		if message%3 == 2 {
			if same {
				return // it would use up the key, which all copies share
			}
			c := s.atM6
			if session, manifest, err := c.OpenM6(msg); err == nil || session != nil || manifest != nil {
				t.Fatal("a message 6 was accepted that isn't the server's")
			}
			return
		}
		c := s.atM2
		if message%3 == 1 {
			c = s.atM4
		}
		reply, secrets, err := c.Next(ctx, msg)
		if err != nil {
			var hard *puzzle.TooHardError
			switch {
			case reply != nil || secrets != nil:
				t.Fatal("a refused message has an answer or secrets")
			case same:
				t.Fatalf("the honest message: %v", err)
			case errors.Is(err, classic.ErrDrop), errors.Is(err, classic.ErrPassword), errors.Is(err, context.Canceled), errors.As(err, &hard):
			default:
				t.Fatalf("an error that says too much: %v", err)
			}
			return
		}
		if !same && ctx != tired {
			t.Fatal("a message was accepted that isn't the server's")
		}
		if (secrets != nil) != (message%3 == 1) {
			t.Fatalf("secrets = %v after message %d", secrets != nil, message%3)
		}
	})
}

// FuzzKeyAsk is a hostile server before a newcomer, who knows no key yet: nothing but
// a sound key in answer to this very question is taken.
func FuzzKeyAsk(f *testing.F) {
	s := honestLogin()
	for _, how := range []bool{false, true} {
		f.Add(how, []byte{})
		f.Add(how, []byte{0, 5, 1})
		f.Add(how, []byte{0, 40, 0x80})
		f.Add(how, []byte{1, 0xa0, 1}) // an even modulus
		f.Add(how, []byte{3})
	}
	f.Fuzz(func(t *testing.T, patch bool, data []byte) {
		ask, err := classic.NewKeyAsk(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		question, err := ask.First()
		if err != nil {
			t.Fatal(err)
		}
		_, honest := s.server().First(fixedNow, s.from, question)
		msg := data
		if patch {
			msg = patched(honest, data)
		}
		reply, secrets, err := ask.Next(context.Background(), msg)
		if reply != nil || secrets != nil {
			t.Fatal("a question was answered with more than a key")
		}
		var show, good wire.KeyShow
		if good.UnmarshalBinary(honest) != nil {
			t.Fatal("the honest answer does not decode")
		}
		switch {
		case errors.Is(err, classic.ErrKeyShown):
			if show.UnmarshalBinary(msg) != nil || show.ClientNonce != good.ClientNonce || ask.Key().Modulus() != show.Key {
				t.Fatal("a key was taken from something that is no answer")
			}
		case !errors.Is(err, classic.ErrDrop) || ask.Key() != nil:
			t.Fatalf("error %v, key %v; want a drop", err, ask.Key())
		case bytes.Equal(msg, honest):
			t.Fatal("the honest answer was dropped")
		}
	})
}

// FuzzIntroduction is a stranger at both ends of an introduction, who knows the id but
// not the key.
func FuzzIntroduction(f *testing.F) {
	for role := range byte(4) {
		f.Add(role, []byte{})
		f.Add(role, []byte{0, 0, 1})
		f.Add(role, []byte{0, 60, 0xff})
		f.Add(role, []byte{3})
		f.Add(role, bytes.Repeat([]byte{1}, 81))
	}
	f.Fuzz(func(t *testing.T, role byte, data []byte) {
		from, conn := netip.MustParseAddrPort("192.0.2.1:9"), [32]byte{5}
		in := classic.Introduction{Id: [16]byte{1}, Key: [32]byte{2}, Self: "alice", Peer: "bob", Expires: fixedNow.Add(time.Minute)}
		caller, err := classic.NewPeerInitiator(rand.Reader, in)
		if err != nil {
			t.Fatal(err)
		}
		in.Self, in.Peer = in.Peer, in.Self
		waiting := &classic.Introductions{Random: rand.Reader}
		if err := waiting.Add(fixedNow, in); err != nil {
			t.Fatal(err)
		}
		p1, err := caller.First()
		if err != nil {
			t.Fatal(err)
		}
		caller.Bind(conn)
		change := func(honest []byte) []byte {
			if role%2 == 0 {
				return data
			}
			return patched(honest, data)
		}
		if role%4 < 2 {
			msg := change(p1)
			verdict, _ := waiting.First(fixedNow, from, msg)
			_, secrets, err := waiting.Begin(fixedNow, from, conn).Next(fixedNow, msg)
			if same := bytes.Equal(msg, p1); (verdict == classic.Proceed) != same || (err == nil) != same || (secrets != nil) != same {
				t.Fatalf("verdict %d, error %v, is honest = %v", verdict, err, same)
			}
			return
		}
		p2, _, err := waiting.Begin(fixedNow, from, conn).Next(fixedNow, p1)
		if err != nil {
			t.Fatal(err)
		}
		msg := change(p2)
		reply, secrets, err := caller.Next(context.Background(), msg)
		if same := bytes.Equal(msg, p2); reply != nil || (secrets != nil) != same || (err == nil) != same {
			t.Fatalf("error %v, is honest = %v", err, same)
		}
	})
}
