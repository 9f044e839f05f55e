package transport

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sotto/node/internet"
	"sotto/node/simnet"
	"sotto/wire"
)

var eveAt = netip.MustParseAddrPort("192.0.2.66:666")

// A recording is every datagram that was sent, by receiver.
type recording struct {
	mu   sync.Mutex
	sent map[netip.AddrPort][][]byte
}

func record(n *simnet.Network) *recording {
	r := &recording{sent: make(map[netip.AddrPort][][]byte)}
	n.Intercept(func(from, to netip.AddrPort, b []byte) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent[to] = append(r.sent[to], bytes.Clone(b))
		return true
	})
	return r
}

// to is the datagrams that went to an address.
func (r *recording) to(at netip.AddrPort) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent[at])
}

// kinds keeps one datagram of each packet type.
func kinds(all [][]byte) map[wire.PacketType][]byte {
	m := make(map[wire.PacketType][]byte)
	for _, b := range all {
		var p wire.Packet
		if _, err := p.Decode(b); err == nil && m[p.Type] == nil {
			m[p.Type] = bytes.Clone(b)
		}
	}
	return m
}

// counted is all datagrams that an endpoint dropped, whatever the reason.
func counted(c Counters) uint64 {
	return c.Malformed + c.Corrupt + c.Short + c.Unwanted + c.BadToken + c.Full + c.Stale + c.Unknown + c.Forged + c.Replayed + c.Early + c.Crowded + c.BadReset
}

// hello makes a HELLO.
func hello(source, destination uint64, token []byte, step uint8, total int, message []byte) []byte {
	buf := make([]byte, 2048)
	m := wire.Segment{Type: wire.SegmentTypeKex}
	m.Kex = wire.KexSegment{Step: step, Total: uint16(total), Bytes: message}
	n := appendHandshake(buf, internet.NewChecker(), wire.Packet{
		Type: wire.PacketTypeHello, Destination: destination, Hello: wire.Origin{Source: source, Token: token},
	}, &m)
	return buf[:n]
}

// A story with an honest connection that must come through whatever eve does.
func besieged(t *testing.T, story func(t *testing.T, w *world, r *recording, eve func(to netip.AddrPort, b []byte))) {
	simulate(t, 1, simnet.Link{Delay: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve()
		r := record(w.net)
		c := w.dial(t)
		s, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask := func(q string) {
			t.Helper()
			s.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := s.Write([]byte(q)); err != nil {
				t.Fatalf("honest session: %v", err)
			}
			got := make([]byte, len(q))
			for n := 0; n < len(q); {
				k, err := s.Read(got[n:])
				if err != nil {
					t.Fatalf("honest session: %v", err)
				}
				n += k
			}
			if string(got) != q {
				t.Fatalf("honest session: got %q, want %q", got, q)
			}
		}
		ask("before")
		time.Sleep(time.Second)
		story(t, w, r, func(to netip.AddrPort, b []byte) { w.net.Send(eveAt, to, b) })
		ask("after")
		if c.PeerAddr() != serverAt {
			t.Errorf("the session moved to %v", c.PeerAddr())
		}
	})
}

