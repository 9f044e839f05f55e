package envelope

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// A writer is a user of letters: an account with a device, as the log shows him.
type writer struct {
	account *keys.Account
	device  *keys.Device
	contact *Contact
}

// Nothing may depend on which keys these are.
var writers = sync.OnceValue(func() map[string]*writer {
	all := make(map[string]*writer)
	for _, name := range []string{"alice", "bob", "eve"} {
		w := &writer{account: newAccount()}
		w.device = w.newDevice(name)
		w.contact = w.shown(name, w.device)
		all[name] = w
	}
	return all
})

func newAccount() *keys.Account {
	a, err := keys.NewAccount(rand.Reader)
	if err != nil {
		panic(err)
	}
	return a
}

func (w *writer) newDevice(user string) *keys.Device {
	d, err := keys.NewDevice(rand.Reader, wire.Realm{1}, user, w.account)
	if err != nil {
		panic(err)
	}
	return d
}

// shown is the user as the log shows him with some devices.
func (w *writer) shown(name string, devices ...*keys.Device) *Contact {
	var list []wire.Device
	for _, d := range devices {
		list = append(list, wire.Device{Keys: d.Public()})
	}
	public := w.account.Public()
	return NewContact(name, &public, list)
}

func letterHeading(seq uint64) LetterHeading {
	return LetterHeading{Id: [16]byte{byte(seq), 1}, Seq: seq, Sent: testNow, Head: wire.TreeHead{Leaves: 7, Root: wire.Hash{7}}}
}

// A letter from alice to bob.
func letter(t testing.TB, h LetterHeading, text string) []byte {
	t.Helper()
	return letterTo(t, writers()["bob"].contact, h, text)
}

