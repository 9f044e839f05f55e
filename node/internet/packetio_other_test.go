//go:build !linux

package internet

import "net"

func benchmarkVariants() []implementation {
	return []implementation{{"one at a time", func(s net.PacketConn) PacketIO { return newPlain(s) }}}
}
