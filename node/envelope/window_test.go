package envelope

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func id(n uint64) [16]byte { return [16]byte{byte(n), byte(n >> 8), byte(n >> 16), 1} }

// story feeds numbers to a window that is stored and read after each.
func story(t *testing.T, w *Window, seqs ...uint64) (gaps []Gap) {
	t.Helper()
	for _, seq := range seqs {
		g, err := w.Accept(seq, id(seq))
		if err != nil {
			t.Fatalf("%d: %v", seq, err)
		}
		gaps = append(gaps, g...)
		b, err := w.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 4100 {
			t.Fatalf("the window has %d bytes", len(b))
		}
		*w = Window{}
		if err := w.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
	}
	return gaps
}

// "Gaps are shown", each number once, and what fills one is taken.
func TestAttack37Gaps(t *testing.T) {
	for _, test := range []struct {
		name string
		seqs []uint64
		want []Gap
	}{
		{"in order", []uint64{5, 6, 7}, nil},
		{"one missing", []uint64{5, 7}, []Gap{{6, 7}}},
		{"filled late", []uint64{5, 9, 7, 6, 8, 10}, []Gap{{6, 9}}},
		{"two holes", []uint64{1, 3, 10}, []Gap{{2, 3}, {4, 10}}},
		{"before the first", []uint64{100, 99, 50}, nil},
		{"a new profile", []uint64{1, 2, 5_000_000, 5_000_001}, nil},
		{"two profiles", []uint64{1, 5_000_000, 2, 5_000_001, 4, 5_000_003}, []Gap{{3, 4}, {5_000_002, 5_000_003}}},
		{"near the end", []uint64{math.MaxUint64 - 3, math.MaxUint64 - 1}, []Gap{{math.MaxUint64 - 2, math.MaxUint64 - 1}}},
	} {
		var w Window
		if got := story(t, &w, test.seqs...); !slices.Equal(got, test.want) {
			t.Errorf("%s: gaps %v, want %v", test.name, got, test.want)
		}
		for _, seq := range test.seqs {
			if _, err := w.Accept(seq, id(seq)); !errors.Is(err, ErrRepeated) {
				t.Errorf("%s: %d again: error = %v, want %v", test.name, seq, err, ErrRepeated)
			}
		}
	}
}

// The same number with another id is an alarm; the numbers 0 and 2^64-1 are none.
func TestAttack37NumbersReused(t *testing.T) {
	var w Window
	story(t, &w, 5, 6, 8)
	for name, test := range map[string]struct {
		seq  uint64
		id   [16]byte
		want error
	}{
		"another id":             {6, id(99), ErrSeqReused},
		"the same id":            {6, id(6), ErrRepeated},
		"the id of another":      {9, id(6), ErrRepeated},
		"the id, in a gap":       {7, id(6), ErrRepeated},
		"zero":                   {0, id(99), ErrSeq},
		"the last number of all": {math.MaxUint64, id(99), ErrSeq},
	} {
		before, _ := w.MarshalBinary()
		if _, err := w.Accept(test.seq, test.id); !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
		if after, _ := w.MarshalBinary(); !slices.Equal(before, after) {
			t.Errorf("%s: a refusal has changed the window", name)
		}
	}
}

// A message that a thousand others have overtaken is taken, and each of them only once.
func TestWindowTakesWhatWasOvertaken(t *testing.T) {
	var w Window
	story(t, &w, 1)
	for seq := uint64(1002); seq > 2; seq-- {
		story(t, &w, seq)
	}
	story(t, &w, 2)
	for seq := uint64(1); seq <= 1002; seq++ {
		if _, err := w.Accept(seq, id(seq+5000)); err == nil {
			t.Fatalf("%d is taken twice", seq)
		}
	}
}

// Too many holes: the lowest is closed, and nothing is ever taken twice.
func TestWindowIsBounded(t *testing.T) {
	var w Window
	for seq := uint64(10); seq < 10+3*maxRanges; seq += 2 {
		story(t, &w, seq)
	}
	if _, err := w.Accept(11, id(11)); !errors.Is(err, ErrTooLate) {
		t.Errorf("in a closed hole: error = %v, want %v", err, ErrTooLate)
	}
	for seq := uint64(10); seq < 10+3*maxRanges; seq += 2 {
		if _, err := w.Accept(seq, id(seq+5000)); err == nil {
			t.Fatalf("%d is taken twice", seq)
		}
	}
	story(t, &w, 10+3*maxRanges-3)
}

func TestWindowRefusesWhatItNeverWrote(t *testing.T) {
	var w Window
	story(t, &w, 5, 6, 9)
	good, err := w.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(good); n++ {
		if (new(Window)).UnmarshalBinary(good[:n]) == nil {
			t.Fatalf("cut to %d bytes: read", n)
		}
	}
	for name, change := range map[string]func(w *Window){
		"an empty range":  func(w *Window) { w.state.Seen[0].End = w.state.Seen[0].Start },
		"backwards":       func(w *Window) { w.state.Seen[0], w.state.Seen[1] = w.state.Seen[1], w.state.Seen[0] },
		"touching ranges": func(w *Window) { w.state.Seen[1].Start = w.state.Seen[0].End },
		"below the floor": func(w *Window) { w.state.Floor = 6 },
	} {
		var bad Window
		if err := bad.UnmarshalBinary(good); err != nil {
			t.Fatal(err)
		}
		change(&bad)
		b, err := bad.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if (new(Window)).UnmarshalBinary(b) == nil {
			t.Errorf("%s: read", name)
		}
	}
	if err := w.UnmarshalBinary(nil); err != nil || len(w.state.Seen) != 0 {
		t.Errorf("no bytes: %v", err)
	}
}
