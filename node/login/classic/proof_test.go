package classic

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"math/big"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// An answer is a message 5 that a test builds by hand, of a login that got to it.
type answer struct {
	w   *world
	run *Run
	c   *Client
	m4  wire.Hash
	wire.M5
}

// answer plays Alice's login up to message 5, which is not sealed yet.
func (w *world) answer() *answer {
	w.t.Helper()
	c := w.client("Alice", "Alice")
	run, m4 := w.toM4(c)
	plain, err := m4Key(c.replyKey, c.m3).Open(labelM4.Bytes(), m4)
	if err != nil {
		w.t.Fatal(err)
	}
	var signed wire.SignedM4
	if err := signed.UnmarshalBinary(plain); err != nil {
		w.t.Fatal(err)
	}
	a := &answer{w: w, run: run, c: c, m4: labelM4.Hash(m4)}
	a.M5 = wire.M5{User: "Alice", C2: signed.Body.C2, ReplyKey2: [32]byte{9}}
	return a
}

func (a *answer) proof() []byte {
	a.w.t.Helper()
	b, err := proof(a.w.id.Public().Id(), a.User, &a.C2, a.c.m3, a.m4, a.ReplyKey2)
	if err != nil {
		a.w.t.Fatal(err)
	}
	return b
}

// seal signs with Alice's key and seals.
func (a *answer) seal() []byte {
	a.w.t.Helper()
	sig, err := testKeys()["alice"].Sign(rand.Reader, labelLogin, a.proof())
	if err != nil {
		a.w.t.Fatal(err)
	}
	a.Sig = sig
	return a.sealed()
}

func (a *answer) sealed() []byte {
	a.w.t.Helper()
	return sealTo(a.w.t, a.w.id.Public(), labelM5, &a.M5)
}

// by signs c2 again, as a server would that is not ours or not honest.
func (a *answer) by(identity *keys.Identity, l keys.Label, change func(*wire.C2)) {
	a.w.t.Helper()
	change(&a.C2.Body)
	a.C2.Sig = sign(a.w.t, identity, l, &a.C2.Body)
}

// The answer as it should be, so that the refusals below are not for another reason.
func TestAnswerIsTaken(t *testing.T) {
	w := newWorld(t)
	a := w.answer()
	if _, s, err := a.run.Next(w.now, a.seal()); err != nil || s == nil {
		t.Fatalf("error = %v (%v)", err, w.counts)
	}
}

// Attack 24: message 3 for one user, message 5 for another with the first one's c2.
func TestAttack24AnotherUserWithTheFirstOnesC2(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*answer){
		"bob in message 5": func(a *answer) { a.User = "Bob" },
		"bob in both":      func(a *answer) { a.User = "Bob"; a.by(w.id, labelC2, func(c *wire.C2) { c.User = "Bob" }) },
		"another spelling": func(a *answer) { a.User = "ALICE" },
	} {
		t.Run(name, func(t *testing.T) {
			a := w.answer()
			change(a)
			w.refuses(a.run, a.seal(), ReasonC2Run)
		})
	}
}

