package session

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// pair is two ends that share secrets.
func pair(t testing.TB) (a, b *Keys) {
	t.Helper()
	var s Secrets
	copy(s.Send[:], "from a to b, thirty-two bytes ok")
	copy(s.Receive[:], "from b to a, thirty-two bytes ok")
	a, err := New(&s)
	if err != nil {
		t.Fatal(err)
	}
	s.Send, s.Receive = s.Receive, s.Send
	if b, err = New(&s); err != nil {
		t.Fatal(err)
	}
	return a, b
}

const head = 15

// seal makes a packet with a payload.
func seal(t testing.TB, k *Keys, number uint64, payload string) []byte {
	t.Helper()
	p := make([]byte, head+len(payload)+TagSize)
	for i := range head {
		p[i] = byte(i)
	}
	copy(p[head:], payload)
	if err := k.Seal(p, head, number); err != nil {
		t.Fatalf("seal %d: %v", number, err)
	}
	return p
}

func open(k *Keys, phase bool, number uint64, p []byte) (uint64, string, error) {
	p = bytes.Clone(p)
	n, err := k.Open(p, head, phase, uint32(number))
	if err != nil {
		return 0, "", err
	}
	return n, string(p[head : len(p)-TagSize]), nil
}

func TestSealOpen(t *testing.T) {
	a, b := pair(t)
	for _, n := range []uint64{0, 1, 5, 1 << 20, 1<<31 - 1, 1 << 32, 1<<32 + 7, 1<<32 + 1<<31} {
		p := seal(t, a, n, fmt.Sprint("payload ", n))
		got, text, err := open(b, false, n, p)
		if err != nil || got != n || text != fmt.Sprint("payload ", n) {
			t.Fatalf("open %d: got %d %q, %v", n, got, text, err)
		}
	}
}

// "session traffic with keys of another session, other direction, packet number
// repeated, below the window, 2^64-1: drop; no state change"
func TestAttack31ForeignRepeatedOldPackets(t *testing.T) {
	a, b := pair(t)
	p := seal(t, a, 2000, "hello")
	for i := range p {
		changed := bytes.Clone(p)
		changed[i] ^= 1
		if _, _, err := open(b, false, 2000, changed); !errors.Is(err, ErrForged) {
			t.Fatalf("byte %d changed: got %v, want ErrForged", i, err)
		}
	}
	for n := range p {
		if _, _, err := open(b, false, 2000, p[:n]); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d bytes: got %v, want ErrForged", n, err)
		}
	}
	if _, _, err := open(a, false, 2000, p); !errors.Is(err, ErrForged) {
		t.Errorf("our own packet reflected: got %v, want ErrForged", err)
	}
	var s Secrets
	other, _ := New(&s)
	if _, _, err := open(other, false, 2000, p); !errors.Is(err, ErrForged) {
		t.Errorf("another session's keys: got %v, want ErrForged", err)
	}
	if _, _, err := open(b, true, 2000, p); !errors.Is(err, ErrForged) {
		t.Errorf("flipped phase: got %v, want ErrForged", err)
	}
	if _, _, err := open(b, false, 2001, p); !errors.Is(err, ErrForged) {
		t.Errorf("under another number: got %v, want ErrForged", err)
	}
	if _, text, err := open(b, false, 2000, p); err != nil || text != "hello" {
		t.Fatalf("after all that the genuine packet: got %q, %v", text, err)
	}
	if _, _, err := open(b, false, 2000, p); !errors.Is(err, ErrReplayed) {
		t.Errorf("again: got %v, want ErrReplayed", err)
	}
	if err := a.Seal(make([]byte, 40), head, 1<<64-1); !errors.Is(err, ErrExhausted) {
		t.Errorf("seal under the last number: got %v, want ErrExhausted", err)
	}
	if err := a.Seal(make([]byte, 40), head, 2000); !errors.Is(err, ErrExhausted) {
		t.Errorf("seal under a used number: got %v, want ErrExhausted", err)
	}
}

