package internet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenShared opens n UDP sockets with one address (SO_REUSEPORT), which nobody else
// has. The kernel gives all datagrams of one sender to one of them. Port 0 chooses one
// for all. Where sockets can't share an address it returns a single one.
func ListenShared(ctx context.Context, at netip.AddrPort, n int) ([]net.PacketConn, error) {
	var socks []net.PacketConn
	// The first is opened as if it were to be the only one, or another program that shares
	// its address as well would go unnoticed.
	var config net.ListenConfig
	for range max(n, 1) {
		s, err := config.ListenPacket(ctx, "udp", at.String())
		if err == nil && len(socks) == 0 && n > 1 {
			err = share(s)
		}
		if err != nil {
			if s != nil {
				s.Close()
			}
			for _, s := range socks {
				s.Close()
			}
			return nil, fmt.Errorf("internet: listen at %v: %w", at, err)
		}
		socks = append(socks, s)
		at = unmap(addrPort(s.LocalAddr()))
		config.Control = sharing
	}
	return socks, nil
}

// sharing sets a socket up that has the address of another.
func sharing(_, _ string, raw syscall.RawConn) error {
	return onSocket(raw, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
}

// share lets others have the address of a socket that has it already.
func share(s net.PacketConn) error {
	u, ok := s.(*net.UDPConn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	return sharing("", "", raw)
}