func letterTo(t testing.TB, to *Contact, h LetterHeading, text string) []byte {
	t.Helper()
	b, err := SealLetter(rand.Reader, writers()["alice"].device, to, h, text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openedLetter(b []byte) (*OpenedLetter, error) {
	bob, alice := writers()["bob"], writers()["alice"]
	return OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, alice.contact, testNow, DirectAge, b)
}

func decodedLetter(t testing.TB, b []byte) *wire.Letter {
	t.Helper()
	l := new(wire.Letter)
	if err := l.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return l
}

// letterBy signs a letter again and encodes it.
func letterBy(t testing.TB, l *wire.Letter, by *keys.Device) []byte {
	t.Helper()
	body, err := l.Body.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	l.Sig = by.Signer.Sign(labelLetter, body)
	return encodedLetter(t, l)
}

func encodedLetter(t testing.TB, l *wire.Letter) []byte {
	t.Helper()
	l.BodyRaw = nil
	b, err := l.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealAndOpenLetter(t *testing.T) {
	for _, text := range []string{"", "hello there", strings.Repeat("x", 61), strings.Repeat("é", 70_000), strings.Repeat("y", MaxText)} {
		b := letter(t, letterHeading(7), text)
		m, err := openedLetter(b)
		if err != nil {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if m.Text != text || m.Header.Seq != 7 || m.Header.From != "alice" || m.Header.Head.Leaves != 7 {
			t.Errorf("%d bytes: got %d, header %v", len(text), len(m.Text), &m.Header)
		}
		if len(text) > 20 && bytes.Contains(b, []byte(text)) {
			t.Error("the text stands in the letter")
		}
		if most := len(text) + 1700; len(b) > most {
			t.Errorf("%d bytes of text make a letter of %d", len(text), len(b))
		}
	}
	if len(letter(t, letterHeading(1), "a")) != len(letter(t, letterHeading(1), strings.Repeat("a", 60))) {
		t.Error("the length of a short text shows")
	}
}

func TestSealLetterRefuses(t *testing.T) {
	alice, bob := writers()["alice"], writers()["bob"]
	for name, test := range map[string]struct {
		h    LetterHeading
		text string
		want error
	}{
		"1 MiB and 1": {letterHeading(1), strings.Repeat("x", MaxText+1), ErrTooLong},
		"not UTF-8":   {letterHeading(1), "\xff", ErrNotText},
		"seq 0":       {letterHeading(0), "x", ErrSeq},
		"seq 2^64-1":  {letterHeading(1<<64 - 1), "x", ErrSeq},
	} {
		if _, err := SealLetter(rand.Reader, alice.device, bob.contact, test.h, test.text); !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
	}
	if _, err := SealLetter(bytes.NewReader(nil), alice.device, bob.contact, letterHeading(1), "x"); err == nil {
		t.Error("sealed without randomness")
	}
	account := bob.account.Public()
	nobody := NewContact("bob", &account, []wire.Device{{}})
	if _, err := SealLetter(rand.Reader, alice.device, nobody, letterHeading(1), "x"); err == nil {
		t.Error("sealed to a key that is none")
	}
}

// "For each device of the recipient, or for the account where there is none yet." The
// account's first device reads what was written before it was there, a later one does not.
func TestLetterSlots(t *testing.T) {
	bob := &writer{account: newAccount()}
	first, second := bob.newDevice("bob"), bob.newDevice("bob")
	first.Inherit(bob.account)
	open := func(d *keys.Device, b []byte) error {
		_, err := OpenLetter(d, []wire.KeyId{bob.account.Id()}, writers()["alice"].contact, testNow, DirectAge, b)
		return err
	}
	for _, test := range []struct {
		name          string
		to            *Contact
		first, second error
	}{
		{"before there is a device", bob.shown("bob"), nil, ErrNoSlot},
		{"to the first", bob.shown("bob", first), nil, ErrNoSlot},
		{"to both", bob.shown("bob", first, second), nil, nil},
		{"to the second alone", bob.shown("bob", second), ErrNoSlot, nil},
	} {
		b := letterTo(t, test.to, letterHeading(1), "x")
		if err := open(first, b); !errors.Is(err, test.first) {
			t.Errorf("%s: the first device: %v, want %v", test.name, err, test.first)
		}
		if err := open(second, b); !errors.Is(err, test.second) {
			t.Errorf("%s: the second device: %v, want %v", test.name, err, test.second)
		}
	}
}

// Eve signs alice's letter again, as herself and as alice.
func TestAttack32LetterSignedAgainByEve(t *testing.T) {
	eve, bob := writers()["eve"], writers()["bob"]
	l := decodedLetter(t, letter(t, letterHeading(1), "hello"))
	if _, err := openedLetter(letterBy(t, l, eve.device)); !errors.Is(err, ErrSignature) {
		t.Errorf("header unchanged: error = %v, want %v", err, ErrSignature)
	}
	l.Body.Header.From, l.Body.Header.FromDevice = "eve", eve.device.Id()
	b := letterBy(t, l, eve.device)
	if _, err := OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, eve.contact, testNow, DirectAge, b); !errors.Is(err, ErrSealed) {
		t.Errorf("as eve: error = %v, want %v: the header is bound to the key", err, ErrSealed)
	}
	if _, err := openedLetter(b); !errors.Is(err, ErrSender) {
		t.Errorf("as eve, taken for alice's: error = %v, want %v", err, ErrSender)
	}
}

// Alice's letter for Eve, who has entered Bob's keys as hers, delivered to Bob.
func TestAttack33LetterForSomebodyElse(t *testing.T) {
	bob := writers()["bob"]
	if _, err := openedLetter(letterTo(t, bob.shown("eve", bob.device), letterHeading(1), "for eve")); !errors.Is(err, ErrNotForMe) {
		t.Errorf("error = %v, want %v", err, ErrNotForMe)
	}
}

// from_device is none that the log shows; to_account is an old one of mine. "Say why."
func TestAttack34OtherKeysOfLetters(t *testing.T) {
	alice, bob := writers()["alice"], writers()["bob"]
	b := letter(t, letterHeading(1), "hello")
	removed := alice.shown("alice", alice.newDevice("alice"))
	if _, err := OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, removed, testNow, DirectAge, b); !errors.Is(err, ErrSenderKey) {
		t.Errorf("the device was removed: error = %v, want %v", err, ErrSenderKey)
	}
	if _, err := OpenLetter(bob.device, []wire.KeyId{newAccount().Id()}, alice.contact, testNow, DirectAge, b); !errors.Is(err, ErrOldKey) {
		t.Errorf("I have another account key now: error = %v, want %v", err, ErrOldKey)
	}
	l := decodedLetter(t, b)
	l.Body.Header.FromDevice = writers()["eve"].device.Id()
	if _, err := openedLetter(letterBy(t, l, alice.device)); !errors.Is(err, ErrSenderKey) {
		t.Errorf("another from_device: error = %v, want %v", err, ErrSenderKey)
	}
	l.Body.Header.FromDevice = alice.account.Id() // the account's key writes no letters
	body, err := l.Body.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	l.Sig = alice.account.Signer.Sign(labelLetter, body)
	if _, err := openedLetter(encodedLetter(t, l)); !errors.Is(err, ErrSenderKey) {
		t.Errorf("by the account's key: error = %v, want %v", err, ErrSenderKey)
	}
}

// Slots, enc, ct, header swapped between two good letters, each byte altered once, cut and
// lengthened; a slot taken away or added.
func TestAttack35SplicedLetters(t *testing.T) {
	alice, bob := writers()["alice"], writers()["bob"]
	two := bob.shown("bob", bob.newDevice("bob"), bob.device)
	first, second := letterTo(t, two, letterHeading(1), "first"), letterTo(t, two, letterHeading(2), "second")
	mine := slices.IndexFunc(decodedLetter(t, first).Body.Slots, func(s wire.LetterSlot) bool { return s.To == bob.device.Id() })
	for name, splice := range map[string]func(l, from *wire.Letter){
		"slots":    func(l, from *wire.Letter) { l.Body.Slots = from.Body.Slots },
		"one slot": func(l, from *wire.Letter) { l.Body.Slots[1-mine] = from.Body.Slots[1-mine] },
		"order":    func(l, _ *wire.Letter) { slices.Reverse(l.Body.Slots) },
		"fewer":    func(l, _ *wire.Letter) { l.Body.Slots = l.Body.Slots[mine : mine+1] },
		"more":     func(l, from *wire.Letter) { l.Body.Slots = append(l.Body.Slots, from.Body.Slots[mine]) },
		"enc":      func(l, from *wire.Letter) { l.Body.Slots[mine].Enc = from.Body.Slots[mine].Enc },
		"sealed":   func(l, from *wire.Letter) { l.Body.Slots[mine].Sealed = from.Body.Slots[mine].Sealed },
		"ct":       func(l, from *wire.Letter) { l.Body.Ct = from.Body.Ct },
		"h":        func(l, from *wire.Letter) { l.Body.Header = from.Body.Header },
		"head":     func(l, _ *wire.Letter) { l.Body.Header.Head.Leaves++ },
		"sig":      func(l, from *wire.Letter) { l.Sig = from.Sig },
	} {
		l, from := decodedLetter(t, first), decodedLetter(t, second)
		splice(l, from)
		if _, err := openedLetter(encodedLetter(t, l)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: error = %v, want %v", name, err, ErrSignature)
		}
		if name == "sig" {
			continue
		}
		// Even signed by alice herself the parts don't fit together.
		if _, err := openedLetter(letterBy(t, l, alice.device)); !errors.Is(err, ErrSealed) {
			t.Errorf("%s, and signed: error = %v, want %v", name, err, ErrSealed)
		}
	}
	for i := range first {
		bad := bytes.Clone(first)
		bad[i] ^= 1
		if m, err := openedLetter(bad); err == nil || m != nil {
			t.Fatalf("byte %d altered: opened", i)
		}
		if _, err := openedLetter(first[:i]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: error = %v, want %v", i, err, ErrMalformed)
		}
	}
	for i := 1; i <= 64; i++ {
		if _, err := openedLetter(append(bytes.Clone(first), make([]byte, i)...)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d bytes more: error = %v, want %v", i, err, ErrMalformed)
		}
	}
}

// The tag of the text cut to 12, 4 and 0 bytes, and the one of the key overwritten. All of
// it signed by alice.
func TestAttack36TagsOfLetters(t *testing.T) {
	alice := writers()["alice"]
	b := letter(t, letterHeading(1), strings.Repeat("long enough", 20))
	for _, cut := range []int{4, 12, 16} {
		l := decodedLetter(t, b)
		l.Body.Ct = l.Body.Ct[:len(l.Body.Ct)-cut]
		if _, err := openedLetter(letterBy(t, l, alice.device)); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes less: error = %v, want %v", cut, err, ErrSealed)
		}
	}
	for _, zeros := range []int{4, 12, 16} {
		l := decodedLetter(t, b)
		sealed := &l.Body.Slots[0].Sealed
		clear(sealed[len(sealed)-zeros:])
		if _, err := openedLetter(letterBy(t, l, alice.device)); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes of the key's tag cleared: error = %v, want %v", zeros, err, ErrSealed)
		}
	}
}

