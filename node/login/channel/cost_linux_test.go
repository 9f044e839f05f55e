package channel

import (
	"context"
	"crypto/rand"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sotto/node/keys"
	"sotto/node/login/opaque"
	"sotto/wire"
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

// BenchmarkServerFirst is what a stranger's B1 costs, but for the system call.
func BenchmarkServerFirst(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := newWorld(b)
	b1, err := w.byDevice("Alice", "Alice").First()
	if err != nil {
		b.Fatal(err)
	}
	start := spent(b)
	for b.Loop() {
		w.server.First(w.now, testFrom, b1)
	}
	b.ReportMetric(float64((spent(b)-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkServerLogin is what one login costs a server: B3 and B5. cpu-ns/op is the
// figure; ns/op is all of it, with the client's. cpu/primitives is the ratio to the sum of
// the public-key operations that it can't do without: BenchmarkPrimitives has them.
func BenchmarkServerLogin(b *testing.B) {
	for _, kind := range []wire.LoginKind{wire.LoginKindDevice, wire.LoginKindPassword, wire.LoginKindAnonymous} {
		b.Run(kind.String(), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			w := newWorld(b)
			var sum, without time.Duration
			all := parts(b)
			for b.Loop() {
				w.now = w.now.Add(time.Minute) // no load, so no more work is asked for
				c := w.kinds()[kind]
				b3, run := w.b3(c), w.begin()
				start := spent(b)
				b4, _, err := run.Next(w.now, b3)
				sum += spent(b) - start
				if err != nil {
					b.Fatal(err)
				}
				b5, _, err := c.Next(context.Background(), b4)
				if err != nil {
					b.Fatal(err)
				}
				start = spent(b)
				if _, _, err := run.Next(w.now, b5); err != nil {
					b.Fatal(err)
				}
				sum += spent(b) - start
				// By turns, so that the machine is as busy for the one as for the other.
				start = spent(b)
				for _, p := range all {
					for range p.times[kind] {
						p.do()
					}
				}
				without += spent(b) - start
			}
			b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(sum)/float64(without), "cpu/primitives")
		})
	}
}

// A part is a public-key operation, and how often a login of each kind has it.
type part struct {
	name  string
	do    func()
	times map[wire.LoginKind]int
}

func parts(t testing.TB) []part {
	signer, sealer := keys.NewSigner(wire.Seed{1}), keys.NewSealer(wire.Seed{2})
	sig, to := signer.Sign("x", []byte("body")), sealer.Public()
	enc, _, err := keys.Encapsulate(&to, "x")
	if err != nil {
		t.Fatal(err)
	}
	server, err := newOpaque(hosts()["server"])
	if err != nil {
		t.Fatal(err)
	}
	_, ke1, err := opaque.StartLogin(rand.Reader, []byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	all := func(device, password, anonymous int) map[wire.LoginKind]int {
		return map[wire.LoginKind]int{
			wire.LoginKindDevice: device, wire.LoginKindPassword: password, wire.LoginKindAnonymous: anonymous,
		}
	}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return []part{
		{"verify", func() { check(keys.VerifyEd("x", signer.Public(), []byte("body"), &sig)) }, all(1, 1, 0)},
		{"decapsulate", func() { _, err := sealer.Decapsulate("x", &enc); check(err) }, all(1, 1, 1)},
		{"encapsulate", func() { _, _, err := keys.Encapsulate(&to, "x"); check(err) }, all(1, 1, 1)},
		{"opaque", func() {
			_, _, err := server.Respond(rand.Reader, nil, []byte("alice"), identities(wire.Realm{}, "alice"), nil, ke1)
			check(err)
		}, all(0, 1, 0)},
	}
}

// BenchmarkPrimitives are the parts that a login is made of.
func BenchmarkPrimitives(b *testing.B) {
	for _, p := range parts(b) {
		b.Run(p.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := spent(b)
			for b.Loop() {
				p.do()
			}
			b.ReportMetric(float64((spent(b)-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// Unknown user, unknown device, and attack 41: "the same time". A statistical look, which takes a
// minute: set SOTTO_TIMING to have it.
func TestTiming(t *testing.T) {
	if os.Getenv("SOTTO_TIMING") == "" {
		t.Skip("SOTTO_TIMING is not set")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := newWorld(t)

	// onB3 times a run's answer to a B3, whatever it is.
	onB3 := func(make func() []byte) func() time.Duration {
		return func() time.Duration {
			w.now = w.now.Add(time.Minute)
			b3, run := make(), w.begin()
			start := spent(t)
			run.Next(w.now, b3)
			return spent(t) - start
		}
	}
	// onB5 times what becomes of a proof that is wrong.
	onB5 := func(user, device string) func() time.Duration {
		return func() time.Duration {
			w.now = w.now.Add(time.Minute)
			c := w.byDevice(device, user)
			run, b4 := w.toB4(c)
			posing := *c.cfg.Device
			posing.Signer = keys.NewSigner(wire.Seed{7})
			c.cfg.Device = &posing
			b5 := w.next(c, b4)
			start := spent(t)
			run.Next(w.now, b5)
			return spent(t) - start
		}
	}
	changed := func(at int) func() []byte {
		return func() []byte {
			d := w.draft()
			d.head.Keys.Ct1[at] ^= 1
			d.solve()
			return d.seal()
		}
	}
	password := func(user string) func() []byte {
		return func() []byte { return w.b3(w.byPassword(user, "x")) }
	}
	byDevice := func(of, user string) func() []byte {
		return func() []byte { return w.b3(w.byDevice(of, user)) }
	}
	for name, pair := range map[string][2]func() time.Duration{
		"B3, password of an unknown user": {onB3(password("Alice")), onB3(password("Alicf"))},
		"B3, device of an unknown user":   {onB3(byDevice("Alice", "Alice")), onB3(byDevice("Alice", "Alicf"))},
		"B3, unknown device":              {onB3(byDevice("Alice", "Alice")), onB3(byDevice("Bob", "Alice"))},
		"B5, unknown user":                {onB5("Alice", "Alice"), onB5("Alicf", "Alice")},
		"B3, ct1 changed in either part":  {onB3(changed(5)), onB3(changed(1100))},
	} {
		t.Run(name, func(t *testing.T) {
			if differ(t, pair) {
				t.Error("they differ")
			}
		})
	}
	// It would be seen if one of the two did without its last operation.
	if !differ(t, [2]func() time.Duration{onB3(byDevice("Alice", "Alice")), onB3(changed(5))}) {
		t.Error("a B3 that is answered and one that isn't take the same time: this test sees nothing")
	}
}

// differ reports whether two take times that are more than a fiftieth apart: in three looks of
// three, and always the same is faster, since on a busy machine one look says little.
func differ(t *testing.T, pair [2]func() time.Duration) bool {
	t.Helper()
	slower := 0
	for range 3 {
		a, b := quartiles(pair)
		t.Logf("%v and %v", a, b)
		switch {
		case a-b > b/50:
			slower++
		case b-a > a/50:
			slower--
		}
	}
	return slower == 3 || slower == -3
}

// quartiles measures two by turns. What else the machine does makes things slower and never
// faster, so the lower quartile says more than the median.
func quartiles(pair [2]func() time.Duration) (a, b time.Duration) {
	const rounds = 600
	var times [2][]time.Duration
	for i := range 2 * rounds {
		which := (i + i/2) % 2 // takes turns at being first
		times[which] = append(times[which], pair[which]())
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	return times[0][rounds/4], times[1][rounds/4]
}