// "any datagram: empty, 1 byte, 65 507 bytes, all-zero, all-FF: drop"
func TestAttack01Garbage(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		random := rand.NewChaCha8([32]byte{})
		sent := 0
		for _, to := range []netip.AddrPort{serverAt, clientAt} {
			for _, size := range []int{0, 1, 2, 14, 15, 30, 31, 32, 100, 1199, 1200, 1201, 9000, 65507} {
				for _, fill := range []int{0, 0xff, -1} {
					b := bytes.Repeat([]byte{byte(fill)}, size)
					if fill < 0 {
						random.Read(b)
					}
					eve(to, b)
					sent++
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
		if n := len(r.to(eveAt)); n != 0 {
			t.Errorf("%d answers to garbage", n)
		}
		if got := counted(w.server.Counters()) + counted(w.client.Counters()); got < uint64(sent) {
			t.Errorf("%d datagrams counted as dropped, want %d", got, sent)
		}
	})
}

// "every message truncated at every byte: drop" and "every message with 1..64
// trailing bytes: drop"
func TestAttack02And03CutAndLengthened(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		time.Sleep(time.Second)
		for _, to := range []netip.AddrPort{serverAt, clientAt} {
			for kind, b := range kinds(r.to(to)) {
				e := w.server
				if to == clientAt {
					e = w.client
				}
				before := counted(e.Counters())
				for n := range b {
					eve(to, b[:n])
				}
				for n := range 64 {
					eve(to, append(bytes.Clone(b), bytes.Repeat([]byte{byte(n)}, n+1)...))
				}
				time.Sleep(20 * time.Millisecond)
				if got, want := counted(e.Counters())-before, uint64(len(b)+64); got != want {
					t.Errorf("%v to %v: %d datagrams counted as dropped, want %d", kind, to, got, want)
				}
			}
		}
		for _, b := range r.to(eveAt) {
			var p wire.Packet
			if _, err := p.Decode(b); err != nil || p.Type != wire.PacketTypeReset {
				t.Errorf("an answer of type %v to a broken packet", p.Type)
			}
		}
	})
}

// A partial run: eve proves an address and then sends a piece of M3 only.
func partialRun(w *world, r *recording, from netip.AddrPort, source uint64) {
	w.net.Send(from, serverAt, hello(source, 0, nil, 0, 8, []byte("M1 hello")))
	time.Sleep(11 * time.Millisecond)
	for _, b := range r.to(from) {
		var p wire.Packet
		if _, err := p.Decode(b); err == nil && p.Type == wire.PacketTypeRetry && p.Destination == source {
			w.net.Send(from, serverAt, hello(source, p.Hello.Source, p.Hello.Token, 2, wire.KexMax, []byte("M3 part")))
			return
		}
	}
}

// "10 000 interleaved partial reassemblies from one address, then from 10 000
// addresses: memory bound holds, honest login succeeds within 2x time"
func TestAttack06PartialReassemblies(t *testing.T) {
	for name, at := range map[string]func(i int) netip.AddrPort{
		"one address": func(i int) netip.AddrPort { return netip.AddrPortFrom(eveAt.Addr(), uint16(1000+i)) },
		"many addresses": func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1}), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			besieged(t, func(t *testing.T, w *world, r *recording, _ func(netip.AddrPort, []byte)) {
				began := time.Now()
				w.dial(t)
				idle := time.Since(began)
				var wg sync.WaitGroup
				for i := range 10_000 {
					wg.Go(func() { partialRun(w, r, at(i), uint64(i+1)) })
				}
				wg.Wait()
				time.Sleep(20 * time.Millisecond)
				s := &w.server.strangers
				s.mu.Lock()
				n, worst := s.order.Len(), 0
				for _, k := range s.per {
					worst = max(worst, k)
				}
				s.mu.Unlock()
				if n > maxHalfOpen || n < maxHalfOpenPer || worst > maxHalfOpenPer {
					t.Errorf("%d half-open, %d of one prefix; want at most %d and %d", n, worst, maxHalfOpen, maxHalfOpenPer)
				}
				began = time.Now()
				w.dial(t)
				if took := time.Since(began); took > 2*idle {
					t.Errorf("an honest dial took %v, %v when idle", took, idle)
				}
				time.Sleep(handshakeLimit + time.Second)
				s.mu.Lock()
				defer s.mu.Unlock()
				if n := s.order.Len(); n != 0 || len(s.per) != 0 || len(s.byKey) != 0 {
					t.Errorf("%d half-open left after the time limit", n)
				}
			})
		})
	}
}

