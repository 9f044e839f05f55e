package opaque

import (
	"crypto/rand"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sotto/node/keys"
	"sotto/wire"
)

// spent is how long this thread has had a processor. Unlike the time on the wall it
// means something on a busy machine, and unlike rusage it counts no ticks. The caller has
// locked the thread.
func spent(t testing.TB) time.Duration { return processor(t, unix.CLOCK_THREAD_CPUTIME_ID) }

func processor(t testing.TB, clock int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// A meter counts what this thread spends between start and stop.
type meter struct {
	b     *testing.B
	began time.Duration
	sum   time.Duration
}

func newMeter(b *testing.B) *meter {
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	b.ReportAllocs()
	return &meter{b: b}
}

func (m *meter) start() { m.began = spent(m.b) }
func (m *meter) stop()  { m.sum += spent(m.b) - m.began }

func (m *meter) report() {
	m.b.ReportMetric(float64(m.sum.Nanoseconds())/float64(m.b.N), "cpu-ns/op")
}

// What a login costs the server: an answer and the check of a proof. cpu-ns/op is the
// figure.
func BenchmarkServerLogin(b *testing.B) {
	w := newWorld(b)
	for name, record := range map[string]*wire.OpaqueRecord{"user": w.record, "nobody": nil} {
		b.Run(name, func(b *testing.B) {
			_, ke1 := w.start(w.input)
			m := newMeter(b)
			for b.Loop() {
				m.start()
				_, pending, err := w.server.Respond(rand.Reader, record, w.user, w.ids, w.context, ke1)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pending.Finish(new(wire.OpaqueKe3)); err != ErrProof {
					b.Fatal(err)
				}
				m.stop()
			}
			m.report()
		})
	}
}

// What a login costs the client without key stretching to speak of. With it, that is
// nearly all: see BenchmarkStretch.
func BenchmarkClientLogin(b *testing.B) {
	w := newWorld(b)
	m := newMeter(b)
	for b.Loop() {
		m.start()
		login, ke1 := w.start(w.input)
		m.stop()
		ke2, _ := w.respond(ke1)
		m.start()
		if _, _, err := login.Finish(ke2, w.ids, w.context, w.stretch); err != nil {
			b.Fatal(err)
		}
		m.stop()
	}
	m.report()
}

// Argon2id has four lanes, so the figure is that of the process on all its threads.
func BenchmarkStretch(b *testing.B) {
	began := processor(b, unix.CLOCK_PROCESS_CPUTIME_ID)
	for b.Loop() {
		keys.Stretch{}.Output([64]byte{})
	}
	b.ReportMetric(float64((processor(b, unix.CLOCK_PROCESS_CPUTIME_ID)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// What a server can't do without: four multiplications, one of the generator, three
// elements that come in and five that go out.
func BenchmarkServerPrimitives(b *testing.B) {
	scalar, err := randomScalar(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	pair := newKeyPair(scalar)
	m := newMeter(b)
	for b.Loop() {
		m.start()
		for range 3 {
			if _, err := decodeElement(pair.public); err != nil {
				b.Fatal(err)
			}
		}
		element := suite.Group().Generator()
		for range 4 {
			encodeElement(suite.Group().NewElement().Mul(element, scalar))
		}
		newKeyPair(scalar)
		m.stop()
	}
	m.report()
}

// Unknown user: "equal time". A statistical look, which takes a while: set SOTTO_TIMING
// to have it.
func TestFakeTiming(t *testing.T) {
	if os.Getenv("SOTTO_TIMING") == "" {
		t.Skip("SOTTO_TIMING is not set")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds = 4000
	w := newWorld(t)
	_, ke1 := w.start(w.input)
	var times [2][]time.Duration
	for i := range 2 * rounds {
		which := (i + i/2) % 2 // takes turns at being first
		record := []*wire.OpaqueRecord{w.record, nil}[which]
		start := spent(t)
		if _, _, err := w.server.Respond(rand.Reader, record, w.user, w.ids, w.context, ke1); err != nil {
			t.Fatal(err)
		}
		times[which] = append(times[which], spent(t)-start)
	}
	median := func(which int) time.Duration {
		slices.Sort(times[which])
		return times[which][rounds/2]
	}
	known, unknown := median(0), median(1)
	t.Logf("the answer for a user takes %v, for nobody %v", known, unknown)
	if difference := (known - unknown).Abs(); difference > known/50 {
		t.Errorf("the medians differ by %v", difference)
	}
}
