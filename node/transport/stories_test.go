package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/node/simnet"
)

var quick = simnet.Link{Delay: 10 * time.Millisecond}

// duplex opens a stream and accepts it at the other end.
func duplex(t *testing.T, a, b *Conn) (here, there *Stream) {
	t.Helper()
	here, err := a.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if there, err = b.AcceptStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	return here, there
}

// joined is the two ends of a new connection.
func joined(t *testing.T, w *world) (dialled, accepted *Conn) {
	t.Helper()
	dialled = w.dial(t)
	accepted, err := w.server.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func TestCloseReachesThePeer(t *testing.T) {
	for _, link := range []simnet.Link{quick, {Delay: 10 * time.Millisecond, Loss: 0.3}} {
		simulate(t, 5, link, func(t *testing.T, w *world) {
			a, b := joined(t, w)
			here, there := duplex(t, a, b)
			a.CloseWithCode(7, "good night")
			var closed *LocalClosed
			if _, err := here.Write([]byte("x")); !errors.As(err, &closed) || closed.Code != 7 {
				t.Errorf("write after close: got %v, want LocalClosed with code 7", err)
			}
			<-b.Done()
			var peer *PeerClosed
			if !errors.As(b.Err(), &peer) || peer.Code != 7 || peer.Reason != "good night" {
				t.Errorf("got %v, want PeerClosed with code 7", b.Err())
			}
			if _, err := there.Read(make([]byte, 1)); !errors.As(err, &peer) {
				t.Errorf("read: got %v, want PeerClosed", err)
			}
			if _, err := b.AcceptStream(t.Context()); !errors.As(err, &peer) {
				t.Errorf("accept: got %v, want PeerClosed", err)
			}
			time.Sleep(10 * time.Second)
			if n := len(w.server.conns.all()) + len(w.client.conns.all()); n != 0 {
				t.Errorf("%d connections still in the tables", n)
			}
		})
	}
}

func TestIdleTimeout(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		began := time.Now()
		<-a.Done()
		<-b.Done()
		if a.Err() != ErrIdle || b.Err() != ErrIdle {
			t.Errorf("got %v and %v, want ErrIdle", a.Err(), b.Err())
		}
		if took := time.Since(began); took < defaultIdle || took > defaultIdle+2*time.Second {
			t.Errorf("idle after %v, want %v", took, defaultIdle)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.1}, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		a.SetKeepAlive(25 * time.Second)
		r := record(w.net)
		time.Sleep(3 * time.Hour)
		if a.Err() != nil || b.Err() != nil {
			t.Fatalf("got %v and %v, want a living connection", a.Err(), b.Err())
		}
		// A sign of life and its acknowledgement, and little for what gets lost.
		if n := len(r.to(serverAt)); n < 3*3600/25/2 || n > 3*3600/25*2 {
			t.Errorf("%d packets in 3 hours, want about %d", n, 3*3600/25)
		}
	})
}

