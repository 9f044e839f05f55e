package directory

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"sotto/wire"
)

// emptyRoot is the root of the tree without leaves.
var emptyRoot = wire.Hash(sha256.Sum256(nil))

// Root computes the root of the tree over the first size leaves.
func Root(size uint64, hashes tlog.HashReader) (wire.Hash, error) {
	if size > MaxLeaves {
		return wire.Hash{}, fmt.Errorf("root of %d leaves: too many", size)
	}
	root, err := tlog.TreeHash(int64(size), hashes)
	if err != nil {
		return wire.Hash{}, fmt.Errorf("root of %d leaves: %w", size, err)
	}
	return wire.Hash(root), nil
}

// ProveTree makes the proof that the tree of size leaves begins with that of from
// leaves.
func ProveTree(from, size uint64, hashes tlog.HashReader) (wire.TreeProof, error) {
	switch {
	case from > size || size > MaxLeaves:
		return wire.TreeProof{}, fmt.Errorf("prove that the log of %d leaves continues that of %d: it can't", size, from)
	case from == 0 || from == size:
		return wire.TreeProof{}, nil
	}
	proof, err := tlog.ProveTree(int64(size), int64(from), hashes)
	return toWire(proof), err
}

// CheckTree returns ErrProof unless the proof shows that the tree of size leaves begins
// with that of from leaves.
func CheckTree(proof *wire.TreeProof, from uint64, fromRoot wire.Hash, size uint64, root wire.Hash) error {
	switch {
	case from > size || size > MaxLeaves:
		return ErrProof
	case from == 0 || from == size:
		if len(proof.Hashes) > 0 || from == 0 && fromRoot != emptyRoot || from == size && fromRoot != root {
			return ErrProof
		}
		return nil
	}
	if tlog.CheckTree(fromWire(proof), int64(size), tlog.Hash(root), int64(from), tlog.Hash(fromRoot)) != nil {
		return ErrProof
	}
	return nil
}

// ProveLeaf makes the proof that an entry is leaf n, from 0, of the tree of size leaves.
func ProveLeaf(n, size uint64, hashes tlog.HashReader) (wire.TreeProof, error) {
	if n >= size || size > MaxLeaves {
		return wire.TreeProof{}, fmt.Errorf("prove leaf %d of %d: there is none", n, size)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(n), hashes)
	return toWire(proof), err
}

// CheckLeaf returns ErrProof unless the proof shows that the entry is leaf n of the tree.
func CheckLeaf(proof *wire.TreeProof, entry []byte, n, size uint64, root wire.Hash) error {
	if n >= size || size > MaxLeaves ||
		tlog.CheckRecord(fromWire(proof), int64(size), tlog.Hash(root), int64(n), tlog.RecordHash(entry)) != nil {
		return ErrProof
	}
	return nil
}

func toWire[P ~[]tlog.Hash](proof P) (p wire.TreeProof) {
	for _, h := range proof {
		p.Hashes = append(p.Hashes, wire.Hash(h))
	}
	return p
}

func fromWire(p *wire.TreeProof) (proof []tlog.Hash) {
	for _, h := range p.Hashes {
		proof = append(proof, tlog.Hash(h))
	}
	return proof
}

// A grown tree is one that is stored, and leaves behind it that are not.
type grown struct {
	stored tlog.HashReader
	count  int64       // of the stored hashes
	more   []tlog.Hash // those behind them
}

// grow adds leaves to a stored tree. It knows the tree's hashes by their numbers alone.
func grow(stored tlog.HashReader, size uint64, entries [][]byte) (*grown, error) {
	g := &grown{stored: stored, count: tlog.StoredHashCount(int64(size))}
	for i, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(size)+int64(i), entry, g)
		if err != nil {
			return nil, err
		}
		g.more = append(g.more, hashes...)
	}
	return g, nil
}

// ReadHashes implements tlog.HashReader.
func (g *grown) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var places []int
	var wanted []int64
	for i, n := range indexes {
		if n < g.count {
			places, wanted = append(places, i), append(wanted, n)
			continue
		}
		hashes[i] = g.more[n-g.count]
	}
	if len(wanted) == 0 {
		return hashes, nil
	}
	stored, err := g.stored.ReadHashes(wanted)
	if err != nil {
		return nil, err
	}
	for i, h := range stored {
		hashes[places[i]] = h
	}
	return hashes, nil
}
