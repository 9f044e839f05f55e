package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"sotto/node/store/disk"
	"sotto/wire"
)

const (
	batchOps   = 128     // operations in one transaction
	batchBytes = 4 << 20 // a batch takes no further operation from here on
)

// A Store is the Engine of one node. Its state lies in state.db in a private
// folder.
type Store struct {
	folder  *disk.Folder
	db      *disk.Database
	read    reads
	log     sequencer
	group   *disk.Group[*waiting]
	pushes  attachments
	applied atomic.Uint64 // position of the last batch in the database
	failure atomic.Pointer[error]

	closing  sync.Once
	closeErr error

	// results of the last batch applied, by its position. Only the committer
	// and what it calls use it.
	results map[uint64][]outcome
}

var _ Engine = (*Store)(nil)

// waiting is an operation whose caller waits for the outcome.
type waiting struct {
	op   []byte
	done chan outcome // has room for the one outcome
}

type outcome struct {
	res Result
	err error
}

// Open opens the state in a folder and makes it at first use. It fails with a
// *disk.LockedError when another server has it open, a *disk.InsecureError
// when others may look into it, and a *disk.NewerError when a newer version
// wrote it.
func Open(dir string) (*Store, error) {
	folder, err := disk.OpenFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("server state: %w", err)
	}
	s, err := open(folder, new(local))
	if err != nil {
		folder.Close()
		return nil, fmt.Errorf("server state: %w", err)
	}
	return s, nil
}

func open(folder *disk.Folder, log sequencer) (*Store, error) {
	left, _ := filepath.Glob(folder.Path(snapshotName("*")))
	for _, path := range left { // of a process that died
		os.Remove(path)
	}
	db, err := folder.Database("state.db", schema)
	if err != nil {
		return nil, err
	}
	s := &Store{folder: folder, db: db, log: log, results: map[uint64][]outcome{}}
	s.pushes.read = s.Read
	if err := s.read.prepare(db.Read); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	var pos int64
	if err := db.Write.Row("SELECT pos FROM state WHERE one = ?", 1).Scan(&pos); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.applied.Store(uint64(pos))
	if err := log.Follow(uint64(pos), s.applyBatch); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.group = disk.NewGroup(batchOps, batchBytes, func(w *waiting) int { return len(w.op) }, s.commit)
	return s, nil
}

// Do implements Engine.
func (s *Store) Do(ctx context.Context, op Op) (Result, error) {
	b, err := op.encode()
	if err != nil {
		return Result{}, err
	}
	w := &waiting{b, make(chan outcome, 1)}
	switch err := s.group.Add(ctx, w); {
	case errors.Is(err, disk.ErrClosed):
		return Result{}, ErrClosed
	case err != nil:
		return Result{}, fmt.Errorf("store: %w: %w", ErrOverload, err)
	}
	select {
	case out := <-w.done:
		return out.res, out.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("store: %w: %w", ErrUnavailable, ctx.Err())
	}
}

// commit brings a group of operations into the log and says to their callers
// what came of them.
func (s *Store) commit(ops []*waiting) {
	results, err := s.submit(ops)
	if err != nil {
		err = fmt.Errorf("store: %w: %w", ErrUnavailable, err)
		s.failure.Store(&err)
		for _, w := range ops {
			w.done <- outcome{err: err}
		}
		return
	}
	s.failure.Store(nil)
	for i, w := range ops {
		w.done <- results[i]
	}
}

func (s *Store) submit(ops []*waiting) ([]outcome, error) {
	batch, err := batchOf(ops)
	if err != nil {
		return nil, err
	}
	pos, err := s.log.Submit(context.Background(), batch)
	if err != nil {
		return nil, err
	}
	results := s.results[pos]
	clear(s.results)
	return results, nil
}

// applyBatch applies a batch in one transaction. A batch that is in the
// database already is passed over. An error leaves the database as it was.
func (s *Store) applyBatch(pos uint64, b []byte) error {
	if pos <= s.applied.Load() {
		return nil
	}
	var batch wire.StoreBatch
	if _, err := batch.Decode(b); err != nil {
		return fmt.Errorf("batch %d: %w", pos, err)
	}
	t := tx{db: s.db.Write, added: map[Mailbox]bool{}}
	results := make([]outcome, len(batch.Ops))
	err := t.db.Transact(func() error {
		for i, op := range batch.Ops {
			res, err := t.apply(op)
			if _, refused := errors.AsType[*refusal](err); err != nil && !refused {
				return err
			}
			results[i] = outcome{res, err}
		}
		_, err := t.db.Exec("UPDATE state SET pos = ? WHERE one = 1", int64(pos))
		return err
	})
	if err != nil {
		return err
	}
	s.applied.Store(pos)
	s.results[pos] = results
	s.pushes.wake(t.added)
	return nil
}

// Attach implements Engine.
func (s *Store) Attach(mb Mailbox, after Seq, push func(Stored)) (detach func()) {
	return s.pushes.attach(mb, after, push)
}

// Present implements Engine.
func (s *Store) Present(mb Mailbox) bool { return s.pushes.present(mb) }

// Health implements Engine.
func (s *Store) Health() Health {
	h := Health{Role: "local", Position: s.applied.Load()}
	if err := s.failure.Load(); err != nil {
		h.Err = *err
	}
	return h
}

// Close implements Engine.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.group.Close()
		s.pushes.close()
		s.closeErr = errors.Join(s.db.Close(), s.folder.Close())
	})
	return s.closeErr
}
