package internet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenShared opens n UDP sockets with one address (SO_REUSEPORT). The kernel
// gives all datagrams of one sender to one of them. Port 0 chooses one for all.
// Where sockets can't share an address it returns a single one.
func ListenShared(ctx context.Context, at netip.AddrPort, n int) ([]net.PacketConn, error) {
	var socks []net.PacketConn
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); err != nil {
			return err
		}
		return failed
	}}
	for range max(n, 1) {
		s, err := config.ListenPacket(ctx, "udp", at.String())
		if err != nil {
			for _, s := range socks {
				s.Close()
			}
			return nil, fmt.Errorf("internet: listen at %v: %w", at, err)
		}
		socks = append(socks, s)
		at = unmap(addrPort(s.LocalAddr()))
	}
	return socks, nil
}
