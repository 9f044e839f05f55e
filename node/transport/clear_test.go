package transport

import (
	"bytes"
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"sotto/node/session"
)

// A secretive responder counts its runs, and those of them that were cleared.
type secretive struct {
	toyResponder
	begun, cleared atomic.Int32
}

func (r *secretive) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) Handshake {
	r.begun.Add(1)
	return &secretRun{toyRun: toyRun{toyResponder: r.toyResponder, conn: conn}, of: r}
}

type secretRun struct {
	toyRun
	of   *secretive
	over bool
}

func (r *secretRun) Next(now time.Time, msg []byte) ([]byte, *session.Secrets, error) {
	if r.over {
		panic("a run is used after it was cleared")
	}
	return r.toyRun.Next(now, msg)
}

func (r *secretRun) Clear() {
	if r.over {
		panic("a run is cleared twice")
	}
	r.over = true
	r.of.cleared.Add(1)
}

// A liar sends another message in place of M3.
type liar struct{ toyInitiator }

func (l *liar) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	reply, s, err := l.toyInitiator.Next(ctx, msg)
	return bytes.Replace(reply, []byte("M3"), []byte("M9"), 1), s, err
}

// A sleeper doesn't answer M4.
type sleeper struct{ toyInitiator }

func (l *sleeper) Next(ctx context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	if bytes.HasPrefix(msg, []byte("M4")) {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	return l.toyInitiator.Next(ctx, msg)
}

// "Clear is called when the run is given up": by its own error, when the peer doesn't go on,
// and when the endpoint ends while a worker has it. One that ended well isn't given up.
func TestGivenUpRunsAreCleared(t *testing.T) {
	for name, test := range map[string]struct {
		think time.Duration // of the responder
		play  func(t *testing.T, w *world)
		well  bool
	}{
		"ended well": {play: func(t *testing.T, w *world) { joined(t, w) }, well: true},
		"failed": {play: func(t *testing.T, w *world) {
			if _, err := w.client.Dial(t.Context(), serverAt, new(liar)); err == nil {
				t.Error("the dial succeeded")
			}
		}},
		"waited in vain": {play: func(t *testing.T, w *world) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*handshakeLimit)
			defer cancel()
			if _, err := w.client.Dial(ctx, serverAt, new(sleeper)); err == nil {
				t.Error("the dial succeeded")
			}
		}},
		"closed meanwhile": {think: 20 * time.Second, play: func(t *testing.T, w *world) {
			time.AfterFunc(5*time.Second, func() { w.server.Close() })
			if _, err := w.client.Dial(t.Context(), serverAt, new(toyInitiator)); err == nil {
				t.Error("the dial succeeded")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 1, quick, func(t *testing.T, w *world) {
				r := &secretive{toyResponder: toyResponder{size: 3500, think: test.think}}
				w.server.cfg.Responder = r
				test.play(t, w)
				time.Sleep(2 * handshakeLimit)
				want := r.begun.Load()
				if want == 0 {
					t.Fatal("no run began")
				}
				if test.well {
					want = 0
				}
				if got := r.cleared.Load(); got != want {
					t.Errorf("%d of %d runs were cleared, want %d", got, r.begun.Load(), want)
				}
			})
		})
	}
}
