package second

import (
	"bytes"
	"cmp"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A protection is what seals or opens one direction's packets.
type protection struct {
	aead cipher.AEAD
	iv   []byte
}

func newProtection(secret []byte) protection {
	part := func(name string, n int) []byte {
		return must(hkdf.Expand(sha256.New, secret, string(cat(label(name), u16(n))), n))
	}
	return protection{gcm(part("packet key", 32)), part("packet iv", 12)}
}

func (p protection) nonce(number uint64) []byte {
	n := cat(make([]byte, 4), u64(number))
	for i := range n {
		n[i] ^= p.iv[i]
	}
	return n
}

// A session is a connection after the handshake.
type session struct {
	*dialer
	out, in protection
	again   func() error // sends the last step again, until the peer has shown that it has it
	seen    map[uint64]bool
	highest uint64
	sent    map[uint64][]byte // payloads that want an ack
	streams map[uint64]*stream
	opened  uint64 // the next stream of ours
}

// A stream is the peer's half of one, in order.
type stream struct {
	pieces map[uint64][]byte
	bytes  []byte // what is in order and not yet read
	next   uint64
	sent   uint64 // bytes of our half
	size   uint64 // once fin
	fin    bool
}

func newSession(d *dialer, out, in []byte, again func() error) (*session, error) {
	s := &session{
		dialer: d, out: newProtection(out), in: newProtection(in), again: again,
		seen: map[uint64]bool{}, sent: map[uint64][]byte{}, streams: map[uint64]*stream{},
	}
	hello := cat([]byte{segCid}, s.local[:], random(16), []byte{segParams}, varint(30_000), varint(1400))
	return s, s.transmit(hello, true)
}

// transmit seals a payload.
func (s *session) transmit(payload []byte, keep bool) error {
	p := packet{kind: kindData, destination: s.peer, number: uint32(s.number)}
	head := p.head(headLen + len(payload) + tagLen)
	if keep {
		s.sent[s.number] = payload
	}
	datagram := s.out.aead.Seal(head, s.out.nonce(s.number), payload, head)
	s.number++
	return s.send(datagram)
}

// write sends the bytes of a new stream, all or its beginning.
func (s *session) write(b []byte, fin bool) (id uint64, err error) {
	id, s.opened = s.opened, s.opened+2
	return id, s.more(id, b, fin)
}

// more sends more bytes of a stream.
func (s *session) more(id uint64, b []byte, fin bool) error {
	st := s.stream(id)
	for rest := b; len(rest) > 0; {
		n := min(len(rest), pieceLen)
		p := piece{id, st.sent, rest[:n], fin && n == len(rest)}
		if err := s.transmit(p.encode(), true); err != nil {
			return err
		}
		st.sent += uint64(n)
		rest = rest[n:]
	}
	return nil
}

func (s *session) stream(id uint64) *stream {
	if s.streams[id] == nil {
		s.streams[id] = &stream{pieces: map[uint64][]byte{}}
	}
	return s.streams[id]
}

// frame reads the next frame of a stream.
func (s *session) frame(id uint64) ([]byte, error) {
	st := s.stream(id)
	for quiet := 0; ; {
		if len(st.bytes) >= 3 {
			n := int(st.bytes[0])<<16 | int(st.bytes[1])<<8 | int(st.bytes[2])
			if len(st.bytes) >= 3+n {
				frame := st.bytes[3 : 3+n]
				st.bytes = st.bytes[3+n:]
				return frame, nil
			}
		}
		if st.fin && st.next == st.size {
			return nil, errors.New("the stream ends before a frame")
		}
		heard, err := s.pump()
		if err != nil {
			return nil, err
		}
		if heard {
			quiet = 0
		} else if quiet++; quiet == silences {
			return nil, errSilence
		}
	}
}

// pump waits for a datagram. If there is none, it sends again what the peer
// has not acknowledged.
func (s *session) pump() (heard bool, err error) {
	datagram, err := s.receive()
	switch {
	case err != nil:
		return false, err
	case datagram == nil:
		return false, s.resend()
	}
	p, err := openPacket(datagram)
	if err != nil || p.kind != kindData || p.destination != s.local {
		return true, nil
	}
	if p.keyPhase {
		return true, errors.New("this client can't follow an update of the keys")
	}
	number := s.rebuild(p.number)
	payload, err := s.in.aead.Open(nil, s.in.nonce(number), p.payload, datagram[:headLen])
	if err != nil || s.seen[number] {
		return true, nil
	}
	s.seen[number], s.highest, s.again = true, max(s.highest, number), nil
	got, err := decodeSegments(payload)
	if err != nil {
		return true, fmt.Errorf("packet %d: %w", number, err)
	}
	return true, s.handle(got)
}

// rebuild finds the packet number whose low half is given and that is
// nearest to the one expected next.
func (s *session) rebuild(low uint32) uint64 {
	expected := s.highest + 1
	number := expected&^0xffffffff | uint64(low)
	switch {
	case number+1<<31 <= expected:
		number += 1 << 32
	case number > expected+1<<31 && number >= 1<<32:
		number -= 1 << 32
	}
	return number
}

func (s *session) handle(got *received) error {
	if got.cid != nil && !bytes.Equal(got.cid, s.peer[:]) {
		return errors.New("the peer is somewhere else than in the handshake")
	}
	for _, a := range got.acked {
		maps.DeleteFunc(s.sent, func(n uint64, _ []byte) bool { return a.first <= n && n <= a.last })
	}
	for _, p := range got.pieces {
		s.stream(p.stream).take(p)
	}
	if got.close != nil {
		return got.close
	}
	var answer []byte
	if got.elicits {
		answer = ack(s.spans())
	}
	if got.response != nil {
		answer = cat(answer, []byte{segResponse}, got.response)
	}
	if answer == nil {
		return nil
	}
	return s.transmit(answer, false)
}

// take puts bytes in order.
func (st *stream) take(p piece) {
	if p.fin {
		st.fin, st.size = true, p.offset+uint64(len(p.bytes))
	}
	if old := st.pieces[p.offset]; len(p.bytes) >= len(old) {
		st.pieces[p.offset] = p.bytes
	}
	for _, offset := range slices.Sorted(maps.Keys(st.pieces)) {
		b := st.pieces[offset]
		if end := offset + uint64(len(b)); offset <= st.next && end > st.next {
			st.bytes = append(st.bytes, b[st.next-offset:]...)
			st.next = end
		}
	}
}

// spans are the packet numbers received, the newest first.
func (s *session) spans() []span {
	numbers := slices.SortedFunc(maps.Keys(s.seen), func(a, b uint64) int { return cmp.Compare(b, a) })
	spans := []span{{numbers[0], numbers[0]}}
	for _, n := range numbers[1:] {
		if last := &spans[len(spans)-1]; n+1 == last.first {
			last.first = n
		} else {
			spans = append(spans, span{n, n})
		}
	}
	return spans[:min(len(spans), 33)]
}

func (s *session) resend() error {
	if s.again != nil {
		if err := s.again(); err != nil {
			return err
		}
	}
	old := s.sent
	s.sent = map[uint64][]byte{}
	for _, number := range slices.Sorted(maps.Keys(old)) {
		if err := s.transmit(old[number], true); err != nil {
			return err
		}
	}
	return nil
}

// close says that the client has nothing more to say.
func (s *session) close() error {
	return s.transmit(cat([]byte{segClose}, varint(0), short("")), false)
}