// seq 2^64-1, sent in an hour or more than a day ago.
func TestAttack37NumbersAndTimesOfLetters(t *testing.T) {
	alice, bob := writers()["alice"], writers()["bob"]
	now := testNow.UnixMilli()
	const hour, day = 3_600_000, 86_400_000
	for name, test := range map[string]struct {
		sent   int64
		oldest time.Duration
		want   error
	}{
		"in an hour":              {now + hour, DirectAge, ErrFromFuture},
		"in 9 minutes":            {now + hour*9/60, DirectAge, nil},
		"a day ago":               {now - day, DirectAge, ErrTooOld},
		"a day ago, in a mailbox": {now - day, StoredAge, nil},
		"two months ago":          {now - 60*day, StoredAge, ErrTooOld},
	} {
		h := letterHeading(1)
		h.Sent = time.UnixMilli(test.sent)
		_, err := OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, alice.contact, testNow, test.oldest, letter(t, h, "x"))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
	}
	// Numbers that SealLetter doesn't write, by a sender who does.
	for _, seq := range []uint64{0, 1<<64 - 1} {
		if err := checkOrder(seq, uint64(now), testNow, DirectAge); !errors.Is(err, ErrSeq) {
			t.Errorf("number %d: error = %v, want %v", seq, err, ErrSeq)
		}
	}
}

