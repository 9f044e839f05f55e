package transport

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sotto/node/internet"
	"sotto/node/session"
	"sotto/wire"
)

// A victim is the pure state of a connection whose peer is the test: it has the
// keys and breaks rules.
type victim struct {
	t      *testing.T
	st     *state
	keys   *session.Keys // the test's
	number uint64
	now    instant
	from   netip.AddrPort
	urgent bool // ask for an acknowledgement at once
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{t: t, st: new(state), now: instant(time.Second), from: serverAt}
	v.st.init(v.now, true, 77, serverAt, time.Minute, [32]byte{1}, internet.NewChecker(), new(counters), &memory{limit: defaultMemory})
	v.st.peer = 88
	if err := v.st.install(v.now, toySecrets([32]byte{}, true)); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.keys, err = session.New(toySecrets([32]byte{}, false)); err != nil {
		t.Fatal(err)
	}
	return v
}

// pack seals segments into a packet for the victim.
func (v *victim) pack(segments ...wire.Segment) []byte {
	v.t.Helper()
	var payload []byte
	for i := range segments {
		var err error
		if payload, err = segments[i].AppendBinary(payload); err != nil {
			v.t.Fatal(err)
		}
	}
	m := wire.Packet{Type: wire.PacketTypeData, KeyPhase: v.keys.Phase(), AckNow: v.urgent, Destination: 77, Number: uint32(v.number), Payload: payload}
	b, err := m.MarshalBinary()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.keys.Seal(b, headSize, v.number); err != nil {
		v.t.Fatal(err)
	}
	v.number++
	return b
}

// give lets the victim receive a packet.
func (v *victim) give(b []byte) bool {
	v.t.Helper()
	var m wire.Packet
	if _, err := m.Decode(b); err != nil {
		v.t.Fatal(err)
	}
	return v.st.receive(v.now, v.from, internet.Unmarked, b, &m)
}

func (v *victim) send(segments ...wire.Segment) { v.t.Helper(); v.give(v.pack(segments...)) }

// poll lets the victim send, and returns the segments of what it sends.
func (v *victim) poll() []wire.Segment {
	v.t.Helper()
	var all []wire.Segment
	buf := make([]byte, internet.BufferSize)
	for range 1000 {
		n, seg, _ := v.st.poll(v.now, buf)
		if n == 0 {
			return all
		}
		for b := buf[:n]; len(b) > 0; {
			k := min(seg, len(b))
			all = append(all, v.open(b[:k])...)
			b = b[k:]
		}
	}
	v.t.Fatal("the victim doesn't stop sending")
	return nil
}

func (v *victim) open(b []byte) []wire.Segment {
	v.t.Helper()
	var m wire.Packet
	if _, err := m.Decode(b); err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.keys.Open(b, headSize, m.KeyPhase, m.Number); err != nil {
		v.t.Fatal(err)
	}
	var all []wire.Segment
	for payload := b[headSize : len(b)-session.TagSize]; len(payload) > 0; {
		var s wire.Segment
		n, err := s.Decode(payload)
		if err != nil {
			v.t.Fatal(err)
		}
		all, payload = append(all, s), payload[n:]
	}
	return all
}

// data is a segment of a stream.
func data(stream, offset uint64, b string) wire.Segment {
	s := wire.Segment{Type: wire.SegmentTypeData}
	s.Data = wire.DataSegment{Stream: stream, Offset: offset, Bytes: []byte(b)}
	return s
}

func ack(largest, run uint64, ranges ...wire.AckRange) wire.Segment {
	s := wire.Segment{Type: wire.SegmentTypeAck}
	s.Ack = wire.AckSegment{Largest: largest, Run: run, Ranges: ranges}
	return s
}

