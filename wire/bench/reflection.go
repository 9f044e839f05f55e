package bench

import "encoding/binary"

// packetHeader and segmentHeader are what encoding/binary can do of the messages.
type packetHeader struct {
	Source, Destination [4]byte
	Length              uint16
	Checksum            [16]byte
}

type segmentHeader struct {
	SourcePort, DestinationPort uint16
	Sequence, Acknowledgment    uint32
	Flags                       uint8
}

func binaryAppendPacket(b []byte, m *Packet) ([]byte, error) {
	h := packetHeader{m.Source, m.Destination, uint16(26 + len(m.Payload)), m.Checksum}
	b, err := binary.Append(b, binary.BigEndian, &h)
	return append(b, m.Payload...), err
}

func binaryDecodePacket(b []byte, m *Packet) error {
	var h packetHeader
	n, err := binary.Decode(b, binary.BigEndian, &h)
	if err != nil {
		return err
	}
	if int(h.Length) != len(b) {
		return errRange
	}
	m.Source, m.Destination, m.Checksum, m.Payload = h.Source, h.Destination, h.Checksum, b[n:]
	return nil
}

func binaryAppendSegment(b []byte, m *Segment) ([]byte, error) {
	h := segmentHeader{m.SourcePort, m.DestinationPort, m.Sequence, m.Acknowledgment, m.Flags}
	b, err := binary.Append(b, binary.BigEndian, &h)
	return append(b, m.Payload...), err
}

func binaryDecodeSegment(b []byte, m *Segment) error {
	var h segmentHeader
	n, err := binary.Decode(b, binary.BigEndian, &h)
	if err != nil {
		return err
	}
	m.SourcePort, m.DestinationPort, m.Sequence, m.Acknowledgment, m.Flags = h.SourcePort, h.DestinationPort, h.Sequence, h.Acknowledgment, h.Flags
	m.Payload = b[n:]
	return nil
}