// A peer whose account was reset between two messages: what the new device writes is not
// taken for his before the log, and then a person, says so.
func TestAttack38LetterAfterReset(t *testing.T) {
	bob := writers()["bob"]
	again := &writer{account: newAccount()}
	device := again.newDevice("alice")
	b, err := SealLetter(rand.Reader, device, bob.contact, letterHeading(1), "it is me")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openedLetter(b); !errors.Is(err, ErrSenderKey) {
		t.Errorf("error = %v, want %v", err, ErrSenderKey)
	}
}

// What a device or an account signs elsewhere never verifies as a letter.
func TestAttack29OtherSignaturesAreNoLetters(t *testing.T) {
	alice := writers()["alice"]
	l := decodedLetter(t, letter(t, letterHeading(1), "hello"))
	body, err := l.Body.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []keys.Label{"device login", "device peer", "enrol", "entry", "msg", "letter2", "lette"} {
		l.Sig = alice.device.Signer.Sign(other, body)
		if _, err := openedLetter(encodedLetter(t, l)); !errors.Is(err, ErrSignature) {
			t.Errorf("label %q: error = %v, want %v", other, err, ErrSignature)
		}
	}
}

// PeekLetter says only what a letter claims.
func TestAttack40PeekLetterBelievesNothing(t *testing.T) {
	b := letter(t, letterHeading(1), "hello")
	b[len(b)-1] ^= 1
	h, err := PeekLetter(b)
	if err != nil || h.From != "alice" || h.To != "bob" {
		t.Errorf("header = %v, %v", h, err)
	}
	if _, err := PeekLetter(b[:100]); !errors.Is(err, ErrMalformed) {
		t.Errorf("cut: error = %v, want %v", err, ErrMalformed)
	}
	if _, err := PeekLetter(append(b, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("trailing: error = %v, want %v", err, ErrMalformed)
	}
}

func TestDraft(t *testing.T) {
	me := writers()["alice"].device
	b, err := SealDraft(me, "for later")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := OpenDraft(me, b); err != nil || text != "for later" {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := OpenDraft(writers()["eve"].device, b); !errors.Is(err, ErrSealed) {
		t.Errorf("another device: error = %v, want %v", err, ErrSealed)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := OpenDraft(me, bad); err == nil {
			t.Fatalf("byte %d altered: opened", i)
		}
	}
	if _, err := SealDraft(me, strings.Repeat("x", MaxText+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("1 MiB and 1: error = %v, want %v", err, ErrTooLong)
	}
}

func BenchmarkSealLetter(b *testing.B) {
	benchmarkText(b, func(b *testing.B, text string) {
		for b.Loop() {
			letter(b, letterHeading(1), text)
		}
	})
}

func BenchmarkOpenLetter(b *testing.B) {
	benchmarkText(b, func(b *testing.B, text string) {
		sealed := letter(b, letterHeading(1), text)
		b.ResetTimer()
		for b.Loop() {
			if _, err := openedLetter(sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