// "Everything a peer can make us hold has a cap": what goes beyond a cap that the
// peer knows closes the connection.
func TestPeerBreaksRules(t *testing.T) {
	segment := func(kind wire.SegmentType, f func(*wire.Segment)) wire.Segment {
		s := wire.Segment{Type: kind}
		if f != nil {
			f(&s)
		}
		return s
	}
	tests := []struct {
		name string
		code uint64
		why  string
		do   func(v *victim)
	}{
		{"stream beyond the limit", CodeProtocol, "stream beyond", func(v *victim) { v.send(data(2*maxStreams+1, 0, "x")) }},
		{"open beyond the limit", CodeProtocol, "stream beyond", func(v *victim) {
			v.send(segment(wire.SegmentTypeOpen, func(s *wire.Segment) { s.Open.Stream = 2*maxStreams + 1 }))
		}},
		{"stream of ours that is not open", CodeProtocol, "never opened", func(v *victim) { v.send(data(0, 0, "x")) }},
		{"stream window", CodeFlow, "over the limit", func(v *victim) { v.send(data(1, streamWindow, "x")) }},
		{"stream offset near the end", CodeFlow, "over the limit", func(v *victim) { v.send(data(1, 1<<62-1, "x")) }},
		{"connection window", CodeFlow, "over the limit", func(v *victim) {
			for i := range uint64(5) {
				v.send(data(2*i+1, streamWindow-1, "x"))
			}
		}},
		{"final size changes", CodeProtocol, "final size", func(v *victim) {
			s := data(1, 10, "x")
			s.Type = wire.SegmentTypeDataFin
			v.send(s, data(1, 11, "y"))
		}},
		{"final size shrinks", CodeProtocol, "final size", func(v *victim) {
			s := data(1, 0, "")
			s.Type = wire.SegmentTypeDataFin
			v.send(data(1, 10, "y"), s)
		}},
		{"reset below what was sent", CodeProtocol, "final size", func(v *victim) {
			v.send(data(1, 10, "y"), segment(wire.SegmentTypeReset, func(s *wire.Segment) { s.Reset = wire.ResetSegment{Stream: 1, FinalSize: 5} }))
		}},
		{"reset beyond the window", CodeFlow, "over the limit", func(v *victim) {
			v.send(segment(wire.SegmentTypeReset, func(s *wire.Segment) { s.Reset = wire.ResetSegment{Stream: 1, FinalSize: streamWindow + 1} }))
		}},
		{"ack of a number never sent", CodeProtocol, "never sent", func(v *victim) { v.send(ack(1000, 0)) }},
		{"ack below zero", CodeProtocol, "below zero", func(v *victim) { v.poll(); v.send(ack(0, 5)) }},
		{"ack ranges below zero", CodeProtocol, "below zero", func(v *victim) {
			v.poll()
			v.send(ack(0, 0, wire.AckRange{Gap: 0, Run: 0}))
		}},
		{"handshake message under keys", CodeProtocol, "handshake", func(v *victim) { v.send(segment(wire.SegmentTypeKex, nil)) }},
		{"malformed segment", CodeProtocol, "malformed", func(v *victim) {
			s := v.pack(data(1, 0, "abc"))
			_ = s
			b := v.pack(wire.Segment{Type: wire.SegmentTypePad, Pad: wire.PadSegment{}})
			_ = b
			m := wire.Packet{Type: wire.PacketTypeData, Destination: 77, Number: uint32(v.number), Payload: []byte{200, 1, 2}}
			raw, _ := m.MarshalBinary()
			v.keys.Seal(raw, headSize, v.number)
			v.give(raw)
		}},
		// "the skipped numbers within the window must all be remembered"
		{"optimistic acknowledgement", CodeProtocol, "never sent", func(v *victim) {
			s := v.st.streams.open(v.st)
			for v.st.recovery.skips[0] < 0 {
				s.send.write([]byte("x"))
				v.st.streams.schedule(s)
				v.poll()
				v.now = v.now.add(time.Millisecond)
				n := uint64(v.st.recovery.sent.next - 1)
				if v.st.recovery.skips[0] >= 0 {
					break
				}
				v.send(ack(n, 0))
			}
			v.send(ack(uint64(v.st.recovery.sent.next-1), 2))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := newVictim(t)
			test.do(v)
			var closed *LocalClosed
			if !errors.As(v.st.err, &closed) || closed.Code != test.code || !strings.Contains(closed.Reason, test.why) {
				t.Fatalf("got %v, want a LocalClosed with code %d for %q", v.st.err, test.code, test.why)
			}
			var said bool
			for _, s := range v.poll() {
				said = said || s.Type == wire.SegmentTypeClose && s.Close.Code == test.code
			}
			if !said {
				t.Error("the peer was not told")
			}
		})
	}
}