// "M1/B1 shorter than 1200 bytes: drop (no amplification)"
func TestAttack07ShortHello(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		m := wire.Packet{Type: wire.PacketTypeHello, Hello: wire.Origin{Source: 5}}
		k := wire.Segment{Type: wire.SegmentTypeKex}
		k.Kex = wire.KexSegment{Total: 8, Bytes: []byte("M1 hello")}
		payload, _ := k.MarshalBinary()
		for _, pad := range []int{0, 500, wire.HelloMin - 1 - headSize - originSize - 16 - len(payload)} {
			m.Payload = append(bytes.Clone(payload), make([]byte, pad)...)
			b, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			internet.NewChecker().Sum(b)
			eve(serverAt, b)
		}
		time.Sleep(time.Second)
		if n := len(r.to(eveAt)); n != 0 || w.server.Counters().Short != 3 {
			t.Errorf("%d answers, %d counted as short; want 0 and 3", n, w.server.Counters().Short)
		}
	})
}

// "Handshake packets carry one kex and then perhaps pad. A handshake packet with anything
// else is dropped."
func TestHandshakePacketsHoldOneKex(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		before := w.server.Counters().Malformed
		k := wire.Segment{Type: wire.SegmentTypeKex}
		k.Kex = wire.KexSegment{Total: 8, Bytes: []byte("M1 hello")}
		kex, err := k.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		ping, pad := []byte{byte(wire.SegmentTypePing)}, make([]byte, 1100)
		for _, payload := range [][]byte{
			slices.Concat(kex, ping, pad), slices.Concat(kex, pad, ping), slices.Concat(kex, kex, pad), slices.Concat(pad, kex, pad),
			slices.Concat(kex, pad, pad),
		} {
			m := wire.Packet{Type: wire.PacketTypeHello, Hello: wire.Origin{Source: 5}, Payload: append(payload, pad[:100]...)}
			b, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			internet.NewChecker().Sum(b)
			eve(serverAt, b)
		}
		time.Sleep(time.Second)
		if n, got := len(r.to(eveAt)), w.server.Counters().Malformed-before; n != 0 || got != 5 {
			t.Errorf("%d answers, %d counted as malformed; want 0 and 5", n, got)
		}
	})
}

// "reply bytes <= request bytes for every message before the address is proven"
func TestAttack08NoAmplification(t *testing.T) {
	for _, first := range []string{"M1 hello", "P1 hello"} {
		t.Run(first, func(t *testing.T) {
			besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
				in := 0
				for i := range 20 {
					b := hello(uint64(5+i/2), 0, nil, 0, 8, []byte(first)) // each twice
					in += len(b)
					eve(serverAt, b)
					time.Sleep(200 * time.Millisecond)
					out := 0
					for _, b := range r.to(eveAt) {
						out += len(b)
					}
					if out > in {
						t.Fatalf("%d bytes out for %d bytes in", out, in)
					}
					if out == 0 {
						t.Fatal("no answer at all")
					}
				}
				time.Sleep(time.Minute)
				out := 0
				for _, b := range r.to(eveAt) {
					out += len(b)
				}
				if out > in {
					t.Fatalf("a minute later %d bytes out for %d bytes in", out, in)
				}
			})
		})
	}
}

// "50 000 spoofed M1/s for 10 s: no RSA/KEM op beyond the bucket". The transport's
// share: nothing is begun, nothing is kept, and the honest dial isn't slowed.
func TestAttack09SpoofedFlood(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		w.net.Intercept(nil)
		before := w.server.Counters()
		began := time.Now()
		w.dial(t)
		idle := time.Since(began)
		s := &w.server.strangers
		time.Sleep(time.Second)
		synctest.Wait()
		now := w.server.clock.now()
		for i := range 20000 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, byte(i >> 16), byte(i >> 8), byte(i)}), 9)
			w.server.readers[0].datagram(now, from, internet.Unmarked, hello(uint64(i+1), 0, nil, 0, 8, []byte("M1 hello")))
		}
		s.mu.Lock()
		kept := s.order.Len()
		s.mu.Unlock()
		after := w.server.Counters()
		if after.Begun != before.Begun+1 || kept != 0 || after.Retried-before.Retried != 20001 {
			t.Errorf("%d runs begun, %d kept, %d retried; want 1 of the honest, 0, 20001", after.Begun-before.Begun, kept, after.Retried-before.Retried)
		}
		began = time.Now()
		w.dial(t)
		if took := time.Since(began); took > 2*idle {
			t.Errorf("an honest dial took %v, %v when idle", took, idle)
		}
	})
}

