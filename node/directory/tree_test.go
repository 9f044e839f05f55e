package directory

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/keys"
	"sotto/wire"
)

// A stored tree holds its hashes in memory.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, n := range indexes {
		if n >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d of %d", n, len(s))
		}
		hashes = append(hashes, s[n])
	}
	return hashes, nil
}

func treeOf(t testing.TB, entries [][]byte) stored {
	t.Helper()
	g, err := grow(stored{}, 0, entries)
	if err != nil {
		t.Fatal(err)
	}
	return g.more
}

// someLeaves are no entries: the tree doesn't look into its leaves.
func someLeaves(n int) (leaves [][]byte) {
	for i := range n {
		leaves = append(leaves, fmt.Append(nil, "leaf ", i))
	}
	return leaves
}

func rootOf(t testing.TB, size uint64, hashes tlog.HashReader) wire.Hash {
	t.Helper()
	root, err := Root(size, hashes)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Proofs exist between any two sizes and for any leaf, and hold.
func TestProofsHold(t *testing.T) {
	leaves := someLeaves(40)
	tree := treeOf(t, leaves)
	for size := uint64(0); size <= 40; size++ {
		root := rootOf(t, size, tree)
		for from := uint64(0); from <= size; from++ {
			proof, err := ProveTree(from, size, tree)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckTree(&proof, from, rootOf(t, from, tree), size, root); err != nil {
				t.Errorf("from %d to %d: %v", from, size, err)
			}
			// The same tree, grown from there.
			grown, err := grow(tree[:tlog.StoredHashCount(int64(from))], from, leaves[from:size])
			if err != nil {
				t.Fatal(err)
			}
			if got := rootOf(t, size, grown); got != root {
				t.Errorf("grown from %d to %d: another root", from, size)
			}
		}
		for n := range size {
			proof, err := ProveLeaf(n, size, tree)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckLeaf(&proof, leaves[n], n, size, root); err != nil {
				t.Errorf("leaf %d of %d: %v", n, size, err)
			}
		}
	}
	for _, bad := range [][2]uint64{{3, 2}, {1, MaxLeaves + 1}, {1, 1 << 63}, {1<<64 - 1, 1<<64 - 1}} {
		if _, err := ProveTree(bad[0], bad[1], tree); err == nil {
			t.Errorf("proved from %d to %d", bad[0], bad[1])
		}
		if _, err := ProveLeaf(bad[0], bad[1], tree); err == nil {
			t.Errorf("proved leaf %d of %d", bad[0], bad[1])
		}
	}
}

// 54. "inclusion/consistency proof: each hash flipped, dropped, added, index ±1, size ±1,
// size 0, power-of-two edges → reject". A proof by itself says little of the size: where
// two sizes have trees of one shape around the path, it is the signature of the head that
// binds a root to its size, and what must be refused is the root of the other size.
func TestAttack54(t *testing.T) {
	leaves := someLeaves(66)
	tree := treeOf(t, leaves)
	roots := make([]wire.Hash, 67)
	for size := range roots {
		roots[size] = rootOf(t, uint64(size), tree)
	}
	sizes := []uint64{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65}
	refuse := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: error = %v, want ErrProof", what, err)
		}
	}
	for _, size := range sizes {
		root := roots[size]
		for _, from := range sizes {
			if from > size {
				continue
			}
			at := fmt.Sprintf("from %d to %d", from, size)
			proof, err := ProveTree(from, size, tree)
			if err != nil {
				t.Fatal(err)
			}
			check := func(p wire.TreeProof) error { return CheckTree(&p, from, roots[from], size, root) }
			for what, bad := range spoiled(proof) {
				refuse(at+", "+what, check(bad))
			}
			refuse(at+", the tree of one more", CheckTree(&proof, from, roots[from], size+1, roots[size+1]))
			if from < size { // else it is the tree itself, and says so
				refuse(at+", from + 1", CheckTree(&proof, from+1, roots[from], size, root))
				refuse(at+", from 0", CheckTree(&proof, 0, roots[from], size, root))
			}
			refuse(at+", the tree of one less", CheckTree(&proof, from, roots[from], size-1, roots[size-1]))
			refuse(at+", from - 1", CheckTree(&proof, from-1, roots[from], size, root))
			refuse(at+", size 0", CheckTree(&proof, from, roots[from], 0, root))
			refuse(at+", no size that can be", CheckTree(&proof, from, roots[from], 1<<63+size, root))
			refuse(at+", another root", CheckTree(&proof, from, roots[from], size, roots[size-1]))
			refuse(at+", from another root", CheckTree(&proof, from, roots[from-1], size, root))
		}
		for n := range size {
			at := fmt.Sprintf("leaf %d of %d", n, size)
			proof, err := ProveLeaf(n, size, tree)
			if err != nil {
				t.Fatal(err)
			}
			for what, bad := range spoiled(proof) {
				refuse(at+", "+what, CheckLeaf(&bad, leaves[n], n, size, root))
			}
			refuse(at+", index + 1", CheckLeaf(&proof, leaves[n], n+1, size, root))
			refuse(at+", index - 1", CheckLeaf(&proof, leaves[n], n-1, size, root))
			refuse(at+", size 0", CheckLeaf(&proof, leaves[n], n, 0, root))
			refuse(at+", no size that can be", CheckLeaf(&proof, leaves[n], n, 1<<63+size, root))
			refuse(at+", another leaf", CheckLeaf(&proof, leaves[n+1], n, size, root))
			refuse(at+", the root of one more", CheckLeaf(&proof, leaves[n], n, size+1, roots[size+1]))
			refuse(at+", the root of one less", CheckLeaf(&proof, leaves[n], n, size-1, roots[size-1]))
			refuse(at+", an inner node as a leaf", CheckLeaf(&proof, append([]byte{1}, leaves[n]...), n, size, root))
		}
	}
	var empty wire.TreeProof
	if err := CheckTree(&empty, 0, emptyRoot, 5, roots[5]); err != nil {
		t.Errorf("every tree continues the empty one: %v", err)
	}
	refuse("from 0 of another root", CheckTree(&empty, 0, wire.Hash{}, 5, roots[5]))
	refuse("from 0 with a hash", CheckTree(&wire.TreeProof{Hashes: []wire.Hash{{}}}, 0, emptyRoot, 5, roots[5]))
	refuse("empty to another empty", CheckTree(&empty, 0, emptyRoot, 0, roots[1]))
}

