package session

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"sotto/node/keys"
	"sotto/wire"
)

// A vector is a run of the schedule in testdata/schedule.txtar: what goes in and all that
// must come out. TestScheduleVectors computes the same values without this package.
type vector map[string][]byte

func readVector(t testing.TB) vector {
	t.Helper()
	a, err := txtar.ParseFile("testdata/schedule.txtar")
	if err != nil {
		t.Fatal(err)
	}
	v := make(vector)
	for _, f := range a.Files {
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		v[f.Name] = b
	}
	return v
}

// is compares a value with the vector's.
func (v vector) is(t *testing.T, name string, got []byte) {
	t.Helper()
	if len(v[name]) == 0 || !bytes.Equal(got, v[name]) {
		t.Errorf("%s = %x, want %x", name, got, v[name])
	}
}

// opens checks the key of a box by what another implementation has sealed with it.
func (v vector) opens(t *testing.T, name string, b *box) {
	t.Helper()
	plain, err := b.Open(v[name+" box"])
	if err != nil || string(plain) != name {
		t.Errorf("the box of %s: %q, %v", name, plain, err)
	}
	want := keys.NewOnceKey([32]byte(v[name+" key"]), [12]byte(v[name+" iv"]))
	if !bytes.Equal(b.Seal([]byte(name)), want.Seal(b.label.Bytes(), []byte(name))) {
		t.Errorf("the key of %s is another", name)
	}
}

// "Each step needs the one before it." All keys of the schedule, for fixed inputs.
func TestScheduleAsSpecified(t *testing.T) {
	v := readVector(t)
	server, e := keys.NewSealer(wire.Seed(v["server seed"])), keys.NewSealer(wire.Seed(v["e seed"]))
	start, err := StartFrom(server, (*wire.Encapsulation)(v["ct1"]))
	if err != nil {
		t.Fatal(err)
	}
	v.is(t, "ss1", start.ss1[:])
	first := start.First(wire.Hash(v["conn"]), v["challenge"], wire.KeyId(v["server id"]), v["head"])
	v.is(t, "t1", first.t1[:])
	v.opens(t, "b3", &first.box)
	second, err := first.SecondFrom(e, v["b3"], (*wire.Encapsulation)(v["ct2"]))
	if err != nil {
		t.Fatal(err)
	}
	t2 := second.T2()
	v.is(t, "t2", t2[:])
	v.is(t, "second secret", second.secret[:])
	v.opens(t, "b4", &second.box)
	third := second.Third(v["b4"])
	t3 := third.T3()
	v.is(t, "t3", t3[:])
	v.is(t, "third secret", third.secret[:])
	v.opens(t, "b5", &third.box)
	done := third.Done(v["b5"])
	id := done.ID()
	v.is(t, "c2s", done.Dialler().Send[:])
	v.is(t, "s2c", done.Dialler().Receive[:])
	v.is(t, "c2s", done.Dialled().Receive[:])
	v.is(t, "s2c", done.Dialled().Send[:])
	v.is(t, "id", id[:])
}

// A run is both sides of a handshake, and what differs between the two.
type run struct {
	conn      wire.Hash
	challenge string
	server    wire.KeyId
	head      string
	b3        string
	b4        string
	b5        string
}

