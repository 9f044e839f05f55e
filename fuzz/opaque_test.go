package fuzz

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"errors"
	"io"
	"sync"
	"testing"

	"sotto/node/keys"
	"sotto/node/login/opaque"
	"sotto/wire"
)

// An opaqueStory is an honest registration and login with fixed random bytes, so that
// each side can be played again up to any message.
type opaqueStory struct {
	server       *opaque.Server
	user, secret []byte
	ids          opaque.Identities
	context      []byte

	request  *wire.OpaqueRequest
	response *wire.OpaqueResponse
	record   *wire.OpaqueRecord
	ke1      *wire.OpaqueKe1
	ke2      *wire.OpaqueKe2
	ke3      *wire.OpaqueKe3
	session  [64]byte
}

// fixed gives the same random bytes each time.
func (*opaqueStory) fixed() io.Reader {
	b := make([]byte, 1024)
	for i := range b {
		b[i] = byte(i*i>>3 ^ i)
	}
	return bytes.NewReader(b)
}

func (s *opaqueStory) registration() (*opaque.Registration, *wire.OpaqueRequest) {
	registration, request, err := opaque.StartRegistration(s.fixed(), s.secret)
	if err != nil {
		panic(err)
	}
	return registration, request
}

func (s *opaqueStory) login() (*opaque.Login, *wire.OpaqueKe1) {
	login, ke1, err := opaque.StartLogin(s.fixed(), s.secret)
	if err != nil {
		panic(err)
	}
	return login, ke1
}

func (s *opaqueStory) respond(record *wire.OpaqueRecord, ke1 *wire.OpaqueKe1) (*wire.OpaqueKe2, *opaque.Pending, error) {
	return s.server.Respond(s.fixed(), record, s.user, s.ids, s.context, ke1)
}

func (s *opaqueStory) finish(login *opaque.Login, ke2 *wire.OpaqueKe2) (*wire.OpaqueKe3, *opaque.Keys, error) {
	return login.Finish(ke2, s.ids, s.context, keys.WeakForTests)
}

var honestOpaque = sync.OnceValue(func() *opaqueStory {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	s := &opaqueStory{
		user: []byte("alice"), context: []byte("context"),
		ids: opaque.Identities{Client: []byte("alice"), Server: []byte("server")},
	}
	secrets, err := opaque.GenerateSecrets(s.fixed())
	must(err)
	s.server, err = opaque.NewServer(secrets)
	must(err)
	s.secret, err = opaque.Input([]byte("pw"), s.ids)
	must(err)
	registration, request := s.registration()
	s.request = request
	s.response, err = s.server.Register(s.request, s.user)
	must(err)
	s.record, _, err = registration.Finish(s.fixed(), s.response, s.ids, keys.WeakForTests)
	must(err)
	login, ke1 := s.login()
	s.ke1 = ke1
	ke2, pending, err := s.respond(s.record, ke1)
	must(err)
	s.ke2 = ke2
	s.ke3, _, err = s.finish(login, ke2)
	must(err)
	s.session, err = pending.Finish(s.ke3)
	must(err)
	return s
})

// hostileMessage makes of data a message, of any bytes or of an honest one. It reports
// whether there is one, and whether it is the honest one.
func hostileMessage(t *testing.T, honest encoding.BinaryMarshaler, into encoding.BinaryUnmarshaler, change bool, data []byte) (ok, same bool) {
	good := encoded(t, honest)
	if change {
		data = patched(good, data)
	}
	if into.UnmarshalBinary(data) != nil {
		return false, false
	}
	return true, bytes.Equal(data, good)
}

func opaqueSeeds(f *testing.F, messages byte) {
	for message := range messages {
		for _, change := range []bool{true, false} {
			f.Add(message, change, []byte{})
			f.Add(message, change, []byte{0, 0, 1})
			f.Add(message, change, []byte{0, 40, 0xff, 0, 70, 1})
			f.Add(message, change, []byte{17})
			f.Add(message, change, make([]byte, 96))
			f.Add(message, change, bytes.Repeat([]byte{0xff}, 192))
		}
	}
}

