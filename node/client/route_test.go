package client

import (
	"testing"
	"time"
)

// Messages go directly where that is possible; they wait 1.5 s for it, then
// go by the server, and a direct conn is tried again after a minute.
func TestRoute(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	tests := []struct {
		name string
		do   func(r *route)
		at   time.Duration
		want way
	}{
		{"nothing is known", func(r *route) {}, 0, wayFind},
		{"searching", func(r *route) { r.finding(start) }, directWait - 1, wayWait},
		{"searched for too long", func(r *route) { r.finding(start) }, directWait, wayRelay},
		{"found", func(r *route) { r.finding(start); r.connected() }, time.Hour, wayDirect},
		{"found late", func(r *route) { r.finding(start); r.way(start.Add(directWait)); r.connected() }, time.Hour, wayDirect},
		{"failed", func(r *route) { r.failed(start) }, relayHold - 1, wayRelay},
		{"failed a minute ago", func(r *route) { r.failed(start) }, relayHold, wayFind},
		{"offline", func(r *route) { r.away(start) }, awayHold - 1, wayRelay},
		{"offline some time ago", func(r *route) { r.away(start) }, awayHold, wayFind},
		{"offline, then the server says otherwise", func(r *route) { r.away(start); r.forget() }, 0, wayFind},
		{"a conn survives a new session", func(r *route) { r.connected(); r.forget() }, 0, wayDirect},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r route
			test.do(&r)
			if got := r.way(start.Add(test.at)); got != test.want {
				t.Errorf("way after %v is %d, want %d", test.at, got, test.want)
			}
		})
	}
}

// Somebody whose messages wait is asked about again without anything
// happening: while a search lasts, the route names the time.
func TestRouteDeadline(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	var r route
	if got := r.deadline(); !got.IsZero() {
		t.Errorf("deadline of a new route is %v, want none", got)
	}
	r.finding(start)
	if got, want := r.deadline(), start.Add(directWait); !got.Equal(want) {
		t.Errorf("deadline is %v, want %v", got, want)
	}
}

// Contact is tried for soon, then ever less often, at most every 15 s.
func TestBackoff(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{250, 500, 1000, 2000, 4000, 8000, 15000, 15000} {
		if got := b.next(0); got != want*time.Millisecond {
			t.Errorf("try %d after %v, want %v", i, got, want*time.Millisecond)
		}
	}
	if got, want := b.next(0.999), 11*time.Second; got < want {
		t.Errorf("spread leaves %v, want at least %v", got, want)
	}
	b.reset()
	if got := b.next(0); got != backoffFirst {
		t.Errorf("after contact the first try is after %v, want %v", got, backoffFirst)
	}
}
