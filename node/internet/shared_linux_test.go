package internet

import (
	"net/netip"
	"testing"
)

// Two programs that share their addresses with themselves don't share them with each
// other: each would get half of the other's datagrams.
func TestSharedWithNobodyElse(t *testing.T) {
	socks, err := ListenShared(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), 3)
	if err != nil {
		t.Fatal(err)
	}
	at := unmap(addrPort(socks[0].LocalAddr()))
	for _, s := range socks {
		defer s.Close()
		if got := unmap(addrPort(s.LocalAddr())); got != at {
			t.Errorf("a socket at %v, want %v", got, at)
		}
	}
	for _, n := range []int{1, 2} {
		if more, err := ListenShared(t.Context(), at, n); err == nil {
			t.Errorf("%d more sockets at the same address", n)
			for _, s := range more {
				s.Close()
			}
		}
	}
}
