package ledger

import (
	"fmt"
	"sync"
	"testing"
)

// BenchmarkOpen reads a log of so many accounts, each with one entry.
func BenchmarkOpen(b *testing.B) {
	const leaves = 1000
	w := newWorld(b)
	var wg sync.WaitGroup
	for i := range leaves {
		c := w.create(fmt.Sprint("user", i), 1)
		wg.Go(func() {
			if _, err := w.book.Enter(b.Context(), now, c); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	for b.Loop() {
		l, err := Open(b.Context(), w.store, w.host, nil)
		if err != nil {
			b.Fatal(err)
		}
		if got := l.Head().Leaves; got != leaves {
			b.Fatalf("%d leaves, want %d", got, leaves)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/leaves, "us/leaf")
}
