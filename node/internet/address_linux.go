package internet

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// encodeAddress writes an address as the kernel wants it for a socket of a family
// and returns its length. IPv4 addresses go through IPv6 sockets in their mapped
// form. It returns 0 if the family has no such address.
func encodeAddress(raw *unix.RawSockaddrInet6, family int, to netip.AddrPort, z *zones) uint32 {
	addr := to.Addr()
	if family == unix.AF_INET {
		addr = addr.Unmap()
		if !addr.Is4() {
			return 0
		}
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.As4()}
		putPort(&v4.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	if !addr.IsValid() {
		return 0
	}
	*raw = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		raw.Scope_id = z.index(zone)
	}
	putPort(&raw.Port, to.Port())
	return unix.SizeofSockaddrInet6
}

// decodeAddress reads an address that the kernel wrote.
func decodeAddress(raw *unix.RawSockaddrInet6, z *zones) netip.AddrPort {
	switch raw.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port(&v4.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(raw.Addr).Unmap()
		if raw.Scope_id != 0 {
			addr = addr.WithZone(z.name(raw.Scope_id))
		}
		return netip.AddrPortFrom(addr, port(&raw.Port))
	}
	return netip.AddrPort{}
}

// Ports stand in network byte order.
func putPort(p *uint16, port uint16) {
	b := (*[2]byte)(unsafe.Pointer(p))
	b[0], b[1] = byte(port>>8), byte(port)
}

func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// zones remembers the names of the machine's links, by which a link-local address
// says where it is valid. There are as many as the machine has interfaces.
type zones struct {
	mu    sync.Mutex
	names map[uint32]string
}

func (z *zones) name(index uint32) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	if name, ok := z.names[index]; ok {
		return name
	}
	name := strconv.Itoa(int(index))
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = i.Name
	}
	z.add(index, name)
	return name
}

// index is 0 for a name that no interface has.
func (z *zones) index(name string) uint32 {
	z.mu.Lock()
	defer z.mu.Unlock()
	for index, n := range z.names {
		if n == name {
			return index
		}
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		n, _ := strconv.ParseUint(name, 10, 32)
		return uint32(n)
	}
	z.add(uint32(i.Index), name)
	return uint32(i.Index)
}

func (z *zones) add(index uint32, name string) {
	if z.names == nil {
		z.names = make(map[uint32]string)
	}
	z.names[index] = name
}
