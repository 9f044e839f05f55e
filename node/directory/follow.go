package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/wire"
)

// What a server's answers can be guilty of, besides ErrHead and a *ForkError. Each is an
// alarm, but ErrOvertaken.
var (
	ErrRollback = errors.New("the server showed a shorter log than before")
	ErrProof    = errors.New("the proof of the log does not hold")
	ErrLeaves   = errors.New("the server did not give the leaves that it was asked for")
	// ErrOvertaken says that the answer is to an old question. Ask again.
	ErrOvertaken = errors.New("the log has grown since this was asked")
)

// A LeafError says that the log holds an entry that it must not hold.
type LeafError struct {
	Leaf uint64
	Err  error // an *EntryError
}

func (e *LeafError) Error() string { return fmt.Sprintf("leaf %d of the log: %v", e.Leaf, e.Err) }
func (e *LeafError) Unwrap() error { return e.Err }

// maxWaiting is how many heads wait to be compared. They come one with each message, and
// asking for leaves ends the wait of all of them.
const maxWaiting = 64

// A Memory is what a client keeps of the leaves that it took.
type Memory interface {
	// Hashes gives hashes of the tree by their numbers in the order of tlog.
	Hashes(ctx context.Context, numbers []int64) ([]wire.Hash, error)
	// Entry gives the last entry of a user, whatever the case of his name's letters, or
	// nil if there is none.
	Entry(ctx context.Context, user string) ([]byte, error)
	// Retired reports whether one of these keys of devices, by their hashes, was
	// retired by an entry of a user, whatever the case of his name's letters.
	Retired(ctx context.Context, user string, hashes []wire.Hash) (bool, error)
}

// A Seen is how far a client knows the log. The zero value knows nothing.
type Seen struct {
	Leaves  uint64          // that were taken
	Head    wire.TreeHead   // the server's newest, which continues them
	Waiting []wire.TreeHead // others, signed too, to be compared when there are leaves enough
}

// caughtUp reports whether all leaves of the head were taken.
func (s *Seen) caughtUp() bool { return s.Leaves == s.Head.Leaves }

// heads gives all heads but those that the leaves have shown to be right.
func (s *Seen) heads() []wire.TreeHead {
	if s.caughtUp() {
		return s.Waiting
	}
	return append(slices.Clone(s.Waiting), s.Head)
}

// most is the number of leaves that the server has signed at least.
func (s *Seen) most() uint64 {
	most := max(s.Leaves, s.Head.Leaves)
	for _, h := range s.Waiting {
		most = max(most, h.Leaves)
	}
	return most
}

// A Follower follows one log for a client. It takes what the server and others say of
// the log, refuses what contradicts what it has seen, and says what is new in the rest. It
// does nothing by itself: what it has taken must be kept, all at once and durably,
// and then told to it with Keep, before anything else is asked of it. It is not safe
// for concurrent use.
type Follower struct {
	history wire.ServerHistory
	keys    []wire.ServerKey // the server's, the present one first
	own     Own
	made    map[wire.Hash]bool
	memory  Memory
	seen    Seen
}

// NewFollower goes on from what was seen. The history is one that keys.Follow has
// verified.
func NewFollower(history *wire.ServerHistory, own Own, memory Memory, seen Seen) *Follower {
	f := &Follower{own: own, made: make(map[wire.Hash]bool), memory: memory, seen: seen}
	f.SetHistory(history)
	return f
}

// SetHistory says that the server has other keys by now.
func (f *Follower) SetHistory(history *wire.ServerHistory) {
	f.history, f.keys = *history, ServerKeys(history)
}

// ServerKeys gives the keys of a history, the present one first.
func ServerKeys(history *wire.ServerHistory) []wire.ServerKey {
	all := []wire.ServerKey{history.First}
	for i := range history.Rotations {
		all = append(all, history.Rotations[i].Body.New)
	}
	slices.Reverse(all)
	return all
}

// Seen returns how far the log is known. It must not be changed.
func (f *Follower) Seen() Seen { return f.seen }

// Behind reports whether leaves should be asked for.
func (f *Follower) Behind() bool { return len(f.seen.heads()) > 0 }

// A Question remembers what was known when the server was asked, so that answers which
// cross other news are told from a log that went back.
type Question struct {
	From  uint64 // for B5Box.tree_size or LeavesRequest.from
	least uint64 // leaves that the answer's head must have
}

