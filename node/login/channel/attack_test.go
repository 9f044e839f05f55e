package channel

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/node/session"
	"sotto/wire"
)

func newDemand(t testing.TB) *puzzle.Demand {
	t.Helper()
	d, err := puzzle.NewDemand(0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What is no name is no B3, however well it is sealed and its puzzle solved. "alice" is
// Alice.
func TestAttack04Names(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", "\x00", "a/b", "..", "a b", "\u202ealice", "\u0430lice", "-\n-"} {
		d := w.draft()
		d.box.User = name
		w.drops(d.seal(), ReasonB3Sealed)
	}
	d := w.draft()
	d.box = wire.B3Box{User: "Alice", Kind: wire.LoginKindAnonymous}
	w.drops(d.seal(), ReasonB3Sealed)
	d = w.draft()
	plain := mustEncode(t, &d.box)
	at := bytes.Index(plain, []byte("Alice"))
	for name, change := range map[string]func(b []byte) []byte{
		"invalid UTF-8":  func(b []byte) []byte { b[at] = 0xff; return b },
		"33 bytes":       func(b []byte) []byte { b[at-1] = 33; return b },
		"unknown kind":   func(b []byte) []byte { b[at+5] = 9; return b },
		"dirty padding":  func(b []byte) []byte { b[len(b)-1] = 1; return b },
		"nothing at all": func([]byte) []byte { return nil },
	} {
		d := w.draft()
		t.Log(name)
		w.drops(d.sealBytes(change(bytes.Clone(plain))), ReasonB3Sealed)
	}
	if peer := w.login(w.byDevice("Alice", "aLICE")); peer.User != "Alice" {
		t.Errorf("logged in as %q", peer.User)
	}
	if peer := w.login(w.byPassword("ALICE", "Alice")); peer.User != "Alice" {
		t.Errorf("logged in as %q", peer.User)
	}
}

// Credentials of another user spliced in; ke2, the wrapped account and its iv altered: one
// error, the same as for a wrong password.
func TestAttack18And19TamperedCredentials(t *testing.T) {
	w := newWorld(t)
	other := w.forgedCredentials("Bob")
	for name, change := range map[string]func(*wire.B4Box){
		"all of Bob's":  func(b *wire.B4Box) { b.Password = other },
		"ke2 of Bob":    func(b *wire.B4Box) { b.Password.Ke2 = other.Ke2 },
		"wrapped, Bob":  func(b *wire.B4Box) { b.Password.Wrapped = other.Wrapped },
		"wrapped ct":    func(b *wire.B4Box) { b.Password.Wrapped.Ct[79] ^= 1 },
		"wrapped iv":    func(b *wire.B4Box) { b.Password.Wrapped.Iv[0] ^= 1 },
		"evaluated":     func(b *wire.B4Box) { b.Password.Ke2.CredentialResponse.EvaluatedMessage[0] ^= 1 },
		"masked":        func(b *wire.B4Box) { b.Password.Ke2.CredentialResponse.MaskedResponse[100] ^= 1 },
		"masking nonce": func(b *wire.B4Box) { b.Password.Ke2.CredentialResponse.MaskingNonce[3] ^= 1 },
		"server nonce":  func(b *wire.B4Box) { b.Password.Ke2.AuthResponse.ServerNonce[3] ^= 1 },
		"server mac":    func(b *wire.B4Box) { b.Password.Ke2.AuthResponse.ServerMac[63] ^= 1 },
	} {
		c := w.byPassword("Alice", "Alice")
		b3 := w.b3(c)
		reply, s, err := c.Next(context.Background(), w.forge(b3, change))
		if err != ErrPassword || reply != nil || s != nil {
			t.Errorf("%s: error = %v, want %v", name, err, ErrPassword)
		}
		if c.Account() != nil {
			t.Errorf("%s: there is an account", name)
		}
		ignores(t, c, "an answer after the end", w.forge(b3, func(*wire.B4Box) {}))
	}
	// Unchanged it is a good one.
	c := w.byPassword("Alice", "Alice")
	if _, _, err := c.Next(context.Background(), w.forge(w.b3(c), func(*wire.B4Box) {})); err != nil {
		t.Error(err)
	}
}

// forgedCredentials are what the server would answer somebody else.
func (w *world) forgedCredentials(user string) (out wire.PasswordCredentials) {
	w.t.Helper()
	c := w.byPassword(user, user)
	w.forge(w.b3(c), func(b *wire.B4Box) { out = b.Password })
	return out
}

// An answer of another kind is a fault of the server's, since nobody else can make it.
func TestAnswersOfAnotherKind(t *testing.T) {
	for kind := range newWorld(t).kinds() {
		for _, other := range []wire.LoginKind{wire.LoginKindPassword, wire.LoginKindDevice, wire.LoginKindAnonymous} {
			if other == kind {
				continue
			}
			w := newWorld(t)
			c := w.kinds()[kind]
			b4 := w.forge(w.b3(c), func(b *wire.B4Box) { *b = wire.B4Box{Kind: other} })
			if _, _, err := c.Next(context.Background(), b4); err != ErrServer {
				t.Errorf("%v answered as %v: %v", kind, other, err)
			}
		}
	}
}

// Wrong password once: a uniform failure. After ten runs without proof that user's puzzle is
// harder, nobody else's is; the right password and a device still work.
func TestAttack21WrongPasswords(t *testing.T) {
	w := newWorld(t)
	wrong := func(user string) {
		t.Helper()
		c := w.byPassword(user, "wrong")
		_, b4 := w.toB4(c)
		if _, _, err := c.Next(context.Background(), b4); err != ErrPassword {
			t.Fatalf("error = %v, want %v", err, ErrPassword)
		}
	}
	cost := func(c *Client) uint8 {
		t.Helper()
		w.login(c)
		return c.k
	}
	wrong("Alice")
	if k := cost(w.byPassword("Alice", "Alice")); k != 1 {
		t.Errorf("k = %d after one guess, want 1", k)
	}
	for range 11 {
		wrong("Alice")
	}
	if k := cost(w.byPassword("Alice", "Alice")); k < 2 {
		t.Errorf("k = %d after 12 guesses, want more", k)
	}
	if k := cost(w.byDevice("Alice", "Alice")); k != 1 {
		t.Errorf("k = %d for the device, want 1", k)
	}
	if k := cost(w.byPassword("Bob", "Bob")); k != 1 {
		t.Errorf("k = %d for Bob, want 1", k)
	}
	w.now = w.now.Add(6 * puzzle.FailureHalfLife)
	if k := cost(w.byPassword("Alice", "Alice")); k != 1 {
		t.Errorf("k = %d an hour later, want 1", k)
	}
}

// guess begins a password run and reports whether there was an answer to try a password on.
func (w *world) guess(user string) bool {
	w.t.Helper()
	c, run := w.byPassword(user, "x"), w.begin()
	for msg := w.b3(c); ; {
		reply, _, err := run.Next(w.now, msg)
		if err != nil {
			return false
		}
		if run.state == runWantsB5 {
			return true
		}
		msg = w.next(c, reply)
	}
}

// "KE3 missing: counted as failed guess; 10^4 KE1 for one user: limited." After so many the
// password is of no use for a while, not even the right one; devices are, and so are the
// passwords of others.
func TestAttack50RunsWithoutProof(t *testing.T) {
	for _, user := range []string{"Alice", "nobody"} {
		w := newWorld(t)
		answered := 0
		for range 10_000 {
			if !w.guess(user) {
				break
			}
			answered++
		}
		if answered != guessLimit {
			t.Errorf("%s: %d guesses were answered, want %d", user, answered, guessLimit)
		}
		if w.counts[ReasonUserLimit] != 1 {
			t.Errorf("%s: counted %v", user, w.counts)
		}
		w.login(w.byDevice("Alice", "Alice"))
		w.login(w.byPassword("Bob", "Bob"))
		w.now = w.now.Add(puzzle.FailureHalfLife)
		if !w.guess(user) {
			t.Errorf("%s: refused later, too", user)
		}
	}
}

// Guesses at a user who doesn't exist make his puzzle harder as well, or it would be
// seen that he doesn't.
func TestAttack21UnknownUsersGetHarderToo(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.toB4(w.byPassword("nobody", "x"))
	}
	c := w.byPassword("nobody", "x")
	w.toB4(c)
	if c.k < 2 {
		t.Errorf("k = %d after 12 guesses at nobody, want more work", c.k)
	}
}

