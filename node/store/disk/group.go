package disk

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed says that a Group takes nothing more.
var ErrClosed = errors.New("closed")

// A Group collects what many callers want done and hands it to one commit at
// a time. A flush to the disk costs the same for one change as for a hundred,
// so those that arrive during a commit wait together for the next.
type Group[T any] struct {
	in     chan T
	done   chan struct{}
	mu     sync.RWMutex // held for reading while adding
	closed bool
}

// NewGroup starts a group. commit gets at least one item and at most max, in
// the order of arrival, and stops earlier when their weights reach heavy.
func NewGroup[T any](max, heavy int, weight func(T) int, commit func([]T)) *Group[T] {
	g := &Group[T]{in: make(chan T, max), done: make(chan struct{})}
	go func() {
		defer close(g.done)
		var batch []T
		for first := range g.in {
			batch = append(batch[:0], first)
			load := weight(first)
		more:
			for len(batch) < max && load < heavy {
				select {
				case next, ok := <-g.in:
					if !ok {
						break more
					}
					batch = append(batch, next)
					load += weight(next)
				default:
					break more
				}
			}
			commit(batch)
			clear(batch) // a waiting batch must not keep what it carried
		}
	}()
	return g
}

// Add hands an item to a later commit and does not wait for that. After an
// error, ErrClosed or the context's, it was certainly not taken.
func (g *Group[T]) Add(ctx context.Context, item T) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g.in <- item:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close commits what was taken and stops.
func (g *Group[T]) Close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.in)
	}
	g.mu.Unlock()
	<-g.done
}
