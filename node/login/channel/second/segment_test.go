package second

import (
	"bytes"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// The types of segments that a client meets.
const (
	segPad          = 0
	segPing         = 1
	segAck          = 2
	segData         = 3
	segDataFin      = 4
	segOpen         = 5
	segReset        = 6
	segStop         = 7
	segWindow       = 8
	segStreamWindow = 9
	segStreams      = 10
	segChallenge    = 11
	segResponse     = 12
	segCid          = 13
	segParams       = 14
	segKex          = 15
	segClose        = 16
	segDatagram     = 17
	segMarks        = 18
)

// A kex is a KexSegment.
type kex struct {
	step          byte
	total, offset int
	bytes         []byte
}

func (k kex) encode() []byte {
	return cat([]byte{segKex, k.step}, u16(k.total), u16(k.offset), long(k.bytes))
}

func decodeKex(s *cryptobyte.String) (k kex, ok bool) {
	var total, offset uint16
	var b cryptobyte.String
	ok = s.ReadUint8(&k.step) && s.ReadUint16(&total) && s.ReadUint16(&offset) && s.ReadUint16LengthPrefixed(&b)
	k.total, k.offset, k.bytes = int(total), int(offset), b
	return k, ok && k.offset+len(k.bytes) <= k.total
}

// A piece is a DataSegment: bytes of a stream.
type piece struct {
	stream, offset uint64
	bytes          []byte
	fin            bool
}

func (p piece) encode() []byte {
	kind := byte(segData)
	if p.fin {
		kind = segDataFin
	}
	return cat([]byte{kind}, varint(p.stream), varint(p.offset), long(p.bytes))
}

// A span is the packet numbers first to last.
type span struct{ first, last uint64 }

// ack encodes an AckSegment over spans that are sorted, the newest first,
// and don't touch.
func ack(spans []span) []byte {
	b := cat([]byte{segAck}, varint(spans[0].last), varint(0), varint(spans[0].last-spans[0].first), []byte{byte(len(spans) - 1)})
	for i, s := range spans[1:] {
		b = cat(b, varint(spans[i].first-s.last-2), varint(s.last-s.first))
	}
	return b
}

func decodeAck(s *cryptobyte.String) (spans []span, ok bool) {
	var largest, delay, run uint64
	var n uint8
	if !readVarint(s, &largest) || !readVarint(s, &delay) || !readVarint(s, &run) || !s.ReadUint8(&n) || run > largest {
		return nil, false
	}
	spans = []span{{largest - run, largest}}
	for range n {
		var gap, run uint64
		low := spans[len(spans)-1].first
		if !readVarint(s, &gap) || !readVarint(s, &run) || gap+run+2 > low {
			return nil, false
		}
		last := low - gap - 2
		spans = append(spans, span{last - run, last})
	}
	return spans, true
}

// A received is what a DATA packet says, as far as this client cares.
type received struct {
	pieces   []piece
	acked    []span
	close    *closed
	elicits  bool   // whether it wants an ack
	cid      []byte // where the peer says that it is
	response []byte // to a challenge
}

// A closed is a CloseSegment, as an error.
type closed struct {
	code   uint64
	reason string
}

func (c *closed) Error() string { return fmt.Sprintf("closed by the peer: %d %q", c.code, c.reason) }

// decodeSegments reads the payload of a DATA packet.
func decodeSegments(payload []byte) (*received, error) {
	r := new(received)
	s := cryptobyte.String(payload)
	for !s.Empty() {
		var kind uint8
		s.ReadUint8(&kind)
		if !r.decodeSegment(kind, &s) {
			return nil, fmt.Errorf("segment of type %d: %w", kind, errDecode)
		}
		r.elicits = r.elicits || kind != segPad && kind != segAck && kind != segMarks && kind != segClose
	}
	return r, nil
}

func (r *received) decodeSegment(kind byte, s *cryptobyte.String) (ok bool) {
	var a, b, c uint64
	var bytes16 cryptobyte.String
	switch kind {
	case segPad:
		ok = len(bytes.Trim(*s, "\x00")) == 0
		*s = nil
	case segPing:
		ok = true
	case segAck:
		r.acked, ok = decodeAck(s)
	case segData, segDataFin:
		ok = readVarint(s, &a) && readVarint(s, &b) && s.ReadUint16LengthPrefixed(&bytes16)
		r.pieces = append(r.pieces, piece{a, b, bytes16, kind == segDataFin})
	case segOpen, segWindow, segStreams:
		ok = readVarint(s, &a)
	case segReset:
		ok = readVarint(s, &a) && readVarint(s, &b) && readVarint(s, &c)
	case segStop, segStreamWindow, segParams, segMarks:
		ok = readVarint(s, &a) && readVarint(s, &b)
	case segChallenge:
		ok = s.ReadBytes(&r.response, 8)
	case segResponse:
		ok = s.Skip(8)
	case segCid:
		ok = s.ReadBytes(&r.cid, 8) && s.Skip(16)
	case segClose:
		var reason cryptobyte.String
		ok = readVarint(s, &a) && s.ReadUint8LengthPrefixed(&reason)
		r.close = &closed{a, string(reason)}
	case segDatagram:
		ok = s.ReadUint16LengthPrefixed(&bytes16)
	}
	return ok
}