// c2 with altered user, connection, message 3 or time; c1 in its place; another label.
func TestAttack25WrongC2(t *testing.T) {
	w := newWorld(t)
	ms := uint64(w.now.UnixMilli())
	for name, test := range map[string]struct {
		change func(*answer)
		want   Reason
	}{
		"user altered":      {func(a *answer) { a.C2.Body.User = "alice" }, ReasonC2},
		"conn altered":      {func(a *answer) { a.C2.Body.Conn[0]++ }, ReasonC2},
		"m3 altered":        {func(a *answer) { a.C2.Body.M3[0]++ }, ReasonC2},
		"time altered":      {func(a *answer) { a.C2.Body.IssuedMs++ }, ReasonC2},
		"n2 altered":        {func(a *answer) { a.C2.Body.N2[0]++ }, ReasonC2},
		"by eve":            {func(a *answer) { a.by(testKeys()["eve"], labelC2, func(*wire.C2) {}) }, ReasonC2},
		"under label c1":    {func(a *answer) { a.by(w.id, labelC1, func(*wire.C2) {}) }, ReasonC2},
		"of another conn":   {func(a *answer) { a.by(w.id, labelC2, func(c *wire.C2) { c.Conn[0]++ }) }, ReasonC2Run},
		"of another m3":     {func(a *answer) { a.by(w.id, labelC2, func(c *wire.C2) { c.M3[0]++ }) }, ReasonC2Run},
		"expired by 1 ms":   {func(a *answer) { a.by(w.id, labelC2, func(c *wire.C2) { c.IssuedMs = ms - 60_001 }) }, ReasonC2Age},
		"1 ms from now":     {func(a *answer) { a.by(w.id, labelC2, func(c *wire.C2) { c.IssuedMs = ms + 1 }) }, ReasonC2Age},
		"of another run":    {func(a *answer) { a.C2 = w.answer().C2 }, ReasonC2Run},
		"seal under m3":     {nil, ReasonM5Sealed},
		"c1 in c2's place":  {nil, ReasonM5Sealed},
		"message 3 instead": {nil, ReasonM5Sealed},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.answer()
			var msg []byte
			switch name {
			case "seal under m3":
				a.seal()
				msg = sealTo(t, w.id.Public(), labelM3, &a.M5)
			case "c1 in c2's place":
				// A c1 has no place in a message 5: whatever is made of it doesn't decode.
				b := mustEncode(t, &a.M5)
				m2 := w.m2(w.client("Alice", "Alice"))
				copy(b[1:], m2)
				sealed, err := w.id.Public().Seal(rand.Reader, labelM5, b)
				if err != nil {
					t.Fatal(err)
				}
				msg = mustEncode(t, sealed)
			case "message 3 instead":
				msg = w.m3(w.client("Alice", "Alice"))
			default:
				test.change(a)
				msg = a.seal()
			}
			w.refuses(a.run, msg, test.want)
		})
	}
}

// The same message 5 twice, over the same connection.
func TestMessage5Twice(t *testing.T) {
	w := newWorld(t)
	a := w.answer()
	m5, twin := a.seal(), *a.run
	if _, _, err := a.run.Next(w.now, m5); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.run.Next(w.now, m5); err == nil || w.counts[ReasonOutOfTurn] != 1 {
		t.Errorf("error = %v (%v), want a refusal", err, w.counts)
	}
	w.refuses(&twin, m5, ReasonM5Replayed)
}

// PSS with another salt, another hash or mask, PKCS #1 v1.5, over the very same bytes.
func TestAttack26OtherSignatureSchemes(t *testing.T) {
	w := newWorld(t)
	private := testKeys()["alice"].Wire()
	alice := rsaKey(&private)
	pss := func(salt int, h crypto.Hash) func([]byte) ([]byte, error) {
		return func(body []byte) ([]byte, error) {
			d := h.New()
			d.Write(body)
			return rsa.SignPSS(rand.Reader, alice, h, d.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
		}
	}
	for name, scheme := range map[string]func(body []byte) ([]byte, error){
		"salt 1": pss(1, crypto.SHA256), "salt 20": pss(20, crypto.SHA256), "salt 31": pss(31, crypto.SHA256),
		"salt 33": pss(33, crypto.SHA256), "salt 222": pss(222, crypto.SHA256), "SHA-512": pss(32, crypto.SHA512),
		"PKCS #1 v1.5": func(body []byte) ([]byte, error) {
			d := sha256.Sum256(body)
			return rsa.SignPKCS1v15(rand.Reader, alice, crypto.SHA256, d[:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.answer()
			sig, err := scheme(labelLogin.With(a.proof()))
			if err != nil {
				t.Fatal(err)
			}
			a.Sig = wire.Signature(sig)
			w.refuses(a.run, a.sealed(), ReasonProof)
		})
	}
}

// rsaKey lends a key to the standard library.
func rsaKey(k *wire.PrivateKey) *rsa.PrivateKey {
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus[:]), E: keys.Exponent},
		D:         new(big.Int).SetBytes(k.D[:]),
		Primes:    []*big.Int{new(big.Int).SetBytes(k.P[:]), new(big.Int).SetBytes(k.Q[:])},
	}
	key.Precompute()
	return key
}