// play runs both sides up to where they part, and returns how many of four stages agree.
func play(t *testing.T, dials, dialled run) (agree int) {
	t.Helper()
	server, e := keys.NewSealer(wire.Seed{1}), keys.NewSealer(wire.Seed{2})
	serverKey, eKey := server.Public(), e.Public()
	start, ct1, err := StartTo(&serverKey)
	if err != nil {
		t.Fatal(err)
	}
	theirStart, err := StartFrom(server, &ct1)
	if err != nil {
		t.Fatal(err)
	}
	first := start.First(dials.conn, []byte(dials.challenge), dials.server, []byte(dials.head))
	theirFirst := theirStart.First(dialled.conn, []byte(dialled.challenge), dialled.server, []byte(dialled.head))
	if _, err := theirFirst.Open(first.Seal([]byte("b3"))); err == nil {
		agree++
	}
	theirSecond, ct2, err := theirFirst.SecondTo(&eKey, []byte(dialled.b3))
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.SecondFrom(e, []byte(dials.b3), &ct2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(theirSecond.Seal([]byte("b4"))); err == nil {
		agree++
	}
	third, theirThird := second.Third([]byte(dials.b4)), theirSecond.Third([]byte(dialled.b4))
	if _, err := theirThird.Open(third.Seal([]byte("b5"))); err == nil {
		agree++
	}
	done, theirDone := third.Done([]byte(dials.b5)), theirThird.Done([]byte(dialled.b5))
	if *done.Dialler() == (Secrets{Send: theirDone.Dialled().Receive, Receive: theirDone.Dialled().Send}) && done.ID() == theirDone.ID() {
		agree++
	}
	return agree
}

// Whoever has seen other bytes has other keys, from there on and for good.
func TestScheduleBindsAllBytes(t *testing.T) {
	same := run{wire.Hash{1}, "challenge", wire.KeyId{2}, "head", "b3", "b4", "b5"}
	if got := play(t, same, same); got != 4 {
		t.Fatalf("the same bytes: %d of 4 stages agree", got)
	}
	for name, test := range map[string]struct {
		change func(r *run)
		agree  int
	}{
		"conn":      {func(r *run) { r.conn[31] ^= 1 }, 0},
		"challenge": {func(r *run) { r.challenge += "\x00" }, 0},
		"server":    {func(r *run) { r.server[0] ^= 1 }, 0},
		"head":      {func(r *run) { r.head = "heaD" }, 0},
		"b3":        {func(r *run) { r.b3 = "" }, 1},
		"b4":        {func(r *run) { r.b4 = "B4" }, 2},
		"b5":        {func(r *run) { r.b5 = "b6" }, 3},
	} {
		other := same
		test.change(&other)
		if got := play(t, same, other); got != test.agree {
			t.Errorf("%s differs: %d stages agree, want %d", name, got, test.agree)
		}
		if got := play(t, other, same); got != test.agree {
			t.Errorf("%s differs: %d stages agree, want %d", name, got, test.agree)
		}
	}
}

// Attacks 41 and 44: a ct that was changed, made for another key, or by somebody who lacks
// the first secret, leads to keys that open nothing.
func TestAttack41ChangedEncapsulations(t *testing.T) {
	server, e := keys.NewSealer(wire.Seed{1}), keys.NewSealer(wire.Seed{2})
	serverKey, eKey := server.Public(), e.Public()
	start, ct1, err := StartTo(&serverKey)
	if err != nil {
		t.Fatal(err)
	}
	first := start.First(wire.Hash{}, nil, wire.KeyId{}, nil)
	b3 := first.Seal([]byte("b3"))
	for name, at := range map[string]int{"ML-KEM": 10, "X25519": 1100} {
		changed := ct1
		changed[at] ^= 1
		s, err := StartFrom(server, &changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.First(wire.Hash{}, nil, wire.KeyId{}, nil).Open(b3); err == nil {
			t.Errorf("ct1 changed in %s: the box opens", name)
		}
	}
	s, err := StartFrom(e, &ct1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.First(wire.Hash{}, nil, wire.KeyId{}, nil).Open(b3); err == nil {
		t.Error("ct1 for another key: the box opens")
	}
	theirStart, err := StartFrom(server, &ct1)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ct2, err := theirStart.First(wire.Hash{}, nil, wire.KeyId{}, nil).SecondTo(&eKey, b3)
	if err != nil {
		t.Fatal(err)
	}
	b4 := theirs.Seal([]byte("b4"))
	for name, at := range map[string]int{"ML-KEM": 10, "X25519": 1100} {
		changed := ct2
		changed[at] ^= 1
		second, err := first.SecondFrom(e, b3, &changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := second.Open(b4); err == nil {
			t.Errorf("ct2 changed in %s: the box opens", name)
		}
	}
	liar, ct2, err := (&Start{}).First(wire.Hash{}, nil, wire.KeyId{}, nil).SecondTo(&eKey, b3)
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.SecondFrom(e, b3, &ct2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(liar.Seal([]byte("b4"))); err == nil {
		t.Error("somebody without the first secret has made B4")
	}
}

func TestBoxSealsOnce(t *testing.T) {
	first := (&Start{}).First(wire.Hash{}, nil, wire.KeyId{}, nil)
	first.Seal(nil)
	defer func() {
		if recover() == nil {
			t.Error("one key has sealed two things")
		}
	}()
	first.Seal(nil)
}

func TestScheduleShowsNoSecretAndClears(t *testing.T) {
	start := &Start{[32]byte{0xab, 0xcd, 0xef, 0x99}}
	first := start.First(wire.Hash{}, nil, wire.KeyId{}, nil)
	second := first.second(&[32]byte{1}, nil, &wire.Encapsulation{})
	third := second.Third(nil)
	done := third.Done(nil)
	secrets := [][]byte{start.ss1[:8], second.secret[:8], third.secret[:8], done.c2s[:8], done.s2c[:8]}
	for _, v := range []any{start, first, second, third, done, done.Dialler(), *done.Dialler()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			shown := fmt.Sprintf(verb, v)
			for _, secret := range secrets {
				if strings.Contains(shown, fmt.Sprintf("%x", secret)) || strings.Contains(shown, strings.Trim(fmt.Sprint(secret), "[]")) {
					t.Errorf("%T in %s shows %s", v, verb, shown)
				}
			}
		}
	}
	sealed := first.once.Seal(nil, nil)
	start.Clear()
	first.Clear()
	second.Clear()
	third.Clear()
	done.Clear()
	for _, secret := range [][]byte{start.ss1[:], first.ss1[:], second.secret[:], third.secret[:], done.c2s[:], done.s2c[:]} {
		if !bytes.Equal(secret, make([]byte, 32)) {
			t.Errorf("a secret is left: %x", secret)
		}
	}
	if bytes.Equal(first.once.Seal(nil, nil), sealed) {
		t.Error("the key of a box is left")
	}
}
