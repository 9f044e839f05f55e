package client_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sotto/node/client"
)

// The original's figures, measured on such a machine: a message of 64 bytes
// end to end 10.3 ms (median) with 4 % of them stuck; 67 to 128 messages a
// second; 1 MiB in 2.2 s; at most 17 logins a second.

// cpu gives the processor time of this process: both clients and the server.
// It says more than the clock on a machine that others use.
func cpu() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// reportCPU reports the processor time of each of n operations since begun.
func reportCPU(b *testing.B, n int, begun time.Duration) {
	b.ReportMetric(float64((cpu()-begun).Microseconds())/1000/float64(n), "cpu-ms/op")
}

// benchmarkWays runs a benchmark in both tiers and on both ways.
func benchmarkWays(b *testing.B, run func(b *testing.B, w *world, how func(*client.Config))) {
	for _, tier := range []struct {
		name string
		make func(testing.TB) *world
	}{{"classic", newWorld}, {"default", newDefaultWorld}} {
		b.Run(tier.name+"/direct", func(b *testing.B) { run(b, tier.make(b), func(*client.Config) {}) })
		b.Run(tier.name+"/relay", func(b *testing.B) { run(b, tier.make(b), byServer) })
	}
}

// BenchmarkLatency is one message of 64 bytes at a time, from Send to the
// recipient's event; what takes time are two durable writes and, in the classic
// tier, two RSA signatures and decryptions.
func BenchmarkLatency(b *testing.B) {
	benchmarkWays(b, func(b *testing.B, w *world, how func(*client.Config)) {
		alice, bob := w.enter("Alice", how), w.enter("Bob", how)
		bob.told(bob.says("Alice", "warm up"), client.Delivered)
		var took []time.Duration
		used := cpu()
		for i := 0; b.Loop(); i++ {
			text := fmt.Sprintf("%064d", i)
			begun := time.Now()
			bob.says("Alice", text)
			alice.gets("Bob", text)
			took = append(took, time.Since(begun))
			alice.forget()
			bob.forget()
		}
		reportCPU(b, len(took), used)
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}

// BenchmarkMessages is a stream of messages of 64 bytes until the last one is
// delivered.
func BenchmarkMessages(b *testing.B) {
	benchmarkWays(b, func(b *testing.B, w *world, how func(*client.Config)) {
		alice, bob := w.enter("Alice", how), w.enter("Bob", how)
		bob.told(bob.says("Alice", "warm up"), client.Delivered)
		bob.forget()
		b.ResetTimer()
		used := cpu()
		for i := range b.N {
			bob.says("Alice", fmt.Sprintf("%064d", i))
		}
		await(bob, "all deliveries", b.N, func(e client.StateChanged) bool { return e.State == client.Delivered })
		b.StopTimer()
		reportCPU(b, b.N, used)
		if got := len(await(alice, "all messages", b.N, func(client.Message) bool { return true })); got < b.N {
			b.Errorf("%d messages, want %d", got, b.N)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}

// BenchmarkMiB is one message of 1 MiB, from Send until the sender knows that
// it is delivered.
func BenchmarkMiB(b *testing.B) {
	benchmarkWays(b, func(b *testing.B, w *world, how func(*client.Config)) {
		alice, bob := w.enter("Alice", how), w.enter("Bob", how)
		bob.told(bob.says("Alice", "warm up"), client.Delivered)
		text := strings.Repeat("0123456789abcdef", client.MaxText/16)
		b.SetBytes(int64(len(text)))
		used := cpu()
		for b.Loop() {
			bob.told(bob.says("Alice", text), client.Delivered)
			alice.forget()
			bob.forget()
		}
		reportCPU(b, b.N, used)
	})
}

// BenchmarkLogin is one whole login after the other: puzzle, M1 to M6 and the
// manifest, or B1 to B6 with a device and the log; and the logout. The password's
// stretching is that of tests.
func BenchmarkLogin(b *testing.B) {
	b.Run("classic", func(b *testing.B) { benchmarkLogin(b, newWorld(b)) })
	b.Run("default", func(b *testing.B) { benchmarkLogin(b, newDefaultWorld(b)) })
}

func benchmarkLogin(b *testing.B, w *world) {
	used := cpu()
	for b.Loop() {
		bob, err := w.open("Bob", nil)
		if err != nil {
			b.Fatal(err)
		}
		bob.leave()
	}
	reportCPU(b, b.N, used)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}
