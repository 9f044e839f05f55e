package classic

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// resign lets the server itself, or who has its key, change the message 4 of a run.
func (w *world) resign(c *Client, m4 []byte, change func(*wire.SignedM4)) []byte {
	w.t.Helper()
	once := m4Key(c.replyKey, c.m3)
	plain, err := once.Open(labelM4.Bytes(), m4)
	if err != nil {
		w.t.Fatal(err)
	}
	var signed wire.SignedM4
	if err := signed.UnmarshalBinary(plain); err != nil {
		w.t.Fatal(err)
	}
	signed.Sig = wire.Signature{}
	change(&signed)
	if signed.Sig == (wire.Signature{}) {
		signed.Sig = sign(w.t, w.id, labelM4, &signed.Body)
	}
	return once.Seal(labelM4.Bytes(), mustEncode(w.t, &signed))
}

// What a client says to each fault behind message 4 is what it says to a wrong password.
func TestAttack18And19TamperedCredentials(t *testing.T) {
	w := newWorld(t)
	bob := w.users["bob"]
	spliceOf := func(r *wire.Record) func(*wire.SignedM4) {
		return func(m *wire.SignedM4) {
			m.Body.Salt, m.Body.Commit, m.Body.Iv, m.Body.Wrapped = r.Salt, r.Commit, r.Iv, r.Wrapped
		}
	}
	for name, change := range map[string]func(*wire.SignedM4){
		"another user's, spliced in": spliceOf(bob),
		"another user's, name too":   func(m *wire.SignedM4) { spliceOf(bob)(m); m.Body.User = "Bob" },
		"another user's name":        func(m *wire.SignedM4) { m.Body.User = "Bob" },
		"another nonce":              func(m *wire.SignedM4) { m.Body.ClientNonce[0]++ },
		"of another message 3":       func(m *wire.SignedM4) { m.Body.M3[0]++ },
		"commit altered":             func(m *wire.SignedM4) { m.Body.Commit[31] ^= 1 },
		"wrapped altered":            func(m *wire.SignedM4) { m.Body.Wrapped[1000] ^= 1 },
		"iv altered":                 func(m *wire.SignedM4) { m.Body.Iv[0] ^= 1 },
		"salt altered":               func(m *wire.SignedM4) { m.Body.Salt[0] ^= 1 },
		"signature altered":          func(m *wire.SignedM4) { m.Sig[0] = 1 },
		"signed by eve":              func(m *wire.SignedM4) { m.Sig = sign(t, testKeys()["eve"], labelM4, &m.Body) },
		"under label c2":             func(m *wire.SignedM4) { m.Sig = sign(t, w.id, labelC2, &m.Body) },
		"c2 altered":                 func(m *wire.SignedM4) { m.Body.C2.Body.N2[0]++ },
		"c2 of another user": func(m *wire.SignedM4) {
			m.Body.C2.Body.User = "Bob"
			m.Body.C2.Sig = sign(t, w.id, labelC2, &m.Body.C2.Body)
		},
		"c2 of another connection": func(m *wire.SignedM4) {
			m.Body.C2.Body.Conn[0]++
			m.Body.C2.Sig = sign(t, w.id, labelC2, &m.Body.C2.Body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.client("Alice", "Alice")
			_, m4 := w.toM4(c)
			m5, secrets, err := c.Next(context.Background(), w.resign(c, m4, change))
			if err == nil || m5 != nil || secrets != nil {
				t.Fatal("the client went on")
			}
			if err.Error() != ErrPassword.Error() {
				t.Errorf("error = %q, want that of a wrong password, %q", err, ErrPassword)
			}
		})
	}
	// "wrapped of wrong length": such a message 4 doesn't decode, and is the same error.
	c := w.client("Alice", "Alice")
	_, m4 := w.toM4(c)
	once := m4Key(c.replyKey, c.m3)
	plain, err := once.Open(labelM4.Bytes(), m4)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Next(context.Background(), once.Seal(labelM4.Bytes(), plain[:len(plain)-1]))
	wants(t, err, ErrPassword)
}

