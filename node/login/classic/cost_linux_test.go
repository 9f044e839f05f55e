package classic

import (
	"context"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spent is how long this thread has had a processor. Unlike the time on the wall it
// means something on a busy machine. The caller has locked the thread.
func spent(t testing.TB) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// BenchmarkServerLogin is what one login costs a server: messages 3 and 5. Message 1
// costs next to nothing. cpu-ns/op is the figure; ns/op is all of it, with the client's.
func BenchmarkServerLogin(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := newWorld(b)
	var sum time.Duration
	for b.Loop() {
		w.now = w.now.Add(time.Minute) // no load, so no more work is asked for
		c := w.client("Alice", "Alice")
		m3 := w.m3(c)
		run := w.begin()
		start := spent(b)
		m4, _, err := run.Next(w.now, m3)
		sum += spent(b) - start
		if err != nil {
			b.Fatal(err)
		}
		m5, _, err := c.Next(context.Background(), m4)
		if err != nil {
			b.Fatal(err)
		}
		start = spent(b)
		if _, _, err := run.Next(w.now, m5); err != nil {
			b.Fatal(err)
		}
		sum += spent(b) - start
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// Unknown user: "the same time". A statistical look, which takes half a minute: set
// SOTTO_TIMING to have it.
func TestDecoyTiming(t *testing.T) {
	if os.Getenv("SOTTO_TIMING") == "" {
		t.Skip("SOTTO_TIMING is not set")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds = 400
	w := newWorld(t)
	times := make(map[string][]time.Duration)
	for i := range 2 * rounds {
		user := []string{"Alice", "Alicf"}[(i+i/2)%2] // takes turns at being first
		w.now = w.now.Add(time.Minute)
		m3 := w.m3(w.client(user, "x"))
		run := w.begin()
		start := spent(t)
		if _, _, err := run.Next(w.now, m3); err != nil {
			t.Fatal(err)
		}
		times[user] = append(times[user], spent(t)-start)
	}
	median := func(user string) time.Duration {
		slices.Sort(times[user])
		return times[user][rounds/2]
	}
	known, unknown := median("Alice"), median("Alicf")
	t.Logf("message 3 of a known user takes %v, of an unknown one %v", known, unknown)
	if difference := (known - unknown).Abs(); difference > known/50 {
		t.Errorf("the medians differ by %v", difference)
	}
}