// What is beyond a cap that the peer can't know is dropped, and memory stays within bounds.
func TestPeerFillsQueues(t *testing.T) {
	t.Run("holes in a stream", func(t *testing.T) {
		v := newVictim(t)
		for i := range uint64(1000) {
			v.send(data(1, 2*i+1, "x"))
		}
		s := v.st.streams.byID[1]
		if v.st.err != nil || len(s.receive.got) > maxGaps || s.receive.bytes.held() > streamWindow {
			t.Fatalf("%d holes, %d bytes held, %v; want at most %d holes", len(s.receive.got), s.receive.bytes.held(), v.st.err, maxGaps)
		}
		// What was refused counts as not received and comes again; in the end all is there.
		for i := range uint64(2000) {
			v.send(data(1, i, "x"))
		}
		if got := s.receive.ready(); got != 2000 {
			t.Errorf("%d bytes ready, want 2000", got)
		}
	})
	t.Run("one byte in each of 128 streams", func(t *testing.T) {
		v := newVictim(t)
		for i := range uint64(maxStreams) {
			v.send(data(2*i+1, 5000, "x"))
		}
		held := 0
		for _, s := range v.st.streams.byID {
			held += s.receive.bytes.held()
		}
		if v.st.err != nil || held > connWindow {
			t.Errorf("%d bytes held, want at most %d; %v", held, connWindow, v.st.err)
		}
	})
	t.Run("acknowledgement ranges", func(t *testing.T) {
		v := newVictim(t)
		for range 1000 {
			v.number++ // every other packet is missing
			v.send(wire.Segment{Type: wire.SegmentTypePing})
		}
		if n := len(v.st.acks.seen); n > maxAckRanges {
			t.Errorf("%d ranges kept, want at most %d", n, maxAckRanges)
		}
		for _, s := range v.poll() {
			if s.Type == wire.SegmentTypeAck && len(s.Ack.Ranges) > wire.AckRanges {
				t.Errorf("an acknowledgement names %d ranges, want at most %d", len(s.Ack.Ranges), wire.AckRanges)
			}
		}
	})
	// "peer fills a reply queue faster than a collapsed window drains it" (CVE-2023-49295)
	t.Run("challenges", func(t *testing.T) {
		v := newVictim(t)
		for i := range 1000 {
			s := wire.Segment{Type: wire.SegmentTypeChallenge}
			s.Challenge.Bytes[0] = byte(i)
			v.send(s, s, s)
		}
		answers := 0
		for _, s := range v.poll() {
			if s.Type == wire.SegmentTypeResponse {
				answers++
			}
		}
		if answers != 1 {
			t.Errorf("%d answers to 3,000 challenges in one batch, want 1", answers)
		}
	})
	t.Run("unreliable messages", func(t *testing.T) {
		v := newVictim(t)
		for range 1000 {
			s := wire.Segment{Type: wire.SegmentTypeDatagram}
			s.Datagram.Bytes = make([]byte, 1000)
			v.send(s)
		}
		if n := len(v.st.arrived); n != maxDatagrams {
			t.Errorf("%d messages kept, want %d", n, maxDatagrams)
		}
	})
	t.Run("streams that are never accepted", func(t *testing.T) {
		v := newVictim(t)
		for i := range uint64(100 * maxStreams) {
			s := wire.Segment{Type: wire.SegmentTypeReset}
			s.Reset.Stream = 2*i + 1
			v.send(s)
			if v.st.err != nil {
				break
			}
		}
		if n := len(v.st.streams.backlog); n > maxStreams {
			t.Errorf("%d streams wait for Accept, want at most %d", n, maxStreams)
		}
	})
	// Opened, reset and stopped at once, and never accepted (the rapid reset of
	// CVE-2023-44487).
	t.Run("streams reset at once", func(t *testing.T) {
		v := newVictim(t)
		for i := range uint64(10 * maxStreams) {
			reset, stop := wire.Segment{Type: wire.SegmentTypeReset}, wire.Segment{Type: wire.SegmentTypeStop}
			reset.Reset.Stream, stop.Stop.Stream = 2*i+1, 2*i+1
			v.send(reset, stop)
			v.poll()
			if n := v.st.recovery.sent.next; n > 0 {
				v.send(ack(uint64(n-1), uint64(n-1)-max(0, uint64(n)-min(uint64(n), 2))))
			}
			if v.st.err != nil {
				break
			}
		}
		if n := len(v.st.streams.backlog); n > maxStreams {
			t.Errorf("%d streams wait for Accept, want at most %d", n, maxStreams)
		}
	})
	t.Run("sealed packets before the keys", func(t *testing.T) {
		v := newVictim(t)
		v.st.keys, v.st.hs = nil, &handshake{}
		for range 1000 {
			v.send(data(1, 0, "x"))
		}
		if n := len(v.st.hs.early); n != maxEarly {
			t.Errorf("%d packets kept, want %d", n, maxEarly)
		}
	})
	t.Run("handshake message", func(t *testing.T) {
		var h handshake
		for total := range 1 << 16 {
			k := wire.KexSegment{Total: uint16(total), Bytes: []byte("x")}
			h.receive(&k)
			if len(h.assembly) > wire.KexMax {
				t.Fatalf("%d bytes assembled, want at most %d", len(h.assembly), wire.KexMax)
			}
		}
	})
}

