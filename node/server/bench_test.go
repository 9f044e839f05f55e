package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"sotto/wire"
)

// generous lets a benchmark ask for as much as it can.
var generous = Limits{
	Sends: Rate{1e9, 1e9}, SendBytes: Rate{1e12, 1e12}, DailySends: Rate{1e9, 1e9}, Locates: Rate{1e9, 1e9}, Lists: Rate{1e9, 1e9},
	RequestsPerSession: 64,
}

// BenchmarkLogin is a whole login with the client's work, puzzle included, in
// the same process: as users usually log in, which is with a device in the
// default tier, and by password. The stretching of the password is the tests'
// cheap one.
func BenchmarkLogin(b *testing.B) {
	for tier, newWorld := range map[string]func(testing.TB, Limits, ...string) *world{"default": newWorld, "classic": newClassicWorld} {
		b.Run(tier, func(b *testing.B) {
			w := newWorld(b, Limits{})
			b.Run("usual", func(b *testing.B) {
				w.benchmarkLogins(b, func() login { return w.tier.login(w, "Alice") })
			})
			b.Run("password", func(b *testing.B) {
				w.benchmarkLogins(b, func() login { return w.tier.byPassword(w, "Alice", "Alice") })
			})
		})
	}
}

func (w *world) benchmarkLogins(b *testing.B, l func() login) {
	for b.Loop() {
		v, err := w.dial("Alice", l())
		if err != nil {
			b.Fatal(err)
		}
		v.login.Clear()
		v.leave()
		v.endpoint.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}

// BenchmarkRelay is a message through the server: stored on disk, answered,
// pushed to its recipient, acknowledged by him in groups. So many are on their
// way at a time.
func BenchmarkRelay(b *testing.B) {
	for _, atOnce := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("at_once=%d", atOnce), func(b *testing.B) {
			w := newWorld(b, generous)
			alice, bob := w.enter("Alice", 0), w.enter("Bob", 0)
			text := strings.Repeat("x", 1300) // what 64 bytes of text are, sealed
			go func() {                       // receipts
				for range alice.pushes {
				}
			}()
			tokens := make(chan uint64, atOnce)
			go func() {
				for i := range uint64(b.N) {
					tokens <- i
				}
				close(tokens)
			}()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range atOnce {
				wg.Go(func() {
					for i := range tokens {
						id := wire.MessageId{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
						_, err := alice.ask(&wire.Request{Type: wire.RequestTypeSend, Send: wire.SendRequest{
							To: "Bob", Id: id, Envelope: []byte(text),
						}})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			for got := 0; got < b.N; {
				p := bob.next(wire.PushTypeDeliver)
				if got++; got%50 == 0 || got == b.N {
					bob.ack(p.Deliver.Seq)
				}
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkList is a request and its reply without any disk.
func BenchmarkList(b *testing.B) {
	w := newWorld(b, generous)
	alice := w.enter("Alice", 0)
	for b.Loop() {
		if _, err := alice.ask(&wire.Request{Type: wire.RequestTypeList}); err != nil {
			b.Fatal(err)
		}
	}
}
