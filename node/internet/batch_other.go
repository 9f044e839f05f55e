//go:build !linux

package internet

import "net"

// newBatched returns nil: only Linux has the calls.
func newBatched(net.PacketConn) PacketIO { return nil }
