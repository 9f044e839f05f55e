package transport

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"io"
	"net/netip"

	"sotto/node/internet"
	"sotto/wire"
)

// repliesHeld is how many answers to strangers leave at a time.
const repliesHeld = 32

// A greeter is what a reader needs to answer strangers without keeping anything
// of them.
type greeter struct {
	check  *internet.Checker
	mint   *tokenMint
	claim  claim
	token  [tokenSize]byte
	said   wire.Segment              // in the answer
	out    [repliesHeld]internet.Out // answers to this batch, not sent yet
	bufs   [repliesHeld][basePacket]byte
	held   int
	resets rateTable
	fresh  rate // answers to HELLOs without a token
}

func (g *greeter) init(e *Endpoint) {
	g.check, g.mint = internet.NewChecker(), newTokenMint(&e.tokens)
	g.resets.seed = maphash.MakeSeed()
}

// receive takes a handshake packet and returns the connection that may have
// something to send.
func (r *reader) handshake(now instant, from netip.AddrPort, b []byte, p *wire.Packet) *Conn {
	count := &r.end.count
	if p.Type == wire.PacketTypeHello && len(b) < wire.HelloMin {
		count.short.Add(1)
		return nil
	}
	if !r.check.Check(b) {
		count.corrupt.Add(1)
		return nil
	}
	n, err := r.seg.Decode(p.Payload)
	if err != nil || r.seg.Type != wire.SegmentTypeKex || !padding(p.Payload[n:]) {
		count.malformed.Add(1)
		return nil
	}
	k := &r.seg.Kex
	if p.Destination != 0 {
		if c := r.end.conns.get(p.Destination); c != nil {
			return c.handshakePacket(now, from, len(b), p, k)
		}
	}
	if p.Type != wire.PacketTypeHello {
		count.stale.Add(1)
		return nil
	}
	if r.end.cfg.Responder == nil {
		count.unwanted.Add(1)
		return nil
	}
	if len(p.Hello.Token) == 0 {
		return r.first(now, from, b, p, k)
	}
	r.claim = claim{from: from, initiator: p.Hello.Source, responder: p.Destination}
	if !r.mint.check(r.end.clock.wall(now), p.Hello.Token, &r.claim) {
		count.badToken.Add(1)
		return nil
	}
	return r.end.strangers.admit(r.by, now, from, b, p, k, r.claim.first, true)
}

// zeros is as long as padding can get.
var zeros [wire.HelloMin]byte

// padding reports whether what follows a kex is nothing but pad.
func padding(b []byte) bool { return len(b) <= len(zeros) && bytes.Equal(b, zeros[:len(b)]) }

// first takes a HELLO from somebody of whom nothing is known.
func (r *reader) first(now instant, from netip.AddrPort, b []byte, p *wire.Packet, k *wire.KexSegment) *Conn {
	count := &r.end.count
	if k.Step != 0 || k.Offset != 0 || int(k.Total) != len(k.Bytes) || p.Hello.Source == 0 || p.Destination != 0 {
		count.malformed.Add(1)
		return nil
	}
	if c := r.end.strangers.known(from, p.Hello.Source); c != nil {
		return c.handshakePacket(now, from, len(b), p, k)
	}
	if !r.fresh.allow(now, retryPerSecond) {
		count.crowded.Add(1)
		return nil
	}
	verdict, message := r.end.cfg.Responder.First(r.end.clock.wall(now), from, k.Bytes)
	switch verdict {
	case Retry:
		r.retry(now, from, len(b), p, sha256.Sum256(k.Bytes), message)
	case Proceed:
		return r.end.strangers.admit(r.by, now, from, b, p, k, sha256.Sum256(k.Bytes), false)
	default:
		count.unwanted.Add(1)
	}
	return nil
}

// retry answers with a token and forgets.
func (r *reader) retry(now instant, from netip.AddrPort, size int, p *wire.Packet, first [32]byte, message []byte) {
	id, err := r.end.newID()
	if err != nil {
		return
	}
	r.claim = claim{from: from, initiator: p.Hello.Source, responder: id, first: first}
	token, err := r.mint.issue(r.token[:0], r.end.clock.wall(now), &r.claim)
	if err != nil {
		return
	}
	m := &r.said
	m.Type = wire.SegmentTypeKex
	m.Kex = wire.KexSegment{Step: 1, Total: uint16(len(message)), Bytes: message}
	buf := r.bufs[r.held][:]
	n := appendHandshake(buf, r.check, wire.Packet{
		Type: wire.PacketTypeRetry, Destination: p.Hello.Source, Hello: wire.Origin{Source: id, Token: token},
	}, m)
	if n == 0 || n > size {
		r.end.count.full.Add(1) // the responder's message is too long for a RETRY
		return
	}
	r.end.count.retried.Add(1)
	r.reply(from, buf[:n])
}

// reply puts an answer to those of this batch. It lies in the next of bufs.
func (r *reader) reply(to netip.AddrPort, b []byte) {
	r.out[r.held] = internet.Out{Buf: b, To: to}
	if r.held++; r.held == repliesHeld {
		r.flush()
	}
}

// flush sends the answers.
func (r *reader) flush() {
	if r.held > 0 {
		_ = r.io.WriteBatch(r.out[:r.held])
		r.held = 0
	}
}

// unknown answers a sealed packet for a connection that doesn't exist with a
// RESET: shorter than anything that asks for an answer, and not often, so that
// two endpoints can't keep each other busy.
func (r *reader) unknown(now instant, from netip.AddrPort, b []byte, id uint64) {
	if len(b) <= wire.PacketMin || !r.resets.allow(now, prefixOf(from.Addr()), resetsPerSecond) {
		r.end.count.withheld.Add(1)
		return
	}
	var random [4]byte
	if _, err := io.ReadFull(r.end.cfg.Random, random[:]); err != nil {
		return
	}
	m := wire.Packet{
		Type: wire.PacketTypeReset, Destination: id, Number: binary.BigEndian.Uint32(random[:]),
		Tag: resetTag(r.end.cfg.ResetKey, id),
	}
	packet, err := m.AppendBinary(r.bufs[r.held][:0])
	if err != nil {
		return
	}
	r.end.count.resets.Add(1)
	r.reply(from, packet)
}

// A rate counts the events of a second.
type rate struct {
	second int64
	n      int
}

// allow reports whether there may be another one in this second.
func (r *rate) allow(now instant, limit int) bool {
	if second := int64(now) / 1e9; r.second != second {
		r.second, r.n = second, 0
	}
	r.n++
	return r.n <= limit
}

// A rateTable counts events of address prefixes in a fixed space: prefixes that
// fall into one slot share its budget.
type rateTable struct {
	seed  maphash.Seed
	slots [256]rate
}

// allow reports whether a prefix may have another event in this second.
func (t *rateTable) allow(now instant, p netip.Prefix, limit int) bool {
	return t.slots[maphash.Comparable(t.seed, p)%uint64(len(t.slots))].allow(now, limit)
}