// spoiled gives what can be done to a proof.
func spoiled(proof wire.TreeProof) map[string]wire.TreeProof {
	bad := map[string]wire.TreeProof{}
	for i := range len(proof.Hashes) + 1 {
		at := func(what string) string { return fmt.Sprint("hash ", i, " ", what) }
		bad[at("added")] = wire.TreeProof{Hashes: slices.Insert(slices.Clone(proof.Hashes), i, wire.Hash{1})}
		if i == len(proof.Hashes) {
			break
		}
		bad[at("twice")] = wire.TreeProof{Hashes: slices.Insert(slices.Clone(proof.Hashes), i, proof.Hashes[i])}
		bad[at("dropped")] = wire.TreeProof{Hashes: slices.Delete(slices.Clone(proof.Hashes), i, i+1)}
		for _, bit := range []int{0, 255} {
			flipped := slices.Clone(proof.Hashes)
			flipped[i][bit/8] ^= 1 << (bit % 8)
			bad[at(fmt.Sprint("bit ", bit))] = wire.TreeProof{Hashes: flipped}
		}
		if i > 0 && proof.Hashes[i] != proof.Hashes[i-1] {
			swapped := slices.Clone(proof.Hashes)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			bad[at("swapped")] = wire.TreeProof{Hashes: swapped}
		}
	}
	return bad
}

