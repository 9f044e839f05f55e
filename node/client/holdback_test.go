package client

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sotto/node/envelope"
)

// Messages of one sender are shown in the order of their numbers; a number
// that is missing is waited for, and shown as a gap when the wait is over.
func TestHoldback(t *testing.T) {
	type step struct {
		at   time.Duration
		seq  uint64         // 0: only time passes
		gaps []envelope.Gap // what the window found missing
		want string         // shown: numbers, (n) for a gap of n, ~ for a late one
	}
	gap := func(from, to uint64) []envelope.Gap { return []envelope.Gap{{From: from, To: to}} }
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{
			{0, 7, nil, "7"},
			{0, 8, nil, "8"},
		}},
		{"two swapped", []step{
			{0, 1, nil, "1"},
			{0, 3, gap(2, 3), ""},
			{time.Second, 2, nil, "2 3"},
		}},
		{"one missing", []step{
			{0, 1, nil, "1"},
			{0, 3, gap(2, 3), ""},
			{time.Second, 4, nil, ""},
			{holdWait - 1, 0, nil, ""},
			{holdWait, 0, nil, "(1) 3 4"},
			{2 * holdWait, 5, nil, "5"},
		}},
		{"it comes after all", []step{
			{0, 3, gap(1, 3), ""},
			{holdWait, 0, nil, "(2) 3"},
			{holdWait, 2, nil, "~2"},
			{holdWait, 4, nil, "4"},
		}},
		{"two holes, the first one is filled", []step{
			{0, 3, gap(2, 3), ""},
			{time.Second, 5, gap(4, 5), ""},
			{2 * time.Second, 2, nil, "2 3"},
			{2*time.Second + holdWait - 1, 0, nil, ""},
			{2*time.Second + holdWait, 0, nil, "(1) 5"},
		}},
		{"two holes, neither is filled", []step{
			{0, 3, gap(2, 3), ""},
			{0, 5, gap(4, 5), ""},
			{holdWait, 0, nil, "(1) 3"},
			{2 * holdWait, 0, nil, "(1) 5"},
		}},
		{"a hole is filled from the middle", []step{
			{0, 9, gap(5, 9), ""},
			{0, 7, nil, ""},
			{0, 5, nil, "5"},
			{0, 6, nil, "6 7"},
			{0, 8, nil, "8 9"},
		}},
		{"a hole of an earlier run holds nothing back", []step{
			{0, 2, nil, "2"}, // the window has 1 and 3
			{0, 4, nil, "4"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h holdback
			start := time.Unix(1_000_000, 0)
			for i, s := range test.steps {
				now := start.Add(s.at)
				var ready []inOrder
				if s.seq == 0 {
					ready = h.timeout(now)
				} else {
					ready = h.arrive(now, arrival{seq: s.seq}, s.gaps)
				}
				if got := shown(ready); got != s.want {
					t.Errorf("step %d, %v: shown %q, want %q", i, s.at, got, s.want)
				}
			}
			if len(h.held) > 0 || !h.due.IsZero() {
				t.Errorf("in the end %d are held until %v, want none", len(h.held), h.due)
			}
		})
	}
}

func shown(ready []inOrder) string {
	var out []string
	for _, r := range ready {
		if r.missing > 0 {
			out = append(out, fmt.Sprintf("(%d)", r.missing))
		}
		late := ""
		if r.msg.Late {
			late = "~"
		}
		out = append(out, fmt.Sprint(late, r.seq))
	}
	return strings.Join(out, " ")
}

// A sender who leaves a gap and goes on cannot make the receiver hold more
// than holdMax messages.
func TestHoldbackIsBounded(t *testing.T) {
	var h holdback
	now := time.Unix(0, 0)
	n := 0
	for i := range 10 * holdMax {
		seq := uint64(10 + 2*i)
		n += len(h.arrive(now, arrival{seq: seq}, []envelope.Gap{{From: seq - 1, To: seq}}))
		if len(h.held) > holdMax {
			t.Fatalf("%d messages held, want at most %d", len(h.held), holdMax)
		}
	}
	if n += len(h.flush()); n != 10*holdMax {
		t.Errorf("%d messages came out, want %d", n, 10*holdMax)
	}
}