// Ask makes the next question.
func (f *Follower) Ask() Question { return Question{f.seen.Leaves, f.seen.most()} }

// An Update is what follows from something that a Follower took.
type Update struct {
	From    uint64 // leaves before
	Seen    Seen   // from then on
	Hashes  []wire.Hash
	Changes []Change // in the order of the log
}

// Keep goes on from an update that was kept.
func (f *Follower) Keep(u *Update) { f.seen = u.Seen }

// TakeHead takes the head of a B6.
func (f *Follower) TakeHead(ctx context.Context, q Question, head *wire.TreeHead, proof *wire.TreeProof) (*Update, error) {
	return f.take(ctx, q, head, proof, nil)
}

// TakeLeaves takes the answer to a LeavesRequest.
func (f *Follower) TakeLeaves(ctx context.Context, q Question, r *wire.LeavesReply) (*Update, error) {
	leaves := make([][]byte, len(r.Leaves))
	for i := range r.Leaves {
		leaves[i] = r.Leaves[i].Entry
	}
	u, err := f.take(ctx, q, &r.Head, &r.Proof, leaves)
	if err == nil && len(leaves) == 0 && !u.Seen.caughtUp() {
		return nil, ErrLeaves
	}
	return u, err
}

func (f *Follower) take(ctx context.Context, q Question, head *wire.TreeHead, proof *wire.TreeProof, leaves [][]byte) (*Update, error) {
	if q.From != f.seen.Leaves {
		return nil, ErrOvertaken
	}
	if err := VerifyHead(&f.keys[0], head); err != nil {
		return nil, err
	}
	if err := f.compareKnown(ctx, head); err != nil {
		return nil, err
	}
	next := Seen{Leaves: f.seen.Leaves + uint64(len(leaves)), Head: *head}
	switch {
	case head.Leaves < q.least:
		return nil, fmt.Errorf("%w: %d leaves after %d", ErrRollback, head.Leaves, q.least)
	case head.Leaves < f.seen.Head.Leaves: // nothing new, and ours must not go back
		return nil, ErrOvertaken
	case head.Leaves < next.Leaves:
		return nil, ErrLeaves
	}
	tree, err := grow(f.hashes(ctx), f.seen.Leaves, leaves)
	if err != nil {
		return nil, err
	}
	root, err := Root(next.Leaves, tree)
	if err != nil {
		return nil, err
	}
	if err := CheckTree(proof, next.Leaves, root, head.Leaves, head.Root); err != nil {
		return nil, fmt.Errorf("%w: from %d leaves to %d", err, next.Leaves, head.Leaves)
	}
	if next.Waiting, err = f.compareWaiting(&next, tree); err != nil {
		return nil, err
	}
	u := &Update{From: f.seen.Leaves, Seen: next}
	for _, h := range tree.more {
		u.Hashes = append(u.Hashes, wire.Hash(h))
	}
	if u.Changes, err = f.changes(ctx, leaves); err != nil {
		return nil, err
	}
	return u, nil
}

// hashes reads those of the leaves that were taken.
func (f *Follower) hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes, err := f.memory.Hashes(ctx, indexes)
		if err != nil {
			return nil, fmt.Errorf("hashes of the log: %w", err)
		}
		read := make([]tlog.Hash, len(hashes))
		for i, h := range hashes {
			read[i] = tlog.Hash(h)
		}
		return read, nil
	})
}

// changes checks the entries of new leaves, each against the one before it.
func (f *Follower) changes(ctx context.Context, leaves [][]byte) ([]Change, error) {
	var changes []Change
	latest := make(map[string]*Entry) // by folded name
	gone := make(retired)
	for i, b := range leaves {
		leaf := f.seen.Leaves + uint64(i)
		e, err := Stored(b)
		if err != nil {
			return nil, &LeafError{leaf, err}
		}
		before, err := f.latest(ctx, latest, e.User())
		if err != nil {
			return nil, err
		}
		if err := e.follows(f.keys[0].Realm, before); err != nil {
			return nil, &LeafError{leaf, err}
		}
		var broken *EntryError
		switch err := f.checkRevived(ctx, gone, before, e); {
		case errors.As(err, &broken):
			return nil, &LeafError{leaf, err}
		case err != nil:
			return nil, err
		}
		latest[fold(e)] = e
		c := f.change(leaf, before, e)
		gone[fold(e)] = append(gone[fold(e)], c.Retired...)
		changes = append(changes, c)
	}
	return changes, nil
}
