package server

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	r := Rate{PerSecond: 2, Burst: 3}
	start := time.UnixMilli(1_000_000)
	steps := []struct {
		what  string
		after time.Duration
		n     float64
		wait  time.Duration
	}{
		{"a full bucket gives its burst", 0, 3, 0},
		{"an empty one says when a token is back", 0, 1, 500 * time.Millisecond},
		{"too early", 400 * time.Millisecond, 1, 100 * time.Millisecond},
		{"in time", 500 * time.Millisecond, 1, 0},
		{"never more than the burst", time.Hour, 3, 0},
		{"empty again", time.Hour, 1, 500 * time.Millisecond},
		{"a clock that goes back gives nothing", 0, 1, 500 * time.Millisecond},
		{"and takes nothing", 500 * time.Millisecond, 1, 0},
		{"a little earlier, by another clock reading", 0, 1, 500 * time.Millisecond},
		{"more than the burst waits for a full bucket", 1500 * time.Millisecond, 30, 500 * time.Millisecond},
		{"and is owed", 2 * time.Second, 30, 0},
		{"so that it counts in full", 2 * time.Second, 1, 14 * time.Second},
	}
	var b bucket
	for _, s := range steps {
		if got := b.take(start.Add(s.after), r, s.n); got != s.wait {
			t.Errorf("%s: take(%v) at +%v = %v, want %v", s.what, s.n, s.after, got, s.wait)
		}
	}
}

func TestRefusedMessageIsNotCounted(t *testing.T) {
	l := Limits{Sends: Rate{1, 2}, SendBytes: Rate{1000, 1000}, DailySends: Rate{1, 2}}
	now := time.UnixMilli(1_000_000)
	var a allowance
	if wait := a.send(now, &l, 1000); wait != 0 {
		t.Fatalf("first message waits %v", wait)
	}
	if wait := a.send(now, &l, 500); wait != 500*time.Millisecond {
		t.Fatalf("bytes are used up, want 500ms, got %v", wait)
	}
	if wait := a.send(now, &l, 0); wait != 0 {
		t.Fatalf("the refused message was counted: the next waits %v", wait)
	}
}

// What is delivered is remembered for a day, so a user can't send as fast as he may for
// a second all day long. What a person sends at once is not slowed down.
func TestSendsOfADayAreBounded(t *testing.T) {
	l := Limits{}.filled()
	start := time.UnixMilli(1_000_000)
	const most = 1_000_000
	var a allowance
	sent := 0
	for second := range 24 * 60 * 60 {
		now := start.Add(time.Duration(second) * time.Second)
		for sent <= most && a.send(now, &l, 100) == 0 {
			sent++
		}
		if want := min(4000+1000*second, 100_000); sent < want {
			t.Fatalf("after %d seconds %d messages were taken, want %d", second, sent, want)
		}
	}
	if sent > most {
		t.Errorf("more than %d messages were taken in a day", most)
	}
	a = allowance{}
	l.DailySends = Rate{1, 1}
	a.send(start, &l, 0)
	if wait := a.send(start.Add(500*time.Millisecond), &l, 0); wait != 500*time.Millisecond {
		t.Errorf("the message after the last of the day waits %v, want 500ms", wait)
	}
}