func TestStreamResetAndStop(t *testing.T) {
	simulate(t, 2, simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.1}, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		here, there := duplex(t, a, b)
		here.Write([]byte("some"))
		here.Reset(5)
		var reset *StreamReset
		if _, err := io.ReadAll(there); !errors.As(err, &reset) || reset.Code != 5 {
			t.Errorf("read: got %v, want StreamReset with code 5", err)
		}
		if _, err := here.Write([]byte("x")); err != ErrStreamClosed {
			t.Errorf("write after reset: got %v, want ErrStreamClosed", err)
		}
		// The other direction goes on.
		there.Write([]byte("still here"))
		there.Close()
		if got, err := io.ReadAll(here); string(got) != "still here" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}

		here, there = duplex(t, a, b)
		there.Stop(6)
		if _, err := there.Read(make([]byte, 1)); err != ErrStreamClosed {
			t.Errorf("read after stop: got %v, want ErrStreamClosed", err)
		}
		var stopped *StreamStopped
		for {
			if _, err := here.Write(make([]byte, 1000)); err != nil {
				if !errors.As(err, &stopped) || stopped.Code != 6 {
					t.Errorf("write: got %v, want StreamStopped with code 6", err)
				}
				break
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// A stream that nobody reads holds up neither the others nor itself for ever.
func TestUnreadStreamDoesNotBlockOthers(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		here, _ := duplex(t, a, b)
		w.wg.Go(func() { here.Write(make([]byte, 1<<20)) })
		time.Sleep(time.Second)
		w.wg.Go(func() { echo(b) })
		transfer(t, a, 500_000, 10*time.Second)
		// Stopping it gives its credit back.
		for i := range 5 {
			s, err := a.OpenStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.Write(make([]byte, 200_000))
			s.Reset(0)
			s.Stop(0)
			_ = i
		}
		transfer(t, a, 3<<20, 30*time.Second)
		a.CloseWithCode(0, "")
		<-b.Done()
	})
}

func TestDeadlines(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		here, there := duplex(t, a, b)
		began := time.Now()
		here.SetReadDeadline(began.Add(3 * time.Second))
		_, err := here.Read(make([]byte, 1))
		var timeout interface{ Timeout() bool }
		if err != ErrDeadline || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != 3*time.Second {
			t.Errorf("read: got %v after %v, want ErrDeadline after 3s", err, time.Since(began))
		}
		// A deadline set while somebody waits.
		here.SetReadDeadline(time.Time{})
		w.wg.Go(func() {
			time.Sleep(time.Second)
			here.SetReadDeadline(time.Now())
		})
		if _, err := here.Read(make([]byte, 1)); err != ErrDeadline {
			t.Errorf("read: got %v, want ErrDeadline", err)
		}
		here.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := here.Write(make([]byte, 4<<20)); err != ErrDeadline || n == 0 || n == 4<<20 {
			t.Errorf("write: got %d, %v; want a part and ErrDeadline", n, err)
		}
		there.Stop(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.AcceptStream(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("accept: got %v, want the context's error", err)
		}
	})
}

// The interop runner's multiplexing: 2,000 streams of 32 bytes, 128 at a time.
func TestMultiplexing(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 25 * 1250, Loss: 0.01}, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		var wg sync.WaitGroup
		failed := make(chan error, 2000)
		began := time.Now()
		for i := range 2000 {
			wg.Go(func() {
				b := random(32, uint64(i))
				if got, err := roundTrip(t.Context(), c, b); err != nil || !bytes.Equal(got, b) {
					failed <- err
				}
			})
		}
		wg.Wait()
		if len(failed) > 0 {
			t.Fatalf("%d of 2000 streams failed: %v", len(failed), <-failed)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := len(c.st.streams.byID); n != 0 {
			t.Errorf("%d streams not forgotten", n)
		}
	})
}

// A small message doesn't wait for a file that goes the same way.
func TestSmallMessageOvertakesBulk(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 50_000}, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		w.wg.Go(func() { roundTrip(t.Context(), c, make([]byte, 5<<20)) })
		time.Sleep(2 * time.Second)
		worst := time.Duration(0)
		for range 20 {
			worst = max(worst, transfer(t, c, 100, 10*time.Second))
		}
		// 30 ms, the queue of 40 ms each way, and a packet or two.
		if worst > 200*time.Millisecond {
			t.Errorf("a small message took %v beside a file", worst)
		}
		c.CloseWithCode(0, "")
	})
}

