package profile

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func sealNumber(n uint64) func(uint64) (Sealed, error) {
	return func(uint64) (Sealed, error) {
		s := Sealed{Envelope: make([]byte, 512), Draft: make([]byte, 1200)}
		binary.BigEndian.PutUint64(s.ID[:], n)
		return s, nil
	}
}

// A message's whole way through the outbox, one after another.
func BenchmarkSend(b *testing.B) {
	p := newProfile(b)
	n := uint64(0)
	for b.Loop() {
		n++
		out, err := p.Send(ctx, "Alice", 1, sealNumber(n))
		check(b, err)
		_, err = p.SetState(ctx, out.ID, Delivered, "")
		check(b, err)
		check(b, p.Forget(ctx, out.ID))
	}
}

// Messages to twenty peers at once share transactions.
func BenchmarkSend20Peers(b *testing.B) {
	p := newProfile(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	for peer := range 20 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := p.Send(ctx, fmt.Sprint("Peer", peer), 1, sealNumber(uint64(n))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// An incoming message until it was shown.
func BenchmarkReceive(b *testing.B) {
	p := newProfile(b)
	window := make([]byte, 200)
	for b.Loop() {
		in := &Incoming{Body: make([]byte, 512)}
		check(b, p.Receive(ctx, Sender{Name: "Alice"}, func([]byte) ([]byte, *Incoming, error) { return window, in, nil }))
		check(b, p.Shown(ctx, in.Pos))
	}
}
