package transport

// An itemKind says what a packet carried, as far as somebody cares whether it
// arrived.
type itemKind uint8

const (
	itemData itemKind = iota
	itemOpen
	itemReset
	itemStop
	itemStreamWindow
	itemWindow
	itemStreams
	itemParams
	itemCid
	itemAck
)

// An item is one segment in a packet that was sent: what to send again if the
// packet is lost, and what is settled when it is acknowledged.
type item struct {
	stream *Stream
	offset int64 // of data; for an ACK the largest number acknowledged
	size   int32
	kind   itemKind
	fin    bool
}

type packetState uint8

const (
	packetNone packetState = iota // an ACK only, or a number that was skipped: nothing to wait for
	packetSent                    // in flight
	packetAcked
	packetLost
)

// A sentPacket is what we remember of a packet.
type sentPacket struct {
	at    instant
	size  int32
	state packetState
	probe bool // its loss says nothing about congestion
	mtu   bool // it tests a packet size
	thin  bool // it was copied or is a copy, see thin
	mark  bool // routers might mark congestion on it

	// The connection's delivery when it was sent, to measure the rate at which
	// it arrives.
	delivered   int64
	deliveredAt instant
	firstAt     instant
	appLimited  bool

	items []item
}

// sentPackets records the packets sent, by number, in a ring.
type sentPackets struct {
	ring []sentPacket // a power of two long
	low  int64        // the lowest number on record
	next int64        // the number of the next packet

	unresolved int64 // the lowest number that may still be in flight
	inFlight   int   // bytes
	eliciting  int   // packets in flight
	largest    int64 // the highest number acknowledged; -1 at first
}

func (s *sentPackets) init() { s.largest = -1 }

// at is the record of a number, or nil if there is none any more.
func (s *sentPackets) at(number int64) *sentPacket {
	if number < s.low || number >= s.next {
		return nil
	}
	return &s.ring[number&int64(len(s.ring)-1)]
}

// push makes the record of the next packet. Its items slice is empty and keeps
// its room.
func (s *sentPackets) push() *sentPacket {
	if s.next-s.low == int64(len(s.ring)) {
		s.grow()
	}
	p := &s.ring[s.next&int64(len(s.ring)-1)]
	*p = sentPacket{items: p.items[:0]}
	s.next++
	return p
}

// skip leaves a packet number out.
func (s *sentPackets) skip() int64 {
	s.push()
	return s.next - 1
}

// pop takes back the newest record, of a packet that wasn't sent after all.
func (s *sentPackets) pop() { s.next-- }

func (s *sentPackets) grow() {
	ring := make([]sentPacket, max(4, 2*len(s.ring)))
	for n := s.low; n < s.next; n++ {
		ring[n&int64(len(ring)-1)] = s.ring[n&int64(len(s.ring)-1)]
	}
	s.ring = ring
}

// launch counts a packet as in flight.
func (s *sentPackets) launch(p *sentPacket) {
	p.state = packetSent
	s.inFlight += int(p.size)
	s.eliciting++
}

// land ends a packet's flight.
func (s *sentPackets) land(p *sentPacket, as packetState) {
	p.state = as
	s.inFlight -= int(p.size)
	s.eliciting--
}

// settle forgets records that nobody needs any more: everything up to the first
// packet in flight, but lost packets sent after keep are held for the case that
// they were only late.
func (s *sentPackets) settle(keep instant) {
	for s.unresolved < s.next && s.at(s.unresolved).state != packetSent {
		s.unresolved++
	}
	for s.low < s.unresolved {
		p := s.at(s.low)
		if p.state == packetLost && p.at > keep {
			break
		}
		clear(p.items) // they hold streams
		p.items = p.items[:0]
		s.low++
	}
}

// rest gives up the memory of a connection that has nothing in flight.
func (s *sentPackets) rest() {
	if s.low == s.next {
		s.ring = nil
	}
}