// Nor does an unreliable one: whoever types beside a file is seen typing.
func TestUnreliableMessagesBesideBulk(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 15 * time.Millisecond, Rate: 1_250_000, Queue: 50_000}, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		here, there := duplex(t, a, b)
		w.wg.Go(func() { io.Copy(io.Discard, there) })
		w.wg.Go(func() { here.Write(make([]byte, 10<<20)) })
		time.Sleep(2 * time.Second)
		for range 20 {
			began := time.Now()
			if err := a.SendDatagram(make([]byte, maxDatagram)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.ReceiveDatagram(t.Context()); err != nil {
				t.Fatal(err)
			}
			// 15 ms, the queue of 40 ms, and a packet or two.
			if took := time.Since(began); took > 80*time.Millisecond {
				t.Errorf("a message took %v beside a file", took)
			}
		}
		a.CloseWithCode(0, "")
		<-b.Done()
	})
}

func TestKeyUpdate(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.02, Reorder: 0.1, ReorderBy: 20 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve()
		c := w.dial(t)
		w.client.cfg.IdleTimeout = time.Hour
		updates := 0
		for range 20 {
			transfer(t, c, 100_000, time.Minute)
			time.Sleep(time.Second)
			c.mu.Lock()
			before := c.st.keys.Phase()
			c.st.update(c.end.clock.now())
			if c.st.keys.Phase() != before {
				updates++
			}
			c.mu.Unlock()
		}
		if updates < 15 {
			t.Errorf("%d key updates of 20 asked for", updates)
		}
		if f := w.server.Counters().Forged + w.client.Counters().Forged; f != 0 {
			t.Errorf("%d genuine packets didn't open", f)
		}
	})
}

func TestUnreliableMessages(t *testing.T) {
	simulate(t, 1, simnet.Link{Delay: 10 * time.Millisecond, Loss: 0.2}, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		got := 0
		w.wg.Go(func() {
			for {
				if _, err := b.ReceiveDatagram(context.Background()); err != nil {
					return
				}
				got++
			}
		})
		for range 200 {
			if err := a.SendDatagram(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := a.SendDatagram(make([]byte, 2000)); err != ErrTooLong {
			t.Errorf("got %v, want ErrTooLong", err)
		}
		time.Sleep(time.Second)
		a.CloseWithCode(0, "")
		<-b.Done()
		if got < 120 || got == 200 {
			t.Errorf("%d of 200 messages arrived at 20%% loss, want most but not all", got)
		}
	})
}

func TestBacklogIsBounded(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		for range defaultBacklog {
			w.dial(t)
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if c, err := w.client.Dial(ctx, serverAt, &toyInitiator{}); err == nil {
			t.Errorf("another connection was admitted: %v", c.Err())
		}
		// As soon as somebody accepts, there is room again.
		if _, err := w.server.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.dial(t)
	})
}

func TestEndpointClose(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		a, b := joined(t, w)
		here, _ := duplex(t, a, b)
		failed := make(chan error, 3)
		w.wg.Go(func() { _, err := here.Read(make([]byte, 1)); failed <- err })
		w.wg.Go(func() { _, err := a.AcceptStream(context.Background()); failed <- err })
		w.wg.Go(func() { _, err := w.client.Accept(context.Background()); failed <- err })
		time.Sleep(time.Second)
		if err := w.client.Close(); err != nil {
			t.Error(err)
		}
		for range 3 {
			var closed *LocalClosed
			if err := <-failed; err != ErrEndpointClosed && !errors.As(err, &closed) {
				t.Errorf("got %v, want ErrEndpointClosed or LocalClosed", err)
			}
		}
		if _, err := w.client.Dial(t.Context(), serverAt, &toyInitiator{}); !errors.Is(err, ErrEndpointClosed) {
			t.Errorf("dial: got %v, want ErrEndpointClosed", err)
		}
		<-b.Done()
		var peer *PeerClosed
		if !errors.As(b.Err(), &peer) || peer.Code != CodeEndpoint {
			t.Errorf("got %v, want PeerClosed with CodeEndpoint", b.Err())
		}
	})
}

