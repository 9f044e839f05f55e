package store

import (
	"context"

	"sotto/wire"
)

// A sequencer puts batches of operations in order and makes them durable. A
// batch is the bytes of a wire.StoreBatch.
type sequencer interface {
	// Submit gives the batch the next position and returns when it can't be
	// lost any more. After an error the outcome is unknown.
	Submit(ctx context.Context, batch []byte) (pos uint64, err error)
	// Follow calls apply for each batch after the position, in order, from
	// whomever it came.
	Follow(from uint64, apply func(pos uint64, batch []byte) error) error
}

// local is the sequencer of a server that stands alone. Its log is the
// journal of the database itself: a batch is durable when the transaction
// that applies it is, and one whose transaction failed has no position.
type local struct {
	last  uint64
	apply func(pos uint64, batch []byte) error
}

func (l *local) Follow(from uint64, apply func(pos uint64, batch []byte) error) error {
	l.last, l.apply = from, apply
	return nil
}

func (l *local) Submit(_ context.Context, batch []byte) (uint64, error) {
	if err := l.apply(l.last+1, batch); err != nil {
		return 0, err
	}
	l.last++
	return l.last, nil
}

// batchOf writes operations down as one batch.
func batchOf(ops []*waiting) ([]byte, error) {
	batch := wire.StoreBatch{Ops: make([]wire.StoreOpBytes, len(ops))}
	for i, w := range ops {
		batch.Ops[i] = w.op
	}
	return batch.MarshalBinary()
}
