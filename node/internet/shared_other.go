//go:build !linux

package internet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ListenShared opens one UDP socket: only Linux spreads what comes in over several
// with one address.
func ListenShared(ctx context.Context, at netip.AddrPort, n int) ([]net.PacketConn, error) {
	var config net.ListenConfig
	s, err := config.ListenPacket(ctx, "udp", at.String())
	if err != nil {
		return nil, fmt.Errorf("internet: listen at %v: %w", at, err)
	}
	return []net.PacketConn{s}, nil
}
