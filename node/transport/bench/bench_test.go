package bench

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used so far, both ends together.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// echo sends back what comes.
func echo(s io.ReadWriteCloser) {
	defer s.Close()
	io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{s}, make([]byte, 4096))
}

// swallow counts what comes, and answers with a byte when all is there.
func swallow(got *atomic.Int64) func(io.ReadWriteCloser) {
	return func(s io.ReadWriteCloser) {
		defer s.Close()
		buf := make([]byte, 256<<10)
		for {
			n, err := s.Read(buf)
			got.Add(int64(n))
			if err != nil {
				s.Write([]byte{1})
				return
			}
		}
	}
}

func BenchmarkBulk(b *testing.B) {
	each(b, func(b *testing.B, p peer) {
		var got atomic.Int64
		addr := p.serve(b, swallow(&got))
		s, abandon, err := p.dialer(b)(addr)
		if err != nil {
			b.Fatal(err)
		}
		defer abandon()
		buf := make([]byte, 64<<10)
		b.SetBytes(int64(len(buf)))
		b.ReportAllocs()
		cpu := cpuTime()
		for b.Loop() {
			if _, err := s.Write(buf); err != nil {
				b.Fatal(err)
			}
		}
		s.Close()
		if _, err := io.ReadFull(s, buf[:1]); err != nil {
			b.Fatal(err)
		}
		if got.Load() != int64(b.N)*int64(len(buf)) {
			b.Fatalf("%d bytes arrived, want %d", got.Load(), b.N*len(buf))
		}
		b.ReportMetric((cpuTime()-cpu).Seconds()/float64(got.Load())*(1<<30), "cpu-s/GiB")
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	each(b, func(b *testing.B, p peer) {
		s, abandon, err := p.dialer(b)(p.serve(b, echo))
		if err != nil {
			b.Fatal(err)
		}
		defer abandon()
		buf := make([]byte, 64)
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if _, err := s.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(s, buf); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		for name, share := range map[string]float64{"p50-µs": 0.5, "p99-µs": 0.99, "p999-µs": 0.999} {
			b.ReportMetric(float64(took[int(share*float64(len(took)-1))].Nanoseconds())/1000, name)
		}
	})
}

func BenchmarkConnect(b *testing.B) {
	each(b, func(b *testing.B, p peer) {
		addr, dial := p.serve(b, echo), p.dialer(b)
		cpu := cpuTime()
		for b.Loop() {
			once(b, dial, addr)()
		}
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	})
}

// once makes a connection and uses it once. The stream stays open.
func once(b *testing.B, dial func(string) (io.ReadWriteCloser, func(), error), addr string) (abandon func()) {
	s, abandon, err := dial(addr)
	if err != nil {
		b.Fatal(err)
	}
	one := []byte{1}
	if _, err := s.Write(one); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(s, one); err != nil {
		b.Fatal(err)
	}
	return abandon
}

// BenchmarkIdle counts the heap and the stacks of both ends, and what the handler of the
// benchmark holds: a goroutine with a buffer of 4 KiB.
func BenchmarkIdle(b *testing.B) {
	const conns = 1000
	inUse := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	each(b, func(b *testing.B, p peer) {
		for b.Loop() {
			addr, dial := p.serve(b, echo), p.dialer(b)
			once(b, dial, addr)()
			before, routines := inUse(), runtime.NumGoroutine()
			var abandon []func()
			for range conns {
				abandon = append(abandon, once(b, dial, addr))
			}
			b.ReportMetric((inUse()-before)/1024/conns, "KiB/conn")
			b.ReportMetric(float64(runtime.NumGoroutine()-routines)/conns, "goroutines/conn")
			for _, f := range abandon {
				f()
			}
		}
	})
}

// BenchmarkLossy floods for some seconds and counts what arrives.
func BenchmarkLossy(b *testing.B) {
	const flood = 6 * time.Second
	for _, loss := range []int{0, 1, 5} {
		b.Run(fmt.Sprintf("loss=%d%%", loss), func(b *testing.B) {
			each(b, func(b *testing.B, p peer) {
				if !p.udp {
					b.Skip("a relay of datagrams carries no TCP")
				}
				var got atomic.Int64
				r := newRelay(b, p.serve(b, swallow(&got)), link{
					delay: 10 * time.Millisecond, rate: 100e6 / 8, queue: 250_000, loss: float64(loss) / 100,
				})
				dial := p.dialer(b)
				rate, n := 0.0, 0
				for b.Loop() {
					s, abandon, err := dial(r.addr())
					if err != nil {
						b.Fatal(err)
					}
					before, began := got.Load(), time.Now()
					buf := make([]byte, 64<<10)
					time.AfterFunc(flood, abandon)
					for err == nil {
						_, err = s.Write(buf)
					}
					rate += float64(got.Load()-before) * 8 / time.Since(began).Seconds() / 1e6
					n++
				}
				b.ReportMetric(rate/float64(n), "Mbit/s")
			})
		})
	}
}
