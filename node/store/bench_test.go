package store

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func benchStore(b *testing.B) *Store {
	s := mustOpen(b, filepath.Join(b.TempDir(), "state"))
	b.Cleanup(func() { s.Close() })
	for _, name := range []string{"Alice", "Bob"} {
		op := Op{At: crashTime, PutUser: &PutUser{Name: name, Mailbox: mailboxOf(name)}}
		if _, err := s.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

var body512 = strings.Repeat("x", 512)

// benchAppend appends the n-th envelope, and acks now and then so that the
// mailbox does not fill up.
func benchAppend(b *testing.B, s *Store, n int) {
	op := appendOp("Bob", "Alice", n, body512)
	op.At = crashTime
	res, err := s.Do(ctx, op)
	if err != nil {
		b.Fatal(err)
	}
	if n%2000 == 1999 {
		op := ackOp("Alice", res.Seq)
		op.At = crashTime
		if _, err := s.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
	}
}

// One caller: each append has a flush to the disk for itself.
func BenchmarkAppend(b *testing.B) {
	s := benchStore(b)
	n := 0
	for b.Loop() {
		benchAppend(b, s, n)
		n++
	}
}

// The largest message, stored, read and acked.
func BenchmarkAppend1MiB(b *testing.B) {
	s := benchStore(b)
	body := strings.Repeat("x", MaxEnvelope)
	b.SetBytes(MaxEnvelope)
	n := 0
	for b.Loop() {
		n++
		op := appendOp("Bob", "Alice", n, body)
		op.At = crashTime
		res, err := s.Do(ctx, op)
		if err != nil {
			b.Fatal(err)
		}
		if items, _, err := s.Read(ctx, mailboxOf("Alice"), 0, 1); err != nil || len(items) != 1 {
			b.Fatal(len(items), err)
		}
		op = ackOp("Alice", res.Seq)
		op.At = crashTime
		if _, err := s.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
	}
}

// A hundred callers at once share transactions.
func BenchmarkAppend100Callers(b *testing.B) {
	s := benchStore(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 100 {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				benchAppend(b, s, n)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// A device that comes back reads its first twenty envelopes.
func BenchmarkRead20(b *testing.B) {
	s := benchStore(b)
	for n := range 1000 {
		benchAppend(b, s, n)
	}
	for b.Loop() {
		items, _, err := s.Read(ctx, mailboxOf("Alice"), 400, 20)
		if err != nil || len(items) != 20 {
			b.Fatal(len(items), err)
		}
	}
}

// An append until the attached recipient has it.
func BenchmarkAppendToPush(b *testing.B) {
	s := benchStore(b)
	pushed := make(chan Stored)
	defer s.Attach(mailboxOf("Alice"), 0, func(it Stored) {
		if it.Kind == KindEnvelope {
			pushed <- it
		}
	})()
	n := 0
	for b.Loop() {
		benchAppend(b, s, n)
		<-pushed
		n++
	}
}

// One login marks two things.
func BenchmarkMark(b *testing.B) {
	s := benchStore(b)
	n := 0
	for b.Loop() {
		op := markOp(string(rune(n)), crashTime)
		op.At = crashTime
		if _, err := s.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
