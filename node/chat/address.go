package chat

import (
	"net/netip"

	"sotto/wire"
)

// NetAddress returns a in its wire form. An IPv4 address that is written as
// IPv6 becomes plain IPv4, so that equal addresses have equal bytes.
func NetAddress(a netip.AddrPort) wire.NetAddress {
	w := wire.NetAddress{Family: wire.IpFamilyV4, Port: a.Port()}
	switch ip := a.Addr().Unmap(); {
	case ip.Is4():
		w.V4.Ip = ip.As4()
	default:
		w.Family = wire.IpFamilyV6
		w.V6.Ip = ip.As16()
	}
	return w
}

// AddrPort returns the address that w holds.
func AddrPort(w *wire.NetAddress) netip.AddrPort {
	if w.Family == wire.IpFamilyV4 {
		return netip.AddrPortFrom(netip.AddrFrom4(w.V4.Ip), w.Port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(w.V6.Ip).Unmap(), w.Port)
}