func newHost(t testing.TB) *keys.Host {
	t.Helper()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// 53. "signature by other key/origin → alarm".
func TestAttack53Heads(t *testing.T) {
	host, other := newHost(t), newHost(t)
	key := host.Key()
	tree := treeOf(t, someLeaves(5))
	head, err := SignHead(host.Signer(), host.Realm(), 5, tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyHead(&key, &head); err != nil {
		t.Error(err)
	}
	sign := func(signer *keys.Signer, realm wire.Realm) wire.TreeHead {
		h, err := SignHead(signer, realm, 5, tree)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	text := headText(host.Realm(), &head)
	impossible := func(head wire.TreeHead) wire.TreeHead {
		if head.Sig, err = host.Signer().SignText(headText(host.Realm(), &head)); err != nil {
			t.Fatal(err)
		}
		return head
	}
	for name, bad := range map[string]wire.TreeHead{
		"by another key":      sign(other.Signer(), host.Realm()),
		"of another log":      sign(host.Signer(), other.Realm()),
		"one leaf more":       {Leaves: 6, Root: head.Root, Sig: head.Sig},
		"another root":        {Leaves: 5, Root: rootOf(t, 4, tree), Sig: head.Sig},
		"not signed":          {Leaves: 5, Root: head.Root},
		"signed with a label": {Leaves: 5, Root: head.Root, Sig: host.Signer().Sign("log", text)},
		"too many leaves":     impossible(wire.TreeHead{Leaves: MaxLeaves + 1}),
		"the most leaves":     impossible(wire.TreeHead{Leaves: 1<<64 - 1}),
		"no leaves, a root":   impossible(wire.TreeHead{Leaves: 0, Root: head.Root}),
		"no leaves, no root":  impossible(wire.TreeHead{}),
	} {
		if err := VerifyHead(&key, &bad); !errors.Is(err, ErrHead) {
			t.Errorf("%s: error = %v, want ErrHead", name, err)
		}
	}
	for bit := range 64 * 8 {
		bad := head
		bad.Sig[bit/8] ^= 1 << (bit % 8)
		if VerifyHead(&key, &bad) == nil {
			t.Errorf("bit %d of the signature altered: verified", bit)
		}
	}
	if _, err := SignHead(host.Signer(), host.Realm(), MaxLeaves+1, tree); err == nil {
		t.Error("signed a head of more leaves than there can be")
	}
	if _, err := SignHead(host.Signer(), host.Realm(), 6, tree); err == nil {
		t.Error("signed a head of more leaves than there are")
	}
	if empty, err := SignHead(host.Signer(), host.Realm(), 0, tree); err != nil || VerifyHead(&key, &empty) != nil {
		t.Errorf("the head of an empty log: %v, %v", empty, err)
	}
}

// A head reads as the comment of TreeHead says, and as a note it needs nothing of ours to
// be verified.
func TestNote(t *testing.T) {
	host := newHost(t)
	key := host.Key()
	head, err := SignHead(host.Signer(), host.Realm(), 3, treeOf(t, someLeaves(3)))
	if err != nil {
		t.Fatal(err)
	}
	text, vkey, err := Note(&key, &head)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("sotto/1 log %x\n3\n%v\n", host.Realm(), tlog.Hash(head.Root))
	if n.Text != want || len(n.Sigs) != 1 || n.Sigs[0].Name != fmt.Sprintf("sotto-log-%x", host.Realm()) {
		t.Errorf("it opens as %q by %v, want %q", n.Text, n.Sigs, want)
	}
	if strings.Contains(string(text), "\x00") {
		t.Errorf("the note is no text: %q", text)
	}
	head.Leaves++
	if _, _, err := Note(&key, &head); !errors.Is(err, ErrHead) {
		t.Errorf("a head that isn't signed: error = %v", err)
	}
}
