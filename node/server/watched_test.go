package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sotto/node/store"
)

// answers is a store that answers one thing after the other.
type answers struct {
	store.Engine
	next error
}

func (a *answers) Do(context.Context, store.Op) (store.Result, error) { return store.Result{}, a.next }

// A disk that is full is said in the log at once, then once a minute, and its end
// when nothing has failed for a minute. What is wrong with one change only is not.
func TestStoreFailuresAreLogged(t *testing.T) {
	var text bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	a := &answers{}
	w := &watched{Engine: a, clock: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&text, nil))}
	full := fmt.Errorf("store: %w: %w", store.ErrUnavailable, errors.New("disk is full"))
	for i, step := range []struct {
		after time.Duration
		err   error
		want  string // in the one line that is logged; none if empty
	}{
		{0, nil, ""},
		{time.Second, store.ErrFull, ""},
		{time.Second, full, "level=ERROR msg=\"the state cannot be written; messages and logins are refused until it can\" why=\"store: state unavailable: disk is full\""},
		{time.Second, full, ""},
		{time.Second, nil, ""}, // a small change had room
		{time.Second, full, ""},
		{time.Minute, full, "level=ERROR"},
		{59 * time.Second, nil, ""},
		{time.Second, store.ErrConflict, ""},
		{time.Second, nil, "level=INFO msg=\"the state is written again\""},
		{time.Hour, nil, ""},
		{time.Second, full, "level=ERROR"},
	} {
		text.Reset()
		now = now.Add(step.after)
		a.next = step.err
		if _, err := w.Do(t.Context(), store.Op{}); err != step.err {
			t.Errorf("step %d: error = %v, want that of the store", i, err)
		}
		got := text.String()
		if (got == "") != (step.want == "") || !strings.Contains(got, step.want) || strings.Count(got, "\n") > 1 {
			t.Errorf("step %d: logged %q, want %q", i, got, step.want)
		}
	}
}