func TestDialGivenUp(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		// A context that ends in the middle.
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
		defer cancel()
		if _, err := w.client.Dial(ctx, serverAt, &toyInitiator{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		// A handshake that fails by itself.
		if _, err := w.client.Dial(t.Context(), serverAt, &failing{}); !errors.Is(err, errToy) {
			t.Errorf("got %v, want the initiator's error", err)
		}
		// A responder that stops in the middle: M3 is refused without a word.
		began := time.Now()
		_, err := w.client.Dial(t.Context(), serverAt, &toyInitiator{step: 1})
		if !errors.Is(err, ErrHandshake) || time.Since(began) < 10*time.Second {
			t.Errorf("got %v after %v, want ErrHandshake", err, time.Since(began))
		}
		if n := len(w.client.conns.all()); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

type failing struct{ toyInitiator }

func (failing) First() ([]byte, error) { return nil, errToy }

// Two endpoints that dial each other at the same time, each on its one socket.
func TestBothDial(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		w.client.cfg.Responder = toyResponder{}
		var wg sync.WaitGroup
		for _, d := range []struct {
			e  *Endpoint
			to netip.AddrPort
		}{{w.client, serverAt}, {w.server, clientAt}} {
			wg.Go(func() {
				c, err := d.e.Dial(t.Context(), d.to, &toyInitiator{oneWay: true})
				if err != nil {
					t.Error(err)
					return
				}
				if s, err := c.OpenStream(t.Context()); err == nil {
					s.Write([]byte("hi"))
				}
			})
			wg.Go(func() {
				c, err := d.e.Accept(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				s, err := c.AcceptStream(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, 2)
				if _, err := io.ReadFull(s, got); err != nil || string(got) != "hi" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		wg.Wait()
	})
}

// "No goroutine, channel or runtime timer per connection."
func TestConnsOwnNoGoroutine(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		w.wg.Go(func() {
			for {
				if _, err := w.server.Accept(context.Background()); err != nil {
					return
				}
			}
		})
		w.dial(t)
		time.Sleep(time.Second)
		before := runtime.NumGoroutine()
		const conns, others = 500, 10 // the runtime and other tests come and go
		for range conns {
			w.dial(t)
		}
		time.Sleep(time.Second)
		if after := runtime.NumGoroutine(); after > before+others {
			buf := make([]byte, 1<<16)
			t.Errorf("%d connections have %d goroutines:\n%s", conns, after-before, strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
		}
	})
}

// A puzzle may take longer than any time limit of the handshake.
func TestSlowInitiator(t *testing.T) {
	simulate(t, 1, quick, func(t *testing.T, w *world) {
		w.serve()
		// The responder has long given up its run when this one has its keys.
		c, err := w.client.Dial(t.Context(), serverAt, &toyInitiator{oneWay: true, think: 5 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if c.Err() != ErrReset {
			t.Errorf("got %v, want ErrReset", c.Err())
		}
		if n := len(w.server.conns.all()); n != 0 {
			t.Errorf("%d half-open connections left", n)
		}
		w.dial(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if c, err = w.client.Dial(ctx, serverAt, &toyInitiator{think: 25 * time.Second}); err != nil {
			t.Errorf("thinking for 25 s a message: %v", err)
		}
	})
}

// Close doesn't wait for somebody who dials, and nobody dials for ever.
func TestCloseWhileDialling(t *testing.T) {
	for wait := range 30 {
		simulate(t, uint64(wait), quick, func(t *testing.T, w *world) {
			w.serve()
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 5 * time.Millisecond)
					c, err := w.client.Dial(context.Background(), serverAt, &toyInitiator{think: time.Duration(i%3) * 20 * time.Millisecond})
					if err == nil {
						<-c.Done()
					}
				})
			}
			time.Sleep(time.Duration(wait) * 3 * time.Millisecond)
			w.client.Close()
			wg.Wait()
			if n := len(w.client.conns.all()); n != 0 {
				t.Errorf("%d connections left after Close", n)
			}
		})
	}
}