// AES-GCM doesn't commit to its key: one ciphertext can be made that opens under two
// keys, and so tells an attacker which of two passwords was tried. The commitment is
// looked at first, and refuses before anything is opened.
func TestAttack20CiphertextThatOpensUnderTwoPasswords(t *testing.T) {
	w := newWorld(t)
	record := *w.users["alice"]
	var passwords [2]*passwordKey
	for i, text := range []string{"Alice", "wonder"} {
		var err error
		if passwords[i], err = stretchPassword([]byte(text), record.Salt, keys.WeakForTests); err != nil {
			t.Fatal(err)
		}
	}
	aad, err := wrappedAad("Alice")
	if err != nil {
		t.Fatal(err)
	}
	record.Wrapped = collision(t, passwords[0].key, passwords[1].key, record.Iv, aad)
	for i, p := range passwords {
		if _, err := keys.NewOnceKey(p.key, record.Iv).Open(aad, record.Wrapped[:]); err != nil {
			t.Fatalf("the collision does not open under password %d", i)
		}
	}
	// With the commitment of neither, the client learns nothing from opening: it
	// doesn't open. That it isn't the private key that is at fault shows in unwrap.
	for i, p := range passwords {
		m4 := &wire.M4{User: "Alice", Commit: [32]byte{1}, Iv: record.Iv, Wrapped: record.Wrapped}
		if _, err := unwrap(p, m4); err != ErrPassword {
			t.Errorf("password %d: error = %v, want %v", i, err, ErrPassword)
		}
	}
	// And one commitment can't be that of two passwords.
	if passwords[0].commit == passwords[1].commit {
		t.Error("two passwords have one commitment")
	}
}

// collision makes a ciphertext of the size of wrapped that opens under two keys with one
// iv: GHASH is linear in the ciphertext, so one free block can be solved for (Len, Grubbs,
// Ristenpart, "Partitioning oracle attacks", 2021). Test code: neither fast nor constant time.
func collision(t *testing.T, k1, k2 [32]byte, iv [12]byte, aad []byte) (out [2064]byte) {
	t.Helper()
	const blocks = 2048 / 16
	hash := func(key [32]byte) (h, mask element) {
		block, err := aes.NewCipher(key[:])
		if err != nil {
			t.Fatal(err)
		}
		var b [16]byte
		block.Encrypt(b[:], b[:])
		h = loadElement(b[:])
		copy(b[:], iv[:])
		b[12], b[13], b[14], b[15] = 0, 0, 0, 1
		block.Encrypt(b[:], b[:])
		return h, loadElement(b[:])
	}
	h1, m1 := hash(k1)
	h2, m2 := hash(k2)
	ghash := func(h element, c []byte) (sum element) {
		pad := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, (16-len(b)%16)%16)...) }
		var sizes [16]byte
		binary.BigEndian.PutUint64(sizes[:8], uint64(len(aad))*8)
		binary.BigEndian.PutUint64(sizes[8:], uint64(len(c))*8)
		all := append(append(pad(aad), pad(c)...), sizes[:]...)
		for i := 0; i < len(all); i += 16 {
			sum = sum.add(loadElement(all[i:])).mul(h)
		}
		return sum
	}
	// The tag under both keys is equal if the free block b, the last of the ciphertext,
	// satisfies b*(h1^2+h2^2) = tag1 + tag2 of the ciphertext with b = 0.
	c := make([]byte, blocks*16)
	if _, err := rand.Read(c[:len(c)-16]); err != nil {
		t.Fatal(err)
	}
	difference := ghash(h1, c).add(m1).add(ghash(h2, c)).add(m2)
	b := difference.mul(h1.mul(h1).add(h2.mul(h2)).inverse())
	b.store(c[len(c)-16:])
	tag := ghash(h1, c).add(m1)
	copy(out[:], c)
	tag.store(out[len(c):])
	for _, k := range [][32]byte{k1, k2} { // the standard library agrees
		block, _ := aes.NewCipher(k[:])
		aead, _ := cipher.NewGCM(block)
		if _, err := aead.Open(nil, iv[:], out[:], aad); err != nil {
			t.Fatalf("collision: %v", err)
		}
	}
	return out
}

// An element of GF(2^128) as GCM writes it: the first bit is the lowest power.
type element struct{ hi, lo uint64 }

