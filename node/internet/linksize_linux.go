package internet

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// headers is what IP and UDP add to a datagram.
const (
	headersIPv4 = 20 + 8
	headersIPv6 = 40 + 8
)

// LinkSize is the largest datagram that the interface towards an address takes in
// one piece, as far as the machine knows; 0 if it doesn't. Nothing is sent.
func LinkSize(to netip.AddrPort) int {
	if !to.IsValid() {
		return 0
	}
	family, level, option, headers := unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU, headersIPv6
	if to.Addr().Unmap().Is4() {
		family, level, option, headers = unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU, headersIPv4
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	v6 := &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if zone := to.Addr().Zone(); zone != "" {
		v6.ZoneId = new(zones).index(zone)
	}
	var sa unix.Sockaddr = v6
	if family == unix.AF_INET {
		sa = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	}
	if unix.Connect(fd, sa) != nil {
		return 0
	}
	mtu, err := unix.GetsockoptInt(fd, level, option)
	if err != nil {
		return 0
	}
	return min(mtu-headers, maxRunBytes)
}