// "cookie from another address, port, cid: drop" and "cookie with one bit flipped,
// truncated, of the previous key after two rotations: drop before any asymmetric op"
func TestAttack10And11ForeignAndBrokenTokens(t *testing.T) {
	secrets := &tokenSecrets{random: rand.NewChaCha8([32]byte{1})}
	mint, other := newTokenMint(secrets), newTokenMint(secrets) // of two readers
	now := time.Unix(1_800_000_000, 0)
	good := claim{from: eveAt, initiator: 1, responder: 2, first: [32]byte{3}}
	token, err := mint.issue(nil, now, &good)
	if err != nil {
		t.Fatal(err)
	}
	check := func(at time.Time, c claim, token []byte) bool {
		c.first = [32]byte{}
		return other.check(at, token, &c) && c.first == good.first
	}
	if !check(now, good, token) || !check(now.Add(tokenLife), good, token) {
		t.Fatal("a good token is refused")
	}
	for name, c := range map[string]claim{
		"address":   {from: netip.AddrPortFrom(serverAt.Addr(), eveAt.Port()), initiator: 1, responder: 2},
		"port":      {from: netip.AddrPortFrom(eveAt.Addr(), 667), initiator: 1, responder: 2},
		"initiator": {from: eveAt, initiator: 9, responder: 2},
		"responder": {from: eveAt, initiator: 1, responder: 9},
	} {
		if check(now, c, token) {
			t.Errorf("the token passes with another %s", name)
		}
	}
	for i := range token {
		for bit := range 8 {
			b := bytes.Clone(token)
			b[i] ^= 1 << bit
			if check(now, good, b) {
				t.Errorf("the token passes with bit %d of byte %d flipped", bit, i)
			}
		}
		if check(now, good, token[:i]) {
			t.Errorf("the token passes when cut to %d bytes", i)
		}
	}
	if check(now, good, append(bytes.Clone(token), 0)) {
		t.Error("the token passes with a byte more")
	}
	if check(now.Add(tokenLife+time.Millisecond), good, token) {
		t.Error("the token passes after its life")
	}
	// One rotation is survived, two are not, even if the token's time were right.
	late := now.Add(tokenRotation - time.Second)
	young, _ := mint.issue(nil, late, &good)
	if !check(now.Add(tokenRotation+time.Second), good, young) {
		t.Error("the token didn't survive one rotation")
	}
	mint.ready(now.Add(2 * tokenRotation))
	mint.ready(now.Add(3 * tokenRotation))
	if check(late, good, young) {
		t.Error("the token survived two rotations")
	}
}

// The same over the wire: nothing is begun.
func TestAttack10StolenToken(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		before := w.server.Counters()
		stolen := 0
		for _, b := range r.to(serverAt) {
			var p wire.Packet
			if _, err := p.Decode(b); err == nil && p.Type == wire.PacketTypeHello && len(p.Hello.Token) > 0 {
				eve(serverAt, b)                                                                               // the connection exists
				eve(serverAt, hello(p.Hello.Source, p.Destination+1, p.Hello.Token, 2, 8, []byte("M3 hello"))) // no such connection
				stolen++
			}
		}
		time.Sleep(time.Second)
		after := w.server.Counters()
		if stolen == 0 || after.Begun != before.Begun || after.BadToken != before.BadToken+uint64(stolen) || len(r.to(eveAt)) != 0 {
			t.Errorf("%d runs begun with stolen tokens, %d of %d bad tokens counted, %d answers", after.Begun-before.Begun, after.BadToken-before.BadToken, stolen, len(r.to(eveAt)))
		}
	})
}

