package directory

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/keys"
	"sotto/wire"
)

// A ForkError says that the server has signed two logs, and proves it to anybody.
type ForkError struct {
	Evidence *wire.ForkEvidence
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("the server has signed two logs, of %d and %d leaves, of which neither continues the other",
		e.Evidence.Then.Leaves, e.Evidence.Now.Leaves)
}

// ErrTooMany says that too many heads wait to be compared. Ask for leaves.
var ErrTooMany = errors.New("too many heads of the log wait to be compared")

// Hear takes a head that somebody has shown: in a message, or the server in a push. If
// it doesn't fit to what the server has shown us, the error is a *ForkError. If it has more
// leaves than were taken, it waits until they are; that must be kept. Where there is
// nothing to keep the update is nil.
func (f *Follower) Hear(ctx context.Context, head *wire.TreeHead) (*Update, error) {
	if *head == f.seen.Head {
		return nil, nil
	}
	if head.Leaves <= f.seen.Leaves {
		root, err := Root(head.Leaves, f.hashes(ctx))
		if err != nil {
			return nil, err
		}
		if root == head.Root { // whoever signed it
			return nil, nil
		}
	}
	if err := verifyAny(f.keys, head); err != nil {
		return nil, err
	}
	if f.tooLate(head) {
		return nil, ErrHead
	}
	for _, known := range f.seen.heads() {
		if known.Leaves == head.Leaves && known.Root == head.Root {
			return nil, nil
		}
	}
	if err := f.compareKnown(ctx, head); err != nil {
		return nil, err
	}
	if len(f.seen.Waiting) >= maxWaiting {
		return nil, ErrTooMany
	}
	next := f.seen
	next.Waiting = append(f.seen.Waiting[:len(f.seen.Waiting):len(f.seen.Waiting)], *head)
	return &Update{From: f.seen.Leaves, Seen: next}, nil
}

// verifyAny checks a head under any of a server's keys: a message may have waited
// while they changed.
func verifyAny(server []wire.ServerKey, head *wire.TreeHead) error {
	for i := range server {
		if VerifyHead(&server[i], head) == nil {
			return nil
		}
	}
	return ErrHead
}

// tooLate reports whether a head is signed by a former key of the server's and has more
// leaves than the present one has signed. The server signed all with its former key before:
// whoever has stolen that key could name any number of leaves, and have us wait for them for ever.
func (f *Follower) tooLate(head *wire.TreeHead) bool {
	return head.Leaves > f.seen.Head.Leaves &&
		VerifyHead(&f.keys[0], head) != nil && VerifyHead(&f.keys[0], &f.seen.Head) == nil
}

// compareKnown compares a signed head with what is known already: heads of the same
// size, and the leaves that were taken if a signed head ends with the last of them.
func (f *Follower) compareKnown(ctx context.Context, head *wire.TreeHead) error {
	for _, known := range f.seen.heads() {
		if known.Leaves == head.Leaves && known.Root != head.Root {
			return f.fork(known, *head, head.Root, wire.TreeProof{})
		}
	}
	if head.Leaves > f.seen.Leaves || !f.seen.caughtUp() {
		return nil
	}
	return f.compare(*head, f.seen.Head, f.hashes(ctx))
}

// compareWaiting compares the heads that waited with a tree that has grown, once it has
// all leaves of a signed head: with less nothing could be proved. It returns those
// that go on waiting.
func (f *Follower) compareWaiting(next *Seen, tree tlog.HashReader) (rest []wire.TreeHead, err error) {
	for _, h := range f.seen.heads() {
		switch {
		case h.Leaves == next.Head.Leaves: // compared, and equal
		case h.Leaves > next.Leaves || !next.caughtUp():
			// The server shows one with each answer. If it goes on for ever, so don't we:
			// those of messages come first here, and none is as large as the newest.
			if len(rest) < 2*maxWaiting {
				rest = append(rest, h)
			}
		default:
			if err := f.compare(h, next.Head, tree); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// compare compares a head with the tree of a later one.
func (f *Follower) compare(then, now wire.TreeHead, tree tlog.HashReader) error {
	was, err := Root(then.Leaves, tree)
	if err != nil || was == then.Root {
		return err
	}
	proof, err := ProveTree(then.Leaves, now.Leaves, tree)
	if err != nil {
		return err
	}
	return f.fork(then, now, was, proof)
}

func (f *Follower) fork(then, now wire.TreeHead, was wire.Hash, proof wire.TreeProof) error {
	return &ForkError{&wire.ForkEvidence{History: f.history, Then: then, Now: now, Was: was, Proof: proof}}
}

// CheckEvidence returns nil if the evidence convicts the server one of whose keys is
// pinned: it has signed two heads of which neither continues the other.
func CheckEvidence(pinned wire.KeyId, e *wire.ForkEvidence) error {
	if _, _, err := keys.Follow(&e.History, pinned); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	server := ServerKeys(&e.History)
	for _, head := range []*wire.TreeHead{&e.Then, &e.Now} {
		if err := verifyAny(server, head); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
	}
	if e.Then.Leaves == 0 || e.Was == e.Then.Root {
		return errors.New("evidence: the heads go together")
	}
	if err := CheckTree(&e.Proof, e.Then.Leaves, e.Was, e.Now.Leaves, e.Now.Root); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}
