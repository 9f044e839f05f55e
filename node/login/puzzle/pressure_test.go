package puzzle

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var testNow = time.UnixMilli(1_800_000_000_123)

func TestPressureForgets(t *testing.T) {
	p := newPressure(time.Minute, 64)
	now := testNow
	p.add(now, "a", 8)
	for _, want := range []float64{8, 4, 2, 1} {
		if got := p.count(now, "a"); got < want-0.01 || got > want+0.01 {
			t.Errorf("after %v: %v, want %v", now.Sub(testNow), got, want)
		}
		now = now.Add(time.Minute)
	}
	p.add(now, "a", -5)
	if got := p.count(now, "a"); got != 0 {
		t.Errorf("after more was taken back than there was: %v, want 0", got)
	}
	p.add(now, "b", 3)
	now = now.Add(-24 * time.Hour)
	for _, want := range []float64{3, 1.5, 0.75} {
		if got := p.count(now, "b"); got < want-0.01 || got > want+0.01 {
			t.Errorf("with the clock gone back, after %v: %v, want %v", now.Sub(testNow)+24*time.Hour, got, want)
		}
		now = now.Add(time.Minute)
	}
}

// Strangers can't push a subject out of the count, whatever their number.
func TestPressureIsBoundedAndKeeps(t *testing.T) {
	p := newPressure(time.Hour, 64)
	p.add(testNow, "alice", 20)
	for i := range 20_000 {
		p.add(testNow, fmt.Sprint("stranger", i), 1)
	}
	if got := p.count(testNow, "alice"); got < 20 {
		t.Errorf("count = %v, want at least 20", got)
	}
}

func TestScale(t *testing.T) {
	for _, test := range []struct {
		count float64
		want  int
	}{{0, 0}, {9.9, 0}, {10, 1}, {19, 1}, {20, 2}, {40, 3}, {1e6, 6}, {1e18, 6}} {
		if got := userScale.doublings(test.count); got != test.want {
			t.Errorf("%v: %d doublings, want %d", test.count, got, test.want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.77":          "192.0.2.0/24",
		"::ffff:192.0.2.1":    "192.0.2.0/24",
		"2001:db8:1:2ff::1":   "2001:db8:1:200::/56",
		"fe80::1%eth0":        "fe80::/56",
		"2001:db8:1:201::ab1": "2001:db8:1:200::/56",
	} {
		if got := network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got := network(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}