// s = 0, s = 1, s = n, s = n-1, s + n where that fits. (A signature of another length
// than 384 bytes has no place in a message 5.)
func TestAttack27NumbersThatAreNoSignatures(t *testing.T) {
	w := newWorld(t)
	n := testKeys()["alice"].Public().Modulus()
	less := n
	less[383]--
	for name, sig := range map[string]wire.Signature{
		"0": {}, "1": {383: 1}, "n": wire.Signature(n), "n-1": wire.Signature(less),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.answer()
			a.Sig = sig
			w.refuses(a.run, a.sealed(), ReasonProof)
		})
	}
}

// The proof by another key, over another message 4, another reply key, under another label.
func TestProofOfSomethingElse(t *testing.T) {
	w := newWorld(t)
	for name, forge := range map[string]func(a *answer) (wire.Signature, error){
		"by eve": func(a *answer) (wire.Signature, error) {
			return testKeys()["eve"].Sign(rand.Reader, labelLogin, a.proof())
		},
		"another m4": func(a *answer) (wire.Signature, error) {
			a.m4[0]++
			return testKeys()["alice"].Sign(rand.Reader, labelLogin, a.proof())
		},
		"another reply key": func(a *answer) (wire.Signature, error) {
			sig, err := testKeys()["alice"].Sign(rand.Reader, labelLogin, a.proof())
			a.ReplyKey2[0]++
			return sig, err
		},
		"another label": func(a *answer) (wire.Signature, error) {
			return testKeys()["alice"].Sign(rand.Reader, "msg", a.proof())
		},
		"c2 alone": func(a *answer) (wire.Signature, error) {
			return testKeys()["alice"].Sign(rand.Reader, labelLogin, mustEncode(t, &a.C2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.answer()
			sig, err := forge(a)
			if err != nil {
				t.Fatal(err)
			}
			a.Sig = sig
			w.refuses(a.run, a.sealed(), ReasonProof)
		})
	}
}

// The server sends back the client's own message 5, or another run's message 6, as message 6.
func TestAttack28ReflectedMessage5(t *testing.T) {
	w := newWorld(t)
	c := w.client("Alice", "Alice")
	run, m5, _ := w.toM5(c)
	if _, _, err := run.Next(w.now, m5); err != nil {
		t.Fatal(err)
	}
	other := w.client("Bob", "Bob")
	otherRun, otherM5, _ := w.toM5(other)
	if _, _, err := otherRun.Next(w.now, otherM5); err != nil {
		t.Fatal(err)
	}
	m6, err := otherRun.Peer().(*Peer).SealM6(w.now, &wire.SignedManifest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"message 5": m5, "another run's": m6, "nothing": nil} {
		if _, _, err := c.OpenM6(b); err != ErrM6 {
			t.Errorf("%s: error = %v, want %v", name, err, ErrM6)
		}
	}
}

// A message 3 that comes when message 5 is due, and the like, end the run.
func TestMessagesOutOfTurn(t *testing.T) {
	w := newWorld(t)
	run, _ := w.toM4(w.client("Alice", "Alice"))
	w.refuses(run, w.m3(w.client("Alice", "Alice")), ReasonM5Sealed)
	_, m5, _ := w.toM5(w.client("Alice", "Alice"))
	w.drops(m5, ReasonM3Sealed)
	c := w.client("Alice", "Alice")
	m2 := w.m2(c)
	if _, _, err := c.Next(context.Background(), m2); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Next(failsIfUsed{t}, m2)
	wants(t, err, ErrDrop) // solved already
}

// What fails at the server is the client's silence: no session, no reply.
func TestServerWithoutStore(t *testing.T) {
	w := newWorld(t)
	w.server.cfg.Marks = broken{}
	w.drops(w.draft().seal(w), ReasonUnavailable)
}

type broken struct{}

func (broken) Mark(time.Time, [32]byte, time.Time) (bool, error) {
	return true, context.DeadlineExceeded // the store says so, but isn't sure
}
