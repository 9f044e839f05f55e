package bench

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
)

// errMalformed is all that cryptobyte lets a decoder say.
var errMalformed = errors.New("bench: malformed")

func cryptobyteAppendPacket(b []byte, m *Packet) ([]byte, error) {
	w := cryptobyte.NewBuilder(b)
	w.AddBytes(m.Source[:])
	w.AddBytes(m.Destination[:])
	w.AddUint16(uint16(26 + len(m.Payload)))
	w.AddBytes(m.Checksum[:])
	w.AddBytes(m.Payload)
	return w.Bytes()
}

func cryptobyteDecodePacket(b []byte, m *Packet) error {
	s := cryptobyte.String(b)
	var n uint16
	if !s.CopyBytes(m.Source[:]) || !s.CopyBytes(m.Destination[:]) || !s.ReadUint16(&n) || n < 26 ||
		!s.CopyBytes(m.Checksum[:]) || !s.ReadBytes(&m.Payload, int(n)-26) || !s.Empty() {
		return errMalformed
	}
	return nil
}

func cryptobyteAppendSegment(b []byte, m *Segment) ([]byte, error) {
	w := cryptobyte.NewBuilder(b)
	w.AddUint16(m.SourcePort)
	w.AddUint16(m.DestinationPort)
	w.AddUint32(m.Sequence)
	w.AddUint32(m.Acknowledgment)
	w.AddUint8(m.Flags)
	w.AddBytes(m.Payload)
	return w.Bytes()
}

func cryptobyteDecodeSegment(b []byte, m *Segment) error {
	s := cryptobyte.String(b)
	if !s.ReadUint16(&m.SourcePort) || !s.ReadUint16(&m.DestinationPort) || !s.ReadUint32(&m.Sequence) ||
		!s.ReadUint32(&m.Acknowledgment) || !s.ReadUint8(&m.Flags) || !s.ReadBytes(&m.Payload, len(s)) {
		return errMalformed
	}
	return nil
}

func cryptobyteAppendHello(b []byte, m *Hello) ([]byte, error) {
	w := cryptobyte.NewBuilder(b)
	w.AddUint8(1)
	w.AddUint24LengthPrefixed(func(w *cryptobyte.Builder) {
		w.AddUint16(m.Version)
		w.AddBytes(m.Random[:])
		w.AddUint8LengthPrefixed(func(w *cryptobyte.Builder) { w.AddBytes(m.SessionId) })
		w.AddUint16LengthPrefixed(func(w *cryptobyte.Builder) {
			for _, s := range m.CipherSuites {
				w.AddUint16(s)
			}
		})
		w.AddUint8LengthPrefixed(func(w *cryptobyte.Builder) { w.AddBytes(m.Compression) })
		w.AddUint16LengthPrefixed(func(w *cryptobyte.Builder) {
			for i := range m.Extensions {
				e := &m.Extensions[i]
				w.AddUint16(e.Type)
				w.AddUint16LengthPrefixed(func(w *cryptobyte.Builder) { w.AddBytes(e.Data) })
			}
		})
	})
	return w.Bytes()
}

func cryptobyteDecodeHello(b []byte, m *Hello) error {
	s := cryptobyte.String(b)
	var kind uint8
	var body, session, suites, compression, extensions cryptobyte.String
	if !s.ReadUint8(&kind) || kind != 1 || !s.ReadUint24LengthPrefixed(&body) || !s.Empty() ||
		!body.ReadUint16(&m.Version) || !body.CopyBytes(m.Random[:]) ||
		!body.ReadUint8LengthPrefixed(&session) || len(session) > 32 ||
		!body.ReadUint16LengthPrefixed(&suites) || len(suites) < 2 ||
		!body.ReadUint8LengthPrefixed(&compression) || len(compression) < 1 ||
		!body.ReadUint16LengthPrefixed(&extensions) || len(extensions) < 8 || !body.Empty() {
		return errMalformed
	}
	m.SessionId, m.Compression = session, compression
	m.CipherSuites = m.CipherSuites[:0]
	for !suites.Empty() {
		var v uint16
		if !suites.ReadUint16(&v) {
			return errMalformed
		}
		m.CipherSuites = append(m.CipherSuites, v)
	}
	m.Extensions = m.Extensions[:0]
	for !extensions.Empty() {
		var e Extension
		if !extensions.ReadUint16(&e.Type) || !extensions.ReadUint16LengthPrefixed((*cryptobyte.String)(&e.Data)) {
			return errMalformed
		}
		m.Extensions = append(m.Extensions, e)
	}
	return nil
}
