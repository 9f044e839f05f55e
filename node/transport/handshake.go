package transport

import (
	"slices"
	"time"

	"sotto/node/internet"
	"sotto/wire"
)

const (
	// headSize is the length of a DATA packet's head; originSize is what a
	// handshake packet's head has more, besides the token.
	headSize   = 15
	originSize = 9
	// kexHead is the length of a KEX segment without its bytes.
	kexHead = 8
	// basePacket is a packet size that every path carries.
	basePacket = wire.HelloMin

	// resendAtLeast keeps a peer that repeats itself from making us do it faster.
	resendAtLeast = 50 * time.Millisecond
)

// firstTries is how long to wait after each transmission of the first flight: 8
// seconds in all. The second and third soon follow the first, for a server in trouble may
// have dropped it; and then so many small tries that a path which loses two thirds of
// them, or of their answers, still gets one through.
var firstTries = slices.Concat(
	[]time.Duration{120 * time.Millisecond, 130 * time.Millisecond},
	slices.Repeat([]time.Duration{250 * time.Millisecond}, 15),
	slices.Repeat([]time.Duration{500 * time.Millisecond}, 8),
)

// laterTry is the least wait after a later flight, whose sender is known to be heard.
const laterTry = 250 * time.Millisecond

// A kexMessage is a whole handshake message as it came in.
type kexMessage struct {
	step  uint8
	bytes []byte
	peer  uint64 // the sender's connection ID
	token []byte // of a RETRY
	retry bool
}

// An earlyPacket is a sealed packet that came before the keys.
type earlyPacket struct {
	bytes []byte
	mark  internet.Mark
}

// handshake is the part of a connection's state that exists until the peer has
// shown that it has the keys. Each end repeats its last flight until the answer to it
// is complete; an answer is the acknowledgement.
type handshake struct {
	// The flight: one message, in as many packets as it takes.
	kind    wire.PacketType
	token   []byte
	step    uint8
	message []byte
	offset  int     // what is still to be sent of this transmission; -1: nothing
	sendAt  instant // when to transmit again; never if there is no flight
	sentAt  instant // the last transmission
	tries   int
	number  uint32

	// The next message of the peer.
	expect   uint8
	total    int
	got      ranges
	assembly []byte

	inbox    []kexMessage // whole messages for the goroutine that does the cryptography
	working  bool         // it has taken one and not finished
	answered bool         // a RETRY or ACCEPT has come
	deadline instant
	rtt      time.Duration // 0 until measured
	early    []earlyPacket
}

// launch sets the next flight.
func (h *handshake) launch(now instant, kind wire.PacketType, step uint8, message []byte) {
	h.kind, h.step, h.message = kind, step, message
	h.offset, h.sendAt, h.tries = 0, now, 0
	h.expect = step + 1
	h.clearAssembly()
}

// land ends the flight: it is answered.
func (h *handshake) land() { h.message, h.sendAt, h.offset = nil, 0, -1 }

func (h *handshake) clearAssembly() { h.total, h.got, h.assembly = 0, nil, nil }

// again asks for another transmission because the peer repeats itself.
func (h *handshake) again(now instant) {
	if h.sendAt != 0 && now.sub(h.sentAt) >= resendAtLeast {
		h.sendAt, h.offset = now, 0
	}
}

// receive takes a piece of a message. It returns the message when it is whole, and reports
// whether anybody waits for the piece.
func (h *handshake) receive(k *wire.KexSegment) (message []byte, ok bool) {
	end := int(k.Offset) + len(k.Bytes)
	if k.Step != h.expect || int(k.Total) > wire.KexMax || end > int(k.Total) || h.working || len(h.inbox) > 0 {
		return nil, false
	}
	if h.total != int(k.Total) || h.assembly == nil {
		h.clearAssembly()
		h.total = int(k.Total)
		h.assembly = make([]byte, h.total)
	}
	copy(h.assembly[k.Offset:], k.Bytes)
	h.got.add(int64(k.Offset), int64(end))
	if !h.got.covers(0, int64(h.total)) {
		return nil, true
	}
	message = h.assembly
	h.clearAssembly()
	return message, true
}

// timeout makes the next transmission due. It reports false when all tries of a
// first flight were in vain.
func (h *handshake) timeout(now instant) bool {
	if !h.sendAt.reached(now) || h.offset >= 0 {
		return true
	}
	if !h.answered && h.step == 0 && h.tries >= len(firstTries) {
		return false
	}
	h.offset = 0
	return true
}

// packet writes the next packet of the flight into buf. It returns 0 when the
// transmission is complete.
func (h *handshake) packet(now instant, buf []byte, local, peer uint64, check *internet.Checker) int {
	if h.offset < 0 || h.working || !h.sendAt.reached(now) {
		return 0
	}
	if h.offset > 0 && h.offset >= len(h.message) {
		h.transmitted(now)
		return 0
	}
	room := basePacket - headSize - originSize - len(h.token) - kexHead - internet.TagSize
	part := h.message[h.offset:min(len(h.message), h.offset+room)]
	k := wire.Segment{Type: wire.SegmentTypeKex}
	k.Kex = wire.KexSegment{Step: h.step, Total: uint16(len(h.message)), Offset: uint16(h.offset), Bytes: part}
	n := appendHandshake(buf, check, wire.Packet{
		Type: h.kind, Destination: peer, Number: h.number,
		Hello: wire.Origin{Source: local, Token: h.token},
	}, &k)
	h.number++
	h.offset += len(part)
	if len(h.message) == 0 {
		h.transmitted(now)
	}
	return n
}

func (h *handshake) transmitted(now instant) {
	h.offset, h.sentAt = -1, now
	wait := firstTries[min(h.tries, len(firstTries)-1)]
	if h.step > 0 {
		wait = max(wait, laterTry)
	}
	if h.rtt > 0 {
		wait = min(max(3*h.rtt, 200*time.Millisecond)<<min(h.tries, 5), 3*time.Second)
	}
	h.tries++
	h.sendAt = now.add(wait)
}

// appendHandshake encodes a handshake packet with one segment into buf, pads a
// HELLO, and seals it with the check. It returns the packet's length, or 0 if buf
// is too small.
func appendHandshake(buf []byte, check *internet.Checker, p wire.Packet, seg *wire.Segment) int {
	start := headSize + originSize + len(p.Hello.Token)
	payload, err := seg.AppendBinary(buf[start:start])
	if err != nil {
		return 0
	}
	if p.Type == wire.PacketTypeHello {
		if pad := wire.HelloMin - start - len(payload) - internet.TagSize; pad > 0 {
			n := len(payload)
			payload = payload[:n+pad]
			clear(payload[n:])
		}
	}
	p.Payload = payload
	packet, err := p.AppendBinary(buf[:0])
	if err != nil || len(packet) > len(buf) {
		return 0
	}
	check.Sum(packet)
	return len(packet)
}
