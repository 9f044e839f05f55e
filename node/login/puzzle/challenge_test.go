package puzzle

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"sotto/wire"
)

// "A flood of first messages costs one signature each two seconds for each k there is."
func TestChallengesAreSignedOnceASlot(t *testing.T) {
	signed := 0
	c := &Challenges{Random: rand.Reader, Server: wire.KeyId{1}, Sign: func(c1 *wire.C1) ([]byte, error) {
		signed++
		return c1.MarshalBinary()
	}}
	start := testNow.Truncate(Slot)
	var last []byte
	for n, now := range []time.Time{start, start.Add(Slot - 1), start.Add(Slot), start.Add(Slot)} {
		k := uint8(1)
		if n == 3 {
			k = 2
		}
		b, err := c.Message(now, k)
		if err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(b, last); same != (n == 1) {
			t.Errorf("message %d: the same as before = %v", n, same)
		}
		last = b
		var c1 wire.C1
		if err := c1.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if c1.K != k || c1.D != 2 || c1.Server != c.Server || !Fresh(now, c1.IssuedMs, c1.LifeS) {
			t.Errorf("message %d: %v", n, &c1)
		}
	}
	if signed != 3 {
		t.Errorf("%d signatures, want 3", signed)
	}
}

// What was issued is known for its life, to the byte.
func TestIssued(t *testing.T) {
	c := &Challenges{Random: rand.Reader, Sign: func(c1 *wire.C1) ([]byte, error) { return c1.MarshalBinary() }}
	b, err := c.Message(testNow, 1)
	if err != nil {
		t.Fatal(err)
	}
	var c1 wire.C1
	if err := c1.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(b)
	changed[len(changed)-1]++
	if !c.Issued(c1.N1, b) || c.Issued(c1.N1, changed) || c.Issued([32]byte{1}, b) {
		t.Error("not known, or too much is")
	}
	for n := range 1000 {
		if _, err := c.Message(testNow.Add(time.Duration(n)*Slot), 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.issued); n > 17 || c.Issued(c1.N1, b) {
		t.Errorf("%d challenges are remembered", n)
	}
	if _, err := c.Message(testNow, 1); err != nil {
		t.Fatal(err)
	}
	if n := len(c.issued); n != 1 {
		t.Errorf("%d challenges are remembered by a clock that has gone back", n)
	}
}

func TestFresh(t *testing.T) {
	ms := uint64(testNow.UnixMilli())
	for _, test := range []struct {
		issued uint64
		want   bool
	}{{ms, true}, {ms + 1, false}, {ms - 30_000, true}, {ms - 30_001, false}, {0, false}, {1<<64 - 1, false}} {
		if got := Fresh(testNow, test.issued, 30); got != test.want {
			t.Errorf("issued at %d: %v, want %v", test.issued, got, test.want)
		}
	}
	if Fresh(time.UnixMilli(-5), 0, 30) {
		t.Error("something is fresh before 1970")
	}
}

func TestDemand(t *testing.T) {
	d, err := NewDemand(0)
	if err != nil {
		t.Fatal(err)
	}
	from, other := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.7")
	is := func(what string, got, want uint8) {
		t.Helper()
		if got != want {
			t.Errorf("%s: k = %d, want %d", what, got, want)
		}
	}
	is("nobody", d.UserK(testNow, from, "Alice"), 1)
	for range 20 {
		d.Guessed(testNow, other, "ALICE")
	}
	is("20 guesses at Alice", d.UserK(testNow, from, "alice"), 4)
	is("20 guesses at Alice, for Bob", d.UserK(testNow, from, "bob"), 1)
	is("20 guesses at Alice, for devices", d.K(testNow, from), 1)
	for range 20 {
		d.Proved(testNow, other, "alice")
	}
	is("all of them proved", d.UserK(testNow, from, "alice"), 1)
	for range 40 {
		d.Failed(testNow, other)
	}
	is("40 failures", d.K(testNow, other.Next()), 2)
	is("40 failures elsewhere", d.K(testNow, from), 1)
	for range 2000 {
		d.Solved(testNow)
	}
	is("load", d.K(testNow, from), 8)
	is("load, a minute later", d.K(testNow.Add(time.Minute), from), 1)
	if _, err := NewDemand(MaxK + 1); err == nil {
		t.Error("a puzzle that clients refuse")
	}
}