// Unknown user: the same path, the same bytes; decoys come of a server secret, so that
// two asks agree. Nobody ever logs in as one, nor with a device that doesn't exist.
func TestUnknownUsersAndDevices(t *testing.T) {
	w := newWorld(t)
	ask := func(user string) (box wire.PasswordCredentials, size int) {
		t.Helper()
		c := w.byPassword(user, "x")
		b3 := w.b3(c)
		run := w.begin()
		var m wire.B3
		mustDecode(t, b3, &m)
		first, claim, err := run.openB3(&m, mustEncode(w.t, &m.Head.C1))
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := first.SecondTo(&m.Head.Keys.EPk, b3)
		if err != nil {
			t.Fatal(err)
		}
		run.user = claim.User
		run.answerPassword(w.now, &claim.Password.Ke1, second.T2(), &box)
		_, b4 := w.toB4(w.byPassword(user, "x"))
		return box, len(b4)
	}
	real, realSize := ask("Alice")
	first, size := ask("nobod")
	if size != realSize {
		t.Errorf("B4 has %d bytes for an unknown user, %d for a known one", size, realSize)
	}
	w.restart()
	again, _ := ask("NoBod")
	other, _ := ask("nobox")
	if first.Wrapped != again.Wrapped {
		t.Error("two asks for an unknown user don't agree")
	}
	if first.Wrapped == other.Wrapped || first.Wrapped == real.Wrapped {
		t.Error("an unknown user has the wrapped account of another")
	}
	if first.Ke2 == again.Ke2 {
		t.Error("two answers are the same")
	}

	// With a device, which only B5 can be about.
	_, known := w.toB4(w.byDevice("Alice", "Alice"))
	for name, c := range map[string]*Client{
		"unknown user":     w.byDevice("Alice", "nobody"),
		"another's device": w.byDevice("Bob", "Alice"),
	} {
		run, b4 := w.toB4(c)
		if len(b4) != len(known) {
			t.Errorf("%s: B4 has %d bytes, want %d", name, len(b4), len(known))
		}
		w.refuses(run, w.next(c, b4), ReasonProof)
	}
	// Who knows the decoy's key, a thief of the server's secrets, is not let in for it.
	var seed wire.Seed
	decoy := w.host.Decoy()
	labelDecoySigner.Expand(decoy[:], seed[:])
	thief := *w.member["alice"].device
	thief.Signer = keys.NewSigner(seed)
	cfg := w.config()
	cfg.User, cfg.Device = "nobody", &thief
	c := w.client(cfg)
	run, b4 := w.toB4(c)
	w.refuses(run, w.next(c, b4), ReasonProof)
}

