package second

import (
	"bytes"
	"crypto/subtle"
	"errors"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/cryptobyte"
)

const (
	helloMin  = 1200
	packetMax = 65507

	headLen = 15
	tagLen  = 16

	kindHello  = 0
	kindRetry  = 1
	kindAccept = 2
	kindData   = 3
)

// A cid is a connection ID.
type cid [8]byte

// A packet is a Packet. The tag is not in it: sealing makes it, opening
// checks it.
type packet struct {
	kind        byte
	keyPhase    bool
	ackNow      bool
	destination cid
	number      uint32
	source      cid    // of a handshake packet
	token       []byte // of a handshake packet
	payload     []byte // of a DATA packet: sealed, with the tag behind it
}

// head encodes everything before the payload. all is the length of the
// packet.
func (p *packet) head(all int) []byte {
	first := byte(0x80) | p.kind<<2
	if p.keyPhase {
		first |= 2
	}
	if p.ackNow {
		first |= 1
	}
	b := cat([]byte{first}, p.destination[:], u32(p.number), u16(all))
	if p.kind <= kindAccept {
		b = cat(b, p.source[:], short(p.token))
	}
	return b
}

// handshakeTag is the tag of a handshake packet, over all bytes before it.
func handshakeTag(before []byte) []byte {
	key := make([]byte, 32)
	copy(key, "sotto/1 packet")
	h, err := blake2s.New128(key)
	if err != nil {
		panic(err)
	}
	h.Write(bytes.TrimRight(before, "\x00"))
	return h.Sum(nil)
}

// seal encodes a handshake packet. A HELLO is padded.
func (p *packet) seal() []byte {
	all := len(p.head(0)) + len(p.payload) + tagLen
	if p.kind == kindHello {
		all = max(all, helloMin)
	}
	b := cat(p.head(all), p.payload)
	b = append(b, make([]byte, all-tagLen-len(b))...)
	return append(b, handshakeTag(b)...)
}

// openPacket decodes a datagram, and checks the tag if it is a handshake's.
func openPacket(datagram []byte) (*packet, error) {
	p := new(packet)
	s := cryptobyte.String(datagram)
	var first uint8
	var all uint16
	if !s.ReadUint8(&first) || !s.CopyBytes(p.destination[:]) || !s.ReadUint32(&p.number) || !s.ReadUint16(&all) {
		return nil, errDecode
	}
	p.kind, p.keyPhase, p.ackNow = first>>2&7, first&2 != 0, first&1 != 0
	if first>>5 != 4 || int(all) != len(datagram) || len(s) < tagLen {
		return nil, errDecode
	}
	if p.kind > kindAccept {
		p.payload = s
		return p, nil
	}
	var token cryptobyte.String
	if !s.CopyBytes(p.source[:]) || !s.ReadUint8LengthPrefixed(&token) || len(s) < tagLen || p.keyPhase || p.ackNow {
		return nil, errDecode
	}
	p.token, p.payload = token, s[:len(s)-tagLen]
	cut := len(datagram) - tagLen
	if subtle.ConstantTimeCompare(handshakeTag(datagram[:cut]), datagram[cut:]) != 1 {
		return nil, errors.New("the tag of a handshake packet is wrong")
	}
	return p, nil
}
