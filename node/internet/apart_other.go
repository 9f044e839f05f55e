//go:build !linux

package internet

import "net"

// Apart returns nil: only Linux can be told which socket gets what.
func Apart([]net.PacketConn) PacketIO { return nil }