// B5 of another run, of another kind, or with a proof over something else.
func TestAttack24And25ProofsOfSomethingElse(t *testing.T) {
	w := newWorld(t)
	device := w.member["alice"].device
	proofOf := func(t3 wire.Hash, id wire.KeyId, user string) []byte {
		t.Helper()
		b, err := proof(t3, id, user)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, make := range map[string]func(t3 wire.Hash) wire.B5Box{
		"another t3": func(t3 wire.Hash) wire.B5Box {
			t3[0] ^= 1
			return deviceProof(device.Signer.Sign(labelDeviceLogin, proofOf(t3, device.Id(), "Alice")))
		},
		"another user": func(t3 wire.Hash) wire.B5Box {
			return deviceProof(device.Signer.Sign(labelDeviceLogin, proofOf(t3, device.Id(), "Bob")))
		},
		"another device": func(t3 wire.Hash) wire.B5Box {
			return deviceProof(device.Signer.Sign(labelDeviceLogin, proofOf(t3, wire.KeyId{}, "Alice")))
		},
		"label of peers": func(t3 wire.Hash) wire.B5Box {
			return deviceProof(device.Signer.Sign(labelDevicePeer, proofOf(t3, device.Id(), "Alice")))
		},
		"by the account": func(t3 wire.Hash) wire.B5Box {
			return deviceProof(w.member["alice"].account.Signer.Sign(labelDeviceLogin, proofOf(t3, device.Id(), "Alice")))
		},
		"by Bob's device": func(t3 wire.Hash) wire.B5Box {
			return deviceProof(w.member["bob"].device.Signer.Sign(labelDeviceLogin, proofOf(t3, device.Id(), "Alice")))
		},
		"no signature": func(wire.Hash) wire.B5Box { return deviceProof(wire.EdSignature{}) },
	} {
		run, third := w.draft().third()
		box := make(third.T3())
		t.Log(name)
		w.refuses(run, mustEncode(t, &wire.B5{Box: third.Seal(mustEncode(t, &box))}), ReasonProof)
	}
	for name, plain := range map[string][]byte{
		"anonymous":     mustEncode(t, &wire.B5Box{Kind: wire.LoginKindAnonymous}),
		"password":      mustEncode(t, &wire.B5Box{Kind: wire.LoginKindPassword}),
		"nothing":       nil,
		"dirty padding": slices.Concat(mustEncode(t, &wire.B5Box{Kind: wire.LoginKindDevice}), []byte{1}),
	} {
		run, third := w.draft().third()
		t.Log(name)
		w.refuses(run, mustEncode(t, &wire.B5{Box: third.Seal(plain)}), ReasonB5)
	}
	// The good one of another run.
	run1, b5, mine := w.toB5(w.byDevice("Alice", "Alice"))
	run2, b5of2, mineOf2 := w.toB5(w.byDevice("Bob", "Bob"))
	w.refuses(run2, b5, ReasonB5Sealed)
	w.ends(run1, b5, mine)
	if _, again, err := run1.Next(w.now, b5); err == nil || again != nil {
		t.Error("B5 is taken twice")
	}
	w.ends(run2, b5of2, mineOf2)
}

func deviceProof(sig wire.EdSignature) wire.B5Box {
	return wire.B5Box{Kind: wire.LoginKindDevice, Device: wire.DeviceProof{Sig: sig}}
}

// Attack 50: a wrong ke3; a right one with a device that the account hasn't signed, that isn't there, or that can't be one.
func TestAttack50PasswordProofs(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		change func(p *wire.PasswordProof)
		want   Reason
	}{
		"ke3":          {func(p *wire.PasswordProof) { p.Ke3.ClientMac[0] ^= 1 }, ReasonProof},
		"no ke3":       {func(p *wire.PasswordProof) { p.Ke3 = wire.OpaqueKe3{} }, ReasonProof},
		"signature":    {func(p *wire.PasswordProof) { p.Sig[0] ^= 1 }, ReasonProof},
		"possession":   {func(p *wire.PasswordProof) { p.DeviceSig[0] ^= 1 }, ReasonProof},
		"other device": {func(p *wire.PasswordProof) { p.Device = w.member["bob"].device.Public() }, ReasonProof},
		"no device":    {func(p *wire.PasswordProof) { p.Device = wire.DeviceKeys{} }, ReasonProof},
		"unchanged":    {func(p *wire.PasswordProof) {}, ReasonLoggedIn},
	} {
		c := w.byPassword("Alice", "Alice")
		run, b4 := w.toB4(c)
		var m wire.B4
		mustDecode(t, b4, &m)
		second, err := c.attempt.first.SecondFrom(c.attempt.e, c.attempt.b3, &m.Ct2)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := second.Open(m.Box)
		if err != nil {
			t.Fatal(err)
		}
		var box wire.B4Box
		mustDecode(t, plain, &box)
		third := second.Third(b4)
		out := wire.B5Box{Kind: wire.LoginKindPassword}
		if err := c.provePassword(&box.Password, second.T2(), third.T3(), &out.Password); err != nil {
			t.Fatal(err)
		}
		test.change(&out.Password)
		b5 := mustEncode(t, &wire.B5{Box: third.Seal(mustEncode(t, &out))})
		if test.want == ReasonLoggedIn {
			if _, _, err := run.Next(w.now, b5); err != nil {
				t.Error(err)
			}
			continue
		}
		t.Log(name)
		w.refuses(run, b5, test.want)
		w.refuses(run, b5, ReasonOutOfTurn)
	}
	if n := w.server.demand.Guesses(w.now, "alice"); n < 2 || n > 4 {
		t.Errorf("%v guesses are counted, want the two wrong proofs", n)
	}
}

