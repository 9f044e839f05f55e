package bench

import (
	"encoding/binary"
	"errors"
	"slices"
)

// What somebody writes who wants it fast: sizes are known before the buffer grows, once; what has a fixed size is read
// and written through array pointers; decoded bytes alias the input. Errors say no more than this.
var (
	errShort    = errors.New("bench: short")
	errTrailing = errors.New("bench: trailing bytes")
	errRange    = errors.New("bench: out of range")
)

func handAppendPacket(b []byte, m *Packet) ([]byte, error) {
	n := 26 + len(m.Payload)
	if n > 0xffff {
		return b, errRange
	}
	at := len(b)
	b = slices.Grow(b, n)[:at+n]
	p := (*[26]byte)(b[at:])
	*(*[4]byte)(p[0:]) = m.Source
	*(*[4]byte)(p[4:]) = m.Destination
	binary.BigEndian.PutUint16(p[8:], uint16(n))
	*(*[16]byte)(p[10:]) = m.Checksum
	copy(b[at+26:], m.Payload)
	return b, nil
}

func handDecodePacket(b []byte, m *Packet) error {
	if len(b) < 26 {
		return errShort
	}
	p := (*[26]byte)(b)
	if n := int(binary.BigEndian.Uint16(p[8:])); n != len(b) {
		if n > len(b) {
			return errShort
		}
		return errTrailing
	}
	m.Source = [4]byte(p[0:])
	m.Destination = [4]byte(p[4:])
	m.Checksum = [16]byte(p[10:])
	m.Payload = b[26:len(b):len(b)]
	return nil
}

func handAppendSegment(b []byte, m *Segment) ([]byte, error) {
	at, n := len(b), 13+len(m.Payload)
	b = slices.Grow(b, n)[:at+n]
	p := (*[13]byte)(b[at:])
	binary.BigEndian.PutUint16(p[0:], m.SourcePort)
	binary.BigEndian.PutUint16(p[2:], m.DestinationPort)
	binary.BigEndian.PutUint32(p[4:], m.Sequence)
	binary.BigEndian.PutUint32(p[8:], m.Acknowledgment)
	p[12] = m.Flags
	copy(b[at+13:], m.Payload)
	return b, nil
}

func handDecodeSegment(b []byte, m *Segment) error {
	if len(b) < 13 {
		return errShort
	}
	p := (*[13]byte)(b)
	m.SourcePort = binary.BigEndian.Uint16(p[0:])
	m.DestinationPort = binary.BigEndian.Uint16(p[2:])
	m.Sequence = binary.BigEndian.Uint32(p[4:])
	m.Acknowledgment = binary.BigEndian.Uint32(p[8:])
	m.Flags = p[12]
	m.Payload = b[13:len(b):len(b)]
	return nil
}

func handAppendHello(b []byte, m *Hello) ([]byte, error) {
	suites, extensions := 2*len(m.CipherSuites), 0
	for i := range m.Extensions {
		n := len(m.Extensions[i].Data)
		if n > 0xffff {
			return b, errRange
		}
		extensions += 4 + n
	}
	if len(m.SessionId) > 32 || suites < 2 || suites > 0xfffe || len(m.Compression) < 1 || len(m.Compression) > 0xff ||
		extensions < 8 || extensions > 0xffff {
		return b, errRange
	}
	n := 40 + len(m.SessionId) + suites + len(m.Compression) + extensions
	b = slices.Grow(b, 4+n)
	b = append(b, 1, byte(n>>16), byte(n>>8), byte(n), byte(m.Version>>8), byte(m.Version))
	b = append(b, m.Random[:]...)
	b = append(b, byte(len(m.SessionId)))
	b = append(b, m.SessionId...)
	b = binary.BigEndian.AppendUint16(b, uint16(suites))
	for _, s := range m.CipherSuites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	b = append(b, byte(len(m.Compression)))
	b = append(b, m.Compression...)
	b = binary.BigEndian.AppendUint16(b, uint16(extensions))
	for i := range m.Extensions {
		e := &m.Extensions[i]
		b = append(b, byte(e.Type>>8), byte(e.Type), byte(len(e.Data)>>8), byte(len(e.Data)))
		b = append(b, e.Data...)
	}
	return b, nil
}

func handDecodeHello(b []byte, m *Hello) error {
	if len(b) < 39 {
		return errShort
	}
	p := (*[39]byte)(b)
	if p[0] != 1 {
		return errRange
	}
	if n := 4 + (int(p[1])<<16 | int(p[2])<<8 | int(p[3])); n != len(b) {
		if n > len(b) {
			return errShort
		}
		return errTrailing
	}
	m.Version = binary.BigEndian.Uint16(p[4:])
	m.Random = [32]byte(p[6:])
	n := int(p[38])
	b = b[39:]
	if n > 32 {
		return errRange
	}
	if len(b) < n+2 {
		return errShort
	}
	m.SessionId, b = b[:n:n], b[n:]
	n, b = int(binary.BigEndian.Uint16(b)), b[2:]
	if n < 2 || n%2 != 0 {
		return errRange
	}
	if len(b) < n+1 {
		return errShort
	}
	suites := slices.Grow(m.CipherSuites[:0], n/2)
	for s := b[:n]; len(s) >= 2; s = s[2:] {
		suites = append(suites, binary.BigEndian.Uint16(s))
	}
	m.CipherSuites, b = suites, b[n:]
	n, b = int(b[0]), b[1:]
	if n < 1 {
		return errRange
	}
	if len(b) < n+2 {
		return errShort
	}
	m.Compression, b = b[:n:n], b[n:]
	n, b = int(binary.BigEndian.Uint16(b)), b[2:]
	if n < 8 {
		return errRange
	}
	if n != len(b) {
		if n > len(b) {
			return errShort
		}
		return errTrailing
	}
	extensions := m.Extensions[:0]
	for len(b) > 0 {
		if len(b) < 4 {
			return errShort
		}
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		if len(b) < n {
			return errShort
		}
		extensions = append(extensions, Extension{Type: kind, Data: b[:n:n]})
		b = b[n:]
	}
	m.Extensions = extensions
	return nil
}