// FuzzOpaqueServer is a hostile client. No message but the honest one brings a session,
// and none at all does for a user who doesn't exist.
func FuzzOpaqueServer(f *testing.F) {
	opaqueSeeds(f, 4)
	f.Fuzz(func(t *testing.T, message byte, change bool, data []byte) {
		s := honestOpaque()
		switch message % 4 {
		case 0:
			var request wire.OpaqueRequest
			if ok, _ := hostileMessage(t, s.request, &request, change, data); !ok {
				return
			}
			response, err := s.server.Register(&request, s.user)
			if (err == nil) != (response != nil) || err != nil && !errors.Is(err, opaque.ErrMessage) {
				t.Fatalf("response %v, error %v", response, err)
			}
		case 1:
			var record wire.OpaqueRecord
			ok, same := hostileMessage(t, s.record, &record, change, data)
			if !ok || opaque.CheckRecord(&record) != nil {
				return
			}
			ke2, _, err := s.respond(&record, s.ke1)
			if err != nil {
				t.Fatalf("a record that was checked: %v", err)
			}
			login, _ := s.login()
			if ke3, _, err := s.finish(login, ke2); (err == nil) != same || (ke3 != nil) != same {
				t.Fatalf("honest record: %v; the client ends with %v", same, err)
			}
		case 2:
			var ke1 wire.OpaqueKe1
			ok, same := hostileMessage(t, s.ke1, &ke1, change, data)
			if !ok {
				return
			}
			for _, record := range []*wire.OpaqueRecord{s.record, nil} {
				ke2, pending, err := s.respond(record, &ke1)
				if err != nil {
					if ke2 != nil || pending != nil || same || !errors.Is(err, opaque.ErrMessage) {
						t.Fatalf("ke2 %v, error %v", ke2, err)
					}
					continue
				}
				session, err := pending.Finish(s.ke3)
				if accepted := err == nil; accepted != (same && record != nil) || accepted != (session != [64]byte{}) {
					t.Fatalf("honest ke1: %v, user: %v; the proof for another ends with %v", same, record != nil, err)
				}
			}
		case 3:
			var ke3 wire.OpaqueKe3
			ok, same := hostileMessage(t, s.ke3, &ke3, change, data)
			if !ok {
				return
			}
			for _, record := range []*wire.OpaqueRecord{s.record, nil} {
				_, pending, err := s.respond(record, s.ke1)
				if err != nil {
					t.Fatal(err)
				}
				session, err := pending.Finish(&ke3)
				if accepted := err == nil; accepted != (same && record != nil) || accepted != (session == s.session) {
					t.Fatalf("honest ke3: %v, user: %v; it ends with %v", same, record != nil, err)
				}
				if _, err := pending.Finish(s.ke3); err == nil {
					t.Fatal("a second proof was taken")
				}
			}
		}
	})
}

// FuzzOpaqueClient is a hostile server. No answer but the honest one brings a proof.
func FuzzOpaqueClient(f *testing.F) {
	opaqueSeeds(f, 2)
	f.Fuzz(func(t *testing.T, message byte, change bool, data []byte) {
		s := honestOpaque()
		if message%2 == 0 {
			var response wire.OpaqueResponse
			ok, same := hostileMessage(t, s.response, &response, change, data)
			if !ok {
				return
			}
			registration, _ := s.registration()
			record, registered, err := registration.Finish(s.fixed(), &response, s.ids, keys.WeakForTests)
			if err != nil {
				if record != nil || registered != nil || same || !errors.Is(err, opaque.ErrMessage) {
					t.Fatalf("record %v, error %v", record, err)
				}
				return
			}
			if (*record == *s.record) != same {
				t.Fatal("two responses make one record")
			}
			return
		}
		var ke2 wire.OpaqueKe2
		ok, same := hostileMessage(t, s.ke2, &ke2, change, data)
		if !ok {
			return
		}
		login, _ := s.login()
		ke3, got, err := s.finish(login, &ke2)
		switch {
		case same && (err != nil || *ke3 != *s.ke3 || got.Session != s.session):
			t.Fatalf("the honest answer: %v", err)
		case !same && (!errors.Is(err, opaque.ErrPassword) || ke3 != nil || got != nil):
			t.Fatalf("ke3 %v, error %v", ke3, err)
		}
		if _, _, err := s.finish(login, s.ke2); err == nil {
			t.Fatal("a second answer was taken")
		}
	})
}

