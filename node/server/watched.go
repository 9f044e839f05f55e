package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sotto/node/store"
)

// sayAgain is how often the log says that the state still can't be written, and
// how long it must have gone well before the log says that it can.
const sayAgain = time.Minute

// A watched store says in the log when the state can't be written. Nobody else
// hears of it: a client is told that its message is not taken, and one that
// logs in is told nothing.
type watched struct {
	store.Engine
	clock func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	failed time.Time // the latest failure; zero if all is well
	said   time.Time // when the log last said so
}

func (w *watched) Do(ctx context.Context, op store.Op) (store.Result, error) {
	res, err := w.Engine.Do(ctx, op)
	w.note(w.clock(), err)
	return res, err
}

// note takes what came of one change. A small one may go well on a disk that
// has no room for large ones, so one success ends no failure.
func (w *watched) note(now time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(err, store.ErrUnavailable):
		w.failed = now
		if now.Sub(w.said) >= sayAgain {
			w.said = now
			w.log.Error("the state cannot be written; messages and logins are refused until it can", "why", err)
		}
	case err == nil && !w.failed.IsZero() && now.Sub(w.failed) >= sayAgain:
		w.failed, w.said = time.Time{}, time.Time{}
		w.log.Info("the state is written again")
	}
}