// An invitation that isn't the server's, or has expired.
func TestInvitationsThatAreNotGood(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(in *wire.Invitation){
		"expired": func(in *wire.Invitation) { in.ExpiresMs = uint64(w.now.UnixMilli()) },
		"mac":     func(in *wire.Invitation) { in.Mac[0] ^= 1 },
		"another": func(in *wire.Invitation) { *in, _ = hosts()["other"].Invite(rand.Reader, w.now.Add(time.Hour)) },
	} {
		c := w.byInvitation()
		change(c.cfg.Invitation)
		run, b5, _ := w.toB5(c)
		t.Log(name)
		w.refuses(run, b5, ReasonInvitation)
	}
}

// Attack 28: the client's own messages come back to it.
func TestAttack28ReflectedMessages(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	b1, err := c.First()
	if err != nil {
		t.Fatal(err)
	}
	b2 := w.b2(c)
	ignores(t, c, "B1", b1)
	b3 := w.next(c, b2)
	ignores(t, c, "B3", b3)
	b4, _, err := w.begin().Next(w.now, b3)
	if err != nil {
		t.Fatal(err)
	}
	b5 := w.next(c, b4)
	ignores(t, c, "B5", b5)
	if _, err := c.OpenB6(b5); err != ErrServer {
		t.Errorf("B5 as B6: %v", err)
	}
}

