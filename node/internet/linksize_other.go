//go:build !linux

package internet

import "net/netip"

// LinkSize is the largest datagram that the interface towards an address takes in
// one piece; 0: not known.
func LinkSize(netip.AddrPort) int { return 0 }