func loadElement(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (e element) store(b []byte) {
	binary.BigEndian.PutUint64(b, e.hi)
	binary.BigEndian.PutUint64(b[8:], e.lo)
}

func (e element) add(o element) element { return element{e.hi ^ o.hi, e.lo ^ o.lo} }

func (e element) mul(o element) (sum element) {
	for i := range 128 {
		word := e.hi
		if i >= 64 {
			word = e.lo
		}
		if word>>(63-i%64)&1 == 1 {
			sum = sum.add(o)
		}
		carry := o.lo & 1
		o.lo = o.lo>>1 | o.hi<<63
		o.hi >>= 1
		if carry == 1 {
			o.hi ^= 0xe1 << 56
		}
	}
	return sum
}

// inverse is e^(2^128-2).
func (e element) inverse() element {
	result := element{1 << 63, 0}
	square := e
	for range 127 {
		square = square.mul(square)
		result = result.mul(square)
	}
	return result
}

// A wrong password, once and often, is one error, and gives the server nothing to
// go on. "The server raises k ... with unanswered M4s of one user"; the right password
// still works.
func TestAttack21WrongPasswords(t *testing.T) {
	w := newWorld(t)
	cost := func(user string) uint8 {
		c := w.client(user, "Alice")
		w.toM4(c)
		return c.k
	}
	if k := cost("Bob"); k != 1 {
		t.Fatalf("k = %d at first, want 1", k)
	}
	for range 12 {
		c := w.client("Alice", "wrong")
		_, m4 := w.toM4(c)
		_, _, err := c.Next(context.Background(), m4)
		wants(t, err, ErrPassword)
	}
	if k := cost("ALICE"); k < 2 {
		t.Errorf("k = %d after 12 guesses at Alice's password, want more work", k)
	}
	if k := cost("Bob"); k != 1 {
		t.Errorf("k = %d for Bob, who has nothing to do with it", k)
	}
	run, m5, _ := w.toM5(w.client("Alice", "Alice"))
	if _, _, err := run.Next(w.now, m5); err != nil {
		t.Errorf("the right password fails: %v (%v)", err, w.counts)
	}
	w.now = w.now.Add(6 * puzzle.FailureHalfLife)
	if k := cost("Alice"); k != 1 {
		t.Errorf("k = %d an hour later, want 1", k)
	}
}

// "Wrong password x1000 ...; the right password still works": however many guesses there
// were, the work that is asked stays below what a client refuses, and below what it does
// while the challenge lives.
func TestAttack21ThousandGuesses(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.server.demand.Guessed(w.now, testFrom.Addr(), "Alice")
		w.server.demand.Failed(w.now, testFrom.Addr())
	}
	most := wire.C1{Server: w.id.Public().Id(), D: 2, K: w.server.demand.UserK(w.now, testFrom.Addr(), "Alice"), IssuedMs: 1, LifeS: 30}
	if most.K < 32 {
		t.Errorf("k = %d after a thousand guesses, want much work", most.K)
	}
	if err := puzzle.Check(&most); err != nil {
		t.Errorf("a client refuses it: %v", err)
	}
	run, m5, _ := w.toM5(w.client("Alice", "Alice"))
	if _, _, err := run.Next(w.now, m5); err != nil {
		t.Errorf("the right password fails: %v (%v)", err, w.counts)
	}
}

// Guesses at a user who doesn't exist make his puzzle harder as well, or it would be
// seen that he doesn't.
func TestAttack21UnknownUsersGetHarderToo(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.toM4(w.client("nobody", "x"))
	}
	c := w.client("nobody", "x")
	w.toM4(c)
	if c.k < 2 {
		t.Errorf("k = %d after 12 guesses at nobody, want more work", c.k)
	}
}

// Failures of one network make the puzzle of that network harder from message 2 on.
func TestFailuresOfANetworkCostItWork(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		w.drops(make([]byte, 600), ReasonM3Sealed)
	}
	var m2 wire.M2
	if err := m2.UnmarshalBinary(w.m2(w.client("Alice", "Alice"))); err != nil {
		t.Fatal(err)
	}
	if m2.Body.K < 2 {
		t.Errorf("k = %d after 50 failures, want more work", m2.Body.K)
	}
}