// "packet reorder x1023/1025, duplicate after key update, old-key packet after update"
func TestAttack45WindowAndUpdate(t *testing.T) {
	a, b := pair(t)
	var packets [][]byte
	for n := range uint64(1100) {
		packets = append(packets, seal(t, a, n, "x"))
	}
	if _, _, err := open(b, false, 1050, packets[1050]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(b, false, 1050-1023, packets[1050-1023]); err != nil {
		t.Errorf("overtaken by 1023: %v", err)
	}
	if _, _, err := open(b, false, 1050-1025, packets[1050-1025]); !errors.Is(err, ErrReplayed) {
		t.Errorf("overtaken by 1025: got %v, want ErrReplayed", err)
	}

	if err := a.Update(); err != nil {
		t.Fatal(err)
	}
	fresh := seal(t, a, 1100, "new key")
	if _, text, err := open(b, true, 1100, fresh); err != nil || text != "new key" {
		t.Fatalf("first packet of the new phase: %q, %v", text, err)
	}
	if !b.Phase() {
		t.Error("the receiver has not answered the update with its own")
	}
	if _, _, err := open(b, false, 1099, packets[1099]); err != nil {
		t.Errorf("overtaken packet of the old phase: %v", err)
	}
	if _, _, err := open(b, false, 1050, packets[1050]); !errors.Is(err, ErrReplayed) {
		t.Errorf("duplicate after the update: got %v, want ErrReplayed", err)
	}
	b.DropPrevious()
	if _, _, err := open(b, false, 1098, packets[1098]); err == nil {
		t.Error("old key still works after it was dropped")
	}
	back := seal(t, b, 0, "answer")
	if _, text, err := open(a, true, 0, back); err != nil || text != "answer" {
		t.Errorf("answer under the new key: %q, %v", text, err)
	}
	if a.Phase() != true {
		t.Error("the answer made the initiator of the update move again")
	}
	// A packet sealed with the old key, but numbered after the update.
	s, _ := pair(t)
	late := seal(t, s, 1200, "old key, new number")
	if _, _, err := open(b, false, 1200, late); err == nil {
		t.Error("a packet of the old key passed with a number of the new phase")
	}
}

// "rekey counter wrap; 2^20+1 packets without update: peer forces update, never
// reuses a nonce"
func TestAttack46UpdateIsForced(t *testing.T) {
	a, b := pair(t)
	if a.WantsUpdate() || b.WantsUpdate() {
		t.Fatal("fresh keys want an update")
	}
	a.send.count = updateAfter
	if !a.WantsUpdate() {
		t.Error("the sender doesn't want an update after 2^20 packets")
	}
	b.receive.count = updateAfter + 1
	if !b.WantsUpdate() {
		t.Error("the receiver doesn't force an update after 2^20+1 packets")
	}
	if err := b.Update(); err != nil {
		t.Fatal(err)
	}
	if b.WantsUpdate() {
		t.Error("the receiver wants another update before the sender has followed")
	}
	p := seal(t, b, 1, "update")
	if _, _, err := open(a, true, 1, p); err != nil {
		t.Fatal(err)
	}
	if !a.Phase() {
		t.Error("the sender has not followed")
	}
	a.send.count = sealLimit
	if err := a.Seal(make([]byte, 40), head, 99); !errors.Is(err, ErrExhausted) {
		t.Errorf("seal beyond the limit: got %v, want ErrExhausted", err)
	}
	// Numbers go on through all updates, so a nonce can't come again whatever the phase.
	for range 4 {
		if err := b.Update(); err != nil {
			t.Fatal(err)
		}
		if err := b.Seal(make([]byte, 40), head, 1); !errors.Is(err, ErrExhausted) {
			t.Errorf("number 1 under another key: got %v, want ErrExhausted", err)
		}
	}
}

// TestWindow compares the bitmap with a set.
func TestWindow(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var w window
		seen := map[uint64]bool{}
		var highest uint64
		at := uint64(r.IntN(5000))
		for range 20000 {
			switch r.IntN(50) {
			case 0:
				at += uint64(r.IntN(3000))
			default:
				at += uint64(r.IntN(4))
			}
			n := at - min(at, uint64(r.IntN(1500)))
			want := !seen[n] && (len(seen) == 0 || n+windowSize > highest)
			if got := w.fresh(n); got != want {
				t.Fatalf("seed %d: fresh(%d) with highest %d: got %v, want %v", seed, n, highest, got, want)
			}
			if want {
				w.mark(n)
				seen[n] = true
				highest = max(highest, n)
			}
		}
	}
	var w window
	w.mark(1<<62 - 1)
	if w.fresh(1<<62-1) || !w.fresh(1<<62-2) || w.fresh(1<<62-1-windowSize) {
		t.Error("the window fails at its upper end")
	}
}

func TestWhole(t *testing.T) {
	for _, test := range []struct {
		next uint64
		low  uint32
		want uint64
	}{
		{0, 0, 0}, {0, 1<<32 - 1, 1<<32 - 1}, {10, 5, 5}, {1 << 32, 1<<32 - 1, 1<<32 - 1}, {1<<32 - 1, 3, 1<<32 + 3},
		{5<<32 + 100, 1<<32 - 50, 5<<32 - 50}, {5<<32 + 100, 200, 5<<32 + 200}, {6<<32 - 2, 1, 6<<32 + 1},
	} {
		k := Keys{window: window{next: test.next}}
		if got := k.whole(test.low); got != test.want {
			t.Errorf("whole(%#x) when %#x is expected: got %#x, want %#x", test.low, test.next, got, test.want)
		}
	}
}

func TestSealOpenAllocateNothing(t *testing.T) {
	a, b := pair(t)
	p := make([]byte, 1200)
	n := uint64(0)
	allocs := testing.AllocsPerRun(1000, func() {
		if err := a.Seal(p, head, n); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open(p, head, false, uint32(n)); err != nil {
			t.Fatal(err)
		}
		n++
	})
	if allocs != 0 {
		t.Errorf("%v allocations per packet, want 0", allocs)
	}
}

func BenchmarkSealOpen(b *testing.B) {
	a, c := pair(b)
	p := make([]byte, 1200)
	b.SetBytes(1200)
	n := uint64(0)
	for b.Loop() {
		a.send.count = 0
		if err := a.Seal(p, head, n); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Open(p, head, false, uint32(n)); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// Keys that rest go on where they were, also after an update, and hold less meanwhile.
func TestRest(t *testing.T) {
	a, b := pair(t)
	phase := false
	for n := range uint64(40) {
		p := seal(t, a, n, "hello")
		if n%3 == 0 {
			a.Rest()
		}
		if n%4 == 0 {
			b.Rest()
			if b.receive.aead != nil || b.send.aead != nil {
				t.Fatal("ciphers at rest")
			}
		}
		if _, text, err := open(b, phase, n, p); err != nil || text != "hello" {
			t.Fatalf("open %d: got %q, %v", n, text, err)
		}
		if n%10 == 9 {
			if err := a.Update(); err != nil {
				t.Fatal(err)
			}
			a.Rest()
			phase = !phase
			b.DropPrevious()
		}
	}
}