// An opaqueRun is what a model knows of a login: which of its parts exist and what they
// were made of. Numbers are those of the steps that made them.
type opaqueRun struct {
	login   *opaque.Login // of a client, with its ke1
	ke1     *wire.OpaqueKe1
	right   bool // his password
	pending *opaque.Pending
	ke2     *wire.OpaqueKe2
	of      int  // the login that ke2 answers
	good    bool // in the right context, for the user
	ke3     *wire.OpaqueKe3
	proves  int // the answer that ke3 is for
	session [64]byte
	over    bool
}

// FuzzOpaqueOrder delivers the messages of many logins in any order, to any of them.
// Each step is three bytes: what, from which, to which.
func FuzzOpaqueOrder(f *testing.F) {
	const start, guess, respond, elsewhere, nobody, finish, prove = 0, 1, 2, 3, 4, 5, 6
	f.Add([]byte{start, 0, 0, respond, 0, 0, finish, 0, 0, prove, 0, 0})
	f.Add([]byte{start, 0, 0, start, 0, 0, respond, 0, 0, respond, 1, 0, finish, 0, 1, finish, 1, 1, prove, 0, 0, prove, 0, 1})
	f.Add([]byte{guess, 0, 0, respond, 0, 0, finish, 0, 0, start, 0, 0, nobody, 1, 0, elsewhere, 1, 0, finish, 1, 1, finish, 2, 1})
	f.Add([]byte{start, 0, 0, respond, 0, 0, respond, 0, 0, finish, 0, 0, prove, 0, 1, prove, 0, 0, prove, 0, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := honestOpaque()
		wrong, err := opaque.Input([]byte("wp"), s.ids)
		if err != nil {
			t.Fatal(err)
		}
		var logins, answers, proofs []*opaqueRun
		pick := func(of []*opaqueRun, n byte) (*opaqueRun, int) {
			if len(of) == 0 {
				return nil, 0
			}
			i := int(n) % len(of)
			return of[i], i
		}
		for range 16 { // enough for four logins
			if len(steps) < 3 {
				return
			}
			what, from, to := steps[0]%7, steps[1], steps[2]
			steps = steps[3:]
			switch what {
			case start, guess:
				secret := s.secret
				if what == guess {
					secret = wrong
				}
				login, ke1, err := opaque.StartLogin(rand.Reader, secret)
				if err != nil {
					t.Fatal(err)
				}
				logins = append(logins, &opaqueRun{login: login, ke1: ke1, right: what == start})
			case respond, elsewhere, nobody:
				l, of := pick(logins, from)
				if l == nil {
					continue
				}
				record, context := s.record, s.context
				switch what {
				case elsewhere:
					context = []byte("elsewhere")
				case nobody:
					record = nil
				}
				ke2, pending, err := s.server.Respond(rand.Reader, record, s.user, s.ids, context, l.ke1)
				if err != nil {
					t.Fatal(err)
				}
				answers = append(answers, &opaqueRun{ke2: ke2, pending: pending, of: of, good: what == respond})
			case finish:
				answer, n := pick(answers, from)
				l, i := pick(logins, to)
				if answer == nil {
					continue
				}
				ke3, got, err := s.finish(l.login, answer.ke2)
				want := !l.over && l.right && answer.good && answer.of == i
				if (err == nil) != want || (ke3 != nil) != want || (got != nil) != want {
					t.Fatalf("login %d ends with %v, want an end: %v", i, err, want)
				}
				l.over = true
				if want {
					proofs = append(proofs, &opaqueRun{ke3: ke3, proves: n, session: got.Session})
				}
			case prove:
				proof, _ := pick(proofs, from)
				answer, n := pick(answers, to)
				if proof == nil {
					continue
				}
				session, err := answer.pending.Finish(proof.ke3)
				want := !answer.over && proof.proves == n
				if (err == nil) != want || want && session != proof.session || !want && session != [64]byte{} {
					t.Fatalf("answer %d ends with %v, want an end: %v", n, err, want)
				}
				answer.over = true
			}
		}
	})
}
