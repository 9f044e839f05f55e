// Package internet is layer 1: packets over UDP.
//
// It moves datagrams in batches between a socket and whoever asks (PacketIO),
// and makes and checks the integrity tag of packets that are sent before any
// keys exist. A packet's own layout is wire.Packet; its addresses are
// connection IDs and not UDP addresses.
//
//	io := internet.NewPacketIO(sock)
//	n, err := io.ReadBatch(in)
//	err = io.WriteBatch(out)
//
// On Linux a batch is one system call, and a run of equally long datagrams is one
// message that the kernel cuts and merges (UDP_SEGMENT, UDP_GRO): 0.2 µs for a
// datagram of 1,200 bytes there and back over loopback, instead of 3.2 with sendmmsg
// and recvmmsg alone and 4.5 with one call each. Datagrams are never cut on the way
// (IP_PMTUDISC_PROBE). Elsewhere, and over simulated sockets, they go one at a time.
// FeaturesOf says what there is.
//
// Apart has the kernel put packets of strangers into a queue of their own, so that a flood
// of them can't fill or delay that of the others.
//
// It knows nothing of order, loss, connections or keys, and reads no clock. It
// doesn't report ECN, and outside Linux it leaves it to the system whether large
// datagrams are cut.
package internet