// Attack 29: whatever a server brings a client to sign is a proof for this run and never
// anything else that the same keys sign.
func TestAttack29SignaturesServeForNothingElse(t *testing.T) {
	w := newWorld(t)
	device := w.member["alice"].device
	for range 50 {
		var t3 wire.Hash
		rand.Read(t3[:]) // any transcript at all
		body, err := proof(t3, device.Id(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		sig := device.Signer.Sign(labelDeviceLogin, body)
		for _, l := range []keys.Label{"letter", "entry", "entry old", "rotation old", "channel c1", labelEnrol, labelEnrolDevice, labelDevicePeer, "device", ""} {
			if keys.VerifyEd(l, device.Signer.Public(), body, &sig) == nil {
				t.Fatalf("a proof verifies under %q", l)
			}
		}
		if keys.VerifyText(device.Signer.Public(), labelDeviceLogin.With(body), &sig) == nil {
			t.Fatal("a proof verifies as a text")
		}
	}
}

// Attack 41: ct1 and ct2 with any bit flipped, and of other keys: dropped at the first box.
func TestAttack41ForeignEncapsulations(t *testing.T) {
	w := newWorld(t)
	d := w.draft()
	other := hosts()["other"].Key()
	start, ct1, err := session.StartTo(&other.Seal)
	if err != nil {
		t.Fatal(err)
	}
	d.start, d.head.Keys.Ct1 = start, ct1
	d.solve()
	w.drops(d.seal(), ReasonB3Sealed)
	d = w.draft()
	clear(d.head.Keys.Ct1[1088:]) // an X25519 part of low order
	d.solve()
	w.drops(d.seal(), ReasonB3Sealed)

	c := w.byDevice("Alice", "Alice")
	run, b4 := w.toB4(c)
	clear(b4[1088:1120])
	ignores(t, c, "ct2 of low order", b4)
	_, of2 := w.toB4(w.byDevice("Alice", "Alice"))
	ignores(t, c, "B4 of another run", of2)
	if run.state != runWantsB5 {
		t.Error("the run has moved")
	}
}

// Attack 42: e_pk with coefficients that aren't reduced or an X25519 part of low order.
func TestAttack42BadClientKeys(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(k *wire.SealingKey){
		"unreduced": func(k *wire.SealingKey) { k[0], k[1] = 0xff, 0xff },
		"zero":      func(k *wire.SealingKey) { clear(k[1184:]) },
		"low order": func(k *wire.SealingKey) { clear(k[1184:]); k[1184] = 1 },
	} {
		d := w.draft()
		change(&d.head.Keys.EPk)
		d.solve()
		t.Log(name)
		w.drops(d.seal(), ReasonB3Keys)
	}
}

// Attack 43: B4 of one session in another; the client waits for its own.
func TestAttack43AnswersOfAnotherSession(t *testing.T) {
	w := newWorld(t)
	for kind, c := range w.kinds() {
		other := w.kinds()[kind]
		run, b4 := w.toB4(c)
		_, of2 := w.toB4(other)
		ignores(t, c, "B4 of another session", of2)
		b5, mine, err := c.Next(context.Background(), b4)
		if err != nil {
			t.Fatal(err)
		}
		w.ends(run, b5, mine)
	}
}

// Attack 44: somebody without the server's key answers, with everything else right. And who
// has another pin sends no name at all.
func TestAttack44SomebodyElseAnswers(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	b3 := w.b3(c)
	var m wire.B3
	mustDecode(t, b3, &m)
	liar := new(session.Start).First(testConn, mustEncode(t, &m.Head.C1), w.host.Id(), m.HeadRaw)
	second, ct2, err := liar.SecondTo(&m.Head.Keys.EPk, b3)
	if err != nil {
		t.Fatal(err)
	}
	box := second.Seal(mustEncode(t, &wire.B4Box{Kind: wire.LoginKindDevice}))
	ignores(t, c, "B4 of a liar", mustEncode(t, &wire.B4{Ct2: ct2, Box: box}))

	for _, msg := range [][]byte{c.b1, b3} {
		if bytes.Contains(bytes.ToLower(msg), []byte("alice")) {
			t.Error("the name leaves the client in clear")
		}
	}
	cfg := w.config()
	cfg.User, cfg.Device = "Alice", w.member["alice"].device
	*cfg.Server = hosts()["other"].Key()
	pinned := w.client(cfg)
	ignores(t, pinned, "B2 of another server than the pinned one", w.b2(pinned))
	if pinned.attempt != nil {
		t.Error("there is a B3 for another server")
	}
}

// Attack 49: the context of OPAQUE is the channel: ke2 of one session in another.
func TestAttack49Ke2OfAnotherSession(t *testing.T) {
	w := newWorld(t)
	other := w.forgedCredentials("Alice")
	c := w.byPassword("Alice", "Alice")
	b4 := w.forge(w.b3(c), func(b *wire.B4Box) { b.Password.Ke2 = other.Ke2 })
	if _, _, err := c.Next(context.Background(), b4); err != ErrPassword {
		t.Errorf("error = %v, want %v", err, ErrPassword)
	}
}

// Messages that come before their time, or after.
func TestMessagesOutOfTurn(t *testing.T) {
	w := newWorld(t)
	c := w.byDevice("Alice", "Alice")
	b2 := w.b2(c)
	run1, b4 := w.toB4(w.byDevice("Alice", "Alice"))
	ignores(t, c, "B4 before B2", b4)
	w.refuses(w.begin(), b4, ReasonB3)
	w.refuses(run1, w.b3(w.byDevice("Alice", "Alice")), ReasonB5Sealed)
	w.next(c, b2)
}

// A server whose store fails answers nobody, and blames nobody.
func TestServerWithoutStore(t *testing.T) {
	w := newWorld(t)
	device, password := w.b3(w.byDevice("Alice", "Alice")), w.b3(w.byPassword("Alice", "Alice"))
	w.server.cfg.Accounts = broken{}
	w.drops(device, ReasonUnavailable)
	w.drops(password, ReasonUnavailable)
	if k := w.server.demand.K(w.now, testFrom.Addr()); k != 1 {
		t.Errorf("k = %d", k)
	}
}

type broken struct{}

func (broken) Account(string) (*Account, error) { return nil, context.DeadlineExceeded }

// A client whose caller has given up does no work, and signs nothing.
func TestNextHonoursItsContext(t *testing.T) {
	w := newWorld(t)
	c := w.byPassword("Alice", "Alice")
	_, b4 := w.toB4(c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Next(ctx, b4); err != context.Canceled {
		t.Errorf("error = %v", err)
	}
}

// Attack 23: the forms NFC and NFD of one password are the same; 0 and 129 bytes are none.
func TestAttack23PasswordInputs(t *testing.T) {
	w := newWorld(t)
	w.join("Zoe", "zo\u00eb")
	w.login(w.byPassword("Zoe", "zoe\u0308"))
	for _, password := range []string{"", strings.Repeat("x", 129), "\xff"} {
		cfg := w.config()
		cfg.User, cfg.Password = "Zoe", []byte(password)
		_, err := NewClient(cfg)
		wants(t, err, keys.ErrBadPassword)
	}
}

// Attack 70: what a server keeps of a user has neither his password nor a key in clear, and
// without the server's secrets there is nothing to try a password on.
func TestAttack70RecordOfAUser(t *testing.T) {
	w := newWorld(t)
	w.join("Zoe", "correct horse")
	record := mustEncode(t, w.users["zoe"].Record)
	if bytes.Contains(record, []byte("correct horse")) {
		t.Error("the password is in the record")
	}
	account := w.member["zoe"].account
	sign, seal := account.Signer.Public(), account.Sealer.Public()
	for name, key := range map[string][]byte{"signing": sign[:], "sealing": seal[:64]} {
		if bytes.Contains(record, key) {
			t.Errorf("the %s key, by which the right password would be seen, is in the record", name)
		}
	}
	// The same record at a server with other secrets: not even the right password opens it.
	w.host = hosts()["other"]
	w.restart()
	c := w.byPassword("Zoe", "correct horse")
	_, b4 := w.toB4(c)
	if _, _, err := c.Next(context.Background(), b4); err != ErrPassword {
		t.Errorf("error = %v, want %v", err, ErrPassword)
	}
}