// Unknown user: "the same path, the same bytes ...; decoys are derived from a server
// secret, so two asks agree".
func TestDecoys(t *testing.T) {
	w := newWorld(t)
	ask := func(user string) (wire.M4, int) {
		c := w.client(user, "x")
		_, m4 := w.toM4(c)
		plain, err := m4Key(c.replyKey, c.m3).Open(labelM4.Bytes(), m4)
		if err != nil {
			t.Fatal(err)
		}
		var signed wire.SignedM4
		if err := signed.UnmarshalBinary(plain); err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Next(context.Background(), m4)
		wants(t, err, ErrPassword)
		return signed.Body, len(m4)
	}
	real, realSize := ask("Alice")
	first, size := ask("nobod")
	if size != realSize {
		t.Errorf("message 4 has %d bytes for an unknown user, %d for a known one", size, realSize)
	}
	w.restart()
	again, _ := ask("NoBod")
	if first.Salt != again.Salt || first.Commit != again.Commit || first.Iv != again.Iv || first.Wrapped != again.Wrapped {
		t.Error("two asks for an unknown user don't agree")
	}
	other, _ := ask("nobox")
	if first.Salt == other.Salt || first.Commit == other.Commit || first.Iv == other.Iv || first.Wrapped == other.Wrapped {
		t.Error("two unknown users share credentials")
	}
	if real.Salt == first.Salt {
		t.Error("a decoy is the real one")
	}
	w.counts = make(map[Reason]int)
	run, _ := w.toM4(w.client("nobody", "x"))
	if run.Peer() != nil || w.counts[ReasonUnknownUser] != 1 {
		t.Errorf("counts = %v, want one unknown user in the log", w.counts)
	}
}

// A proof for a user who doesn't exist is checked like any other, and fails, even if it
// is by the key that it is checked with.
func TestDecoyNeverLogsIn(t *testing.T) {
	w := newWorld(t)
	c := w.client("nobody", "x")
	run, m4 := w.toM4(c)
	plain, err := m4Key(c.replyKey, c.m3).Open(labelM4.Bytes(), m4)
	if err != nil {
		t.Fatal(err)
	}
	var signed wire.SignedM4
	if err := signed.UnmarshalBinary(plain); err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"alice", "server"} {
		again := *run
		m5, _, err := c.prove(testKeys()[by], &signed.Body.C2, labelM4.Hash(m4))
		if err != nil {
			t.Fatal(err)
		}
		clear(w.marks) // n2 is the same
		w.refuses(&again, m5, ReasonProof)
	}
}

// Passwords of 0 and 129 bytes are refused; the two Unicode forms of one are one.
func TestAttack23PasswordInputs(t *testing.T) {
	salt := [16]byte{1}
	key := func(password string) ([32]byte, error) {
		k, err := stretchPassword([]byte(password), salt, keys.WeakForTests)
		if err != nil {
			return [32]byte{}, err
		}
		return k.key, nil
	}
	for _, bad := range []string{"", string(make([]byte, 129)), string(bytes.Repeat([]byte("é"), 65)), "\xff\xfe"} {
		if _, err := key(bad); err != keys.ErrBadPassword {
			t.Errorf("password of %d bytes: error = %v, want %v", len(bad), err, keys.ErrBadPassword)
		}
	}
	composed, err1 := key("caf\u00e9")
	decomposed, err2 := key("cafe\u0301")
	if err1 != nil || err2 != nil || composed != decomposed {
		t.Error("NFC and NFD of one password differ")
	}
	if longest, err := key(string(bytes.Repeat([]byte("e\u0301"), 64))); err != nil || longest == composed {
		t.Errorf("128 bytes in form NFC: error = %v", err)
	}
}

// Attack 70: what a thief of the server's database has contains no password and no clear
// key, and each guess costs Argon2id.
func TestAttack70RecordOfAUser(t *testing.T) {
	identity := testKeys()["alice"]
	record, err := NewRecord(rand.Reader, identity, "Alice", []byte("correct horse battery"), testNow, keys.WeakForTests)
	if err != nil {
		t.Fatal(err)
	}
	b := mustEncode(t, record)
	private := identity.Wire()
	for name, secret := range map[string][]byte{
		"password": []byte("correct horse"), "p": private.P[:16], "q": private.Q[:16], "d": private.D[8:24],
	} {
		if bytes.Contains(b, secret) {
			t.Errorf("the record contains the %s", name)
		}
	}
	if shown := fmt.Sprint(record); bytes.Contains([]byte(shown), []byte("correct")) {
		t.Error("the record shows the password")
	}
	again, err := NewRecord(rand.Reader, identity, "Alice", []byte("correct horse battery"), testNow, keys.WeakForTests)
	if err != nil {
		t.Fatal(err)
	}
	if again.Salt == record.Salt || again.Commit == record.Commit || again.Wrapped == record.Wrapped {
		t.Error("two records of one password show that it is one")
	}
}