// "two c1 in flight, first is the forged one: login still succeeds", and forged
// answers all the way.
func TestAttack17ForgedRetryFirst(t *testing.T) {
	for forged := range 4 {
		t.Run(fmt.Sprint(forged), func(t *testing.T) {
			simulate(t, 1, simnet.Link{Delay: 5 * time.Millisecond}, func(t *testing.T, w *world) {
				w.serve()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				h := &toyInitiator{size: 100, forged: forged}
				c, err := w.client.Dial(ctx, serverAt, h)
				if err != nil {
					t.Fatal(err)
				}
				transfer(t, c, 1000, time.Minute)
			})
		})
	}
}

// A peer that lost its state says so, and only it can.
func TestStatelessReset(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		// Forged: the right ID, a guessed tag.
		for _, b := range r.to(clientAt) {
			var p wire.Packet
			if _, err := p.Decode(b); err == nil && p.Type == wire.PacketTypeData {
				m := wire.Packet{Type: wire.PacketTypeReset, Destination: p.Destination, Payload: make([]byte, 16)}
				forged, _ := m.MarshalBinary()
				w.net.Send(serverAt, clientAt, forged)
				break
			}
		}
		time.Sleep(time.Second)
		if w.client.Counters().BadReset != 1 {
			t.Errorf("%d forged resets counted, want 1", w.client.Counters().BadReset)
		}
	})
	simulate(t, 1, simnet.Link{Delay: 5 * time.Millisecond}, func(t *testing.T, w *world) {
		key := [32]byte{1, 2, 3}
		w.server.cfg.ResetKey = key
		w.serve()
		c := w.dial(t)
		transfer(t, c, 100, time.Minute)
		// The server dies without a word and comes back with its reset key.
		w.net.SetLink(simnet.Link{Down: true})
		w.server.Close()
		w.net.SetLink(simnet.Link{Delay: 5 * time.Millisecond})
		sock, err := w.net.Listen(serverAt)
		if err != nil {
			t.Fatal(err)
		}
		reborn, err := NewEndpoint(sock, Config{Responder: toyResponder{}, ResetKey: key})
		if err != nil {
			t.Fatal(err)
		}
		defer reborn.Close()
		// The smallest packet that asks for an answer is enough to learn of it.
		c.SetKeepAlive(time.Second)
		select {
		case <-c.Done():
		case <-time.After(10 * time.Second):
		}
		if c.Err() != ErrReset {
			t.Errorf("got %v, want ErrReset", c.Err())
		}
	})
}

// Two endpoints must not answer each other's resets.
func TestResetsDontEcho(t *testing.T) {
	besieged(t, func(t *testing.T, w *world, r *recording, eve func(netip.AddrPort, []byte)) {
		m := wire.Packet{Type: wire.PacketTypeData, Destination: 12345, Payload: make([]byte, 500)}
		b, _ := m.MarshalBinary()
		for range 100 {
			w.net.Send(clientAt, serverAt, b)
		}
		time.Sleep(time.Second)
		resets := slices.DeleteFunc(r.to(clientAt), func(b []byte) bool {
			var p wire.Packet
			_, err := p.Decode(b)
			return err != nil || p.Type != wire.PacketTypeReset
		})
		if n := len(resets); n == 0 || n > resetsPerSecond {
			t.Errorf("%d resets in a second, want 1 to %d", n, resetsPerSecond)
		}
		for _, b := range r.to(serverAt) {
			var p wire.Packet
			if _, err := p.Decode(b); err == nil && p.Type == wire.PacketTypeReset {
				t.Fatal("a reset was answered with a reset")
			}
		}
	})
}

func BenchmarkSpoofedHello(b *testing.B) {
	_, server := realPair(b)
	packets := make([][]byte, 256)
	for i := range packets {
		packets[i] = hello(uint64(i+1), 0, nil, 0, 8, []byte("M1 hello"))
	}
	now := server.clock.now()
	server.readers[0].io.Close() // count our own cost
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		server.readers[0].datagram(now, eveAt, internet.Unmarked, packets[i%len(packets)])
		i++
	}
}
