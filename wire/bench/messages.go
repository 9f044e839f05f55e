package bench

import "encoding/binary"

// some returns n bytes that differ.
func some(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*29 + 7
		b[i] = seed
	}
	return b
}

// NewPacket returns the packet that is measured.
func NewPacket() *Packet {
	return &Packet{
		Source: [4]byte{10, 0, 0, 1}, Destination: [4]byte{192, 0, 2, 7},
		Checksum: [16]byte(some(16, 1)), Payload: some(64, 2),
	}
}

// NewSegment returns the segment that is measured.
func NewSegment() *Segment {
	return &Segment{
		SourcePort: 49152, DestinationPort: 443, Sequence: 0x01020304, Acknowledgment: 0xa0b0c0d0,
		Flags: 0x18, Payload: some(64, 3),
	}
}

// NewHello returns the ClientHello that is measured. The extensions have the sizes that those of a browser have.
func NewHello() *Hello {
	m := &Hello{Version: 0x0303, Random: [32]byte(some(32, 4)), SessionId: some(32, 5), Compression: []byte{0}}
	for i := range uint16(16) {
		m.CipherSuites = append(m.CipherSuites, 0x1301+i)
	}
	for _, e := range []struct {
		kind uint16
		size int
	}{{0, 18}, {10, 10}, {13, 18}, {16, 14}, {43, 5}, {45, 2}, {51, 38}, {5, 5}} {
		m.Extensions = append(m.Extensions, Extension{Type: e.kind, Data: some(e.size, byte(e.kind))})
	}
	return m
}

// packetBytes, segmentBytes and helloBytes say in the slowest way what the bytes have to be.

func packetBytes(m *Packet) []byte {
	length := binary.BigEndian.AppendUint16(nil, uint16(26+len(m.Payload)))
	return join(m.Source[:], m.Destination[:], length, m.Checksum[:], m.Payload)
}

func segmentBytes(m *Segment) []byte {
	return join(number(m.SourcePort, 2), number(m.DestinationPort, 2), number(m.Sequence, 4), number(m.Acknowledgment, 4), []byte{m.Flags}, m.Payload)
}

func helloBytes(m *Hello) []byte {
	var suites, extensions []byte
	for _, s := range m.CipherSuites {
		suites = append(suites, number(s, 2)...)
	}
	for _, e := range m.Extensions {
		extensions = append(extensions, join(number(e.Type, 2), prefixed(2, e.Data))...)
	}
	body := join(number(m.Version, 2), m.Random[:], prefixed(1, m.SessionId), prefixed(2, suites), prefixed(1, m.Compression), prefixed(2, extensions))
	return join([]byte{1}, prefixed(3, body))
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func number[T uint16 | uint32 | int](v T, bytes int) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v))
	return b[8-bytes:]
}

func prefixed(bytes int, b []byte) []byte { return join(number(len(b), bytes), b) }
