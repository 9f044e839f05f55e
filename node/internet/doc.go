// Package internet is layer 1: packets over UDP.
//
// It moves datagrams in batches between a socket and whoever asks (PacketIO),
// and makes and checks the integrity tag of packets that are sent before any
// keys exist. A packet's own layout is wire.Packet; its addresses are
// connection IDs and not UDP addresses.
//
//	io, err := internet.NewPacketIO(sock)
//	n, err := io.ReadBatch(in)
//	err = io.WriteBatch(out)
//
// It knows nothing of order, loss, connections or keys, and reads no clock.
package internet