// "reset below", "forged close", "forged address change": nothing but a sealed
// packet of the peer changes a connection.
func TestAttack45ForgedCloseAndAddressChange(t *testing.T) {
	v := newVictim(t)
	v.send(data(1, 0, "hello"))
	good := v.pack(data(1, 5, " world"))
	elsewhere := netip.MustParseAddrPort("192.0.2.66:666")
	v.from = elsewhere
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	if v.give(forged) {
		t.Fatal("a forged packet opened")
	}
	if v.st.path.to != serverAt || v.st.probing != nil || v.st.err != nil {
		t.Fatalf("a forged packet changed the path to %v", v.st.path.to)
	}
	// A genuine packet, replayed from elsewhere after the peer received a later one.
	later := v.pack(data(1, 11, "!"))
	v.from = serverAt
	v.give(later)
	v.from = elsewhere
	if !v.give(good) {
		t.Fatal("an overtaken packet didn't open")
	}
	if v.st.path.to != serverAt || v.st.probing != nil {
		t.Error("an overtaken packet from elsewhere moved the connection")
	}
	if got := v.st.streams.byID[1].receive.ready(); got != 12 {
		t.Errorf("%d bytes ready, want 12", got)
	}
}

func TestNATRebinding(t *testing.T) {
	v := newVictim(t)
	v.send(data(1, 0, "x"))
	v.poll()
	v.from = netip.AddrPortFrom(serverAt.Addr(), 9999)
	v.send(data(1, 1, "y"))
	if v.st.path.to != v.from || v.st.path.proven {
		t.Fatalf("path to %v, proven %v; want the new port, not proven", v.st.path.to, v.st.path.proven)
	}
	// Until the new address is proven at most three times the bytes go there.
	s := v.st.streams.open(v.st)
	s.send.write(make([]byte, 100_000))
	v.st.streams.schedule(s)
	in := v.st.path.in
	var challenge *wire.Segment
	for _, s := range v.poll() {
		if s.Type == wire.SegmentTypeChallenge {
			challenge = &s
		}
	}
	if v.st.path.out > rebindFactor*in {
		t.Errorf("%d bytes sent for %d received, before the address was proven", v.st.path.out, in)
	}
	if challenge == nil {
		t.Fatal("no challenge")
	}
	wrong := *challenge
	wrong.Type = wire.SegmentTypeResponse
	wrong.Challenge.Bytes[3] ^= 1
	v.send(wrong)
	if v.st.path.proven {
		t.Fatal("a wrong response proved the address")
	}
	right := *challenge
	right.Type = wire.SegmentTypeResponse
	v.send(right)
	if !v.st.path.proven || v.st.fallback != nil {
		t.Error("the right response didn't prove the address")
	}
}

// A rewritten source address that nobody answers at: back to where the peer was.
func TestRebindingThatNobodyConfirms(t *testing.T) {
	v := newVictim(t)
	v.send(data(1, 0, "x"))
	v.from = netip.AddrPortFrom(serverAt.Addr(), 9999)
	v.send(data(1, 1, "y"))
	v.from = serverAt
	for range 200 {
		v.poll()
		v.now = v.now.add(100 * time.Millisecond)
		v.st.timeout(v.now)
	}
	if v.st.path.to != serverAt {
		t.Errorf("path to %v, want it back at %v", v.st.path.to, serverAt)
	}
}

// A peer in another network: nothing moves before it has answered there.
func TestMigration(t *testing.T) {
	v := newVictim(t)
	v.send(data(1, 0, "x"))
	v.poll()
	v.from = netip.MustParseAddrPort("203.0.113.5:1234")
	v.send(data(1, 1, "y"))
	if v.st.path.to != serverAt {
		t.Fatal("moved before the address was proven")
	}
	var challenge *wire.Segment
	buf := make([]byte, internet.BufferSize)
	for range 10 {
		n, _, to := v.st.poll(v.now, buf)
		if n == 0 {
			break
		}
		for _, s := range v.open(buf[:n]) {
			if s.Type == wire.SegmentTypeChallenge && to == v.from {
				challenge = &s
			}
		}
	}
	if challenge == nil {
		t.Fatal("no challenge to the new address")
	}
	challenge.Type = wire.SegmentTypeResponse
	v.send(*challenge)
	if v.st.path.to != v.from || !v.st.path.proven {
		t.Errorf("path to %v, want %v", v.st.path.to, v.from)
	}
}
