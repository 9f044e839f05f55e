package puzzle

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"testing"

	"sotto/wire"
)

func TestWork(t *testing.T) {
	for _, test := range []struct {
		d, k uint8
		want bool
	}{{2, 1, true}, {2, 255, true}, {3, 4, true}, {3, 5, false}, {4, 1, false}, {255, 255, false}, {0, 255, true}} {
		if got := work(test.d, test.k) <= maxWork; got != test.want {
			t.Errorf("d %d, k %d: a client would work %v, want %v", test.d, test.k, got, test.want)
		}
	}
}

// d = 33, k = 0, k = 255, life = 0, issued = 2^64-1, more than 2^26 hashes.
func TestAttack05ImpossibleChallenges(t *testing.T) {
	good := wire.C1{D: 2, K: 1, IssuedMs: 1, LifeS: 30}
	if err := Check(&good); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for name, test := range map[string]struct {
		change func(*wire.C1)
		hard   bool
	}{
		"d 33":          {func(c *wire.C1) { c.D = 33 }, false},
		"k 0":           {func(c *wire.C1) { c.K = 0 }, false},
		"k 129":         {func(c *wire.C1) { c.K = 129 }, false},
		"life 0":        {func(c *wire.C1) { c.LifeS = 0 }, false},
		"issued 2^64-1": {func(c *wire.C1) { c.IssuedMs = math.MaxUint64 }, false},
		"d 3, k 5":      {func(c *wire.C1) { c.D, c.K = 3, 5 }, true},
		"d 32, k 128":   {func(c *wire.C1) { c.D, c.K = 32, 128 }, true},
	} {
		bad := good
		test.change(&bad)
		var hard *TooHardError
		if err := Check(&bad); errors.As(err, &hard) != test.hard || !test.hard && err != ErrImpossible {
			t.Errorf("%s: error = %v, too hard = %v wanted", name, err, test.hard)
		}
	}
}

// k-1 solutions, k equal ones, out of order, one too many, of another bind or n1.
func TestAttack14WrongSolutions(t *testing.T) {
	c1 := wire.C1{N1: [32]byte{1}, D: 1, K: 3}
	p := New(&c1, wire.Hash{2})
	xs, err := p.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !p.SolvedBy(xs) {
		t.Fatal("the solutions are not taken")
	}
	changed := slices.Clone(xs)
	for changed[2].Counter[14]++; zeros(hash(p.n1, changed[2]), p.d); changed[2].Counter[14]++ {
	}
	otherN1, none := c1, c1
	otherN1.N1[0]++
	none.K = 0
	for name, ok := range map[string]bool{
		"k-1":          p.SolvedBy(xs[:2]),
		"k equal":      p.SolvedBy([]wire.Solution{xs[0], xs[0], xs[0]}),
		"out of order": p.SolvedBy([]wire.Solution{xs[1], xs[0], xs[2]}),
		"k+1":          p.SolvedBy(append(slices.Clone(xs), xs[2])),
		"changed":      p.SolvedBy(changed),
		"another bind": New(&c1, wire.Hash{3}).SolvedBy(xs),
		"another n1":   New(&otherN1, wire.Hash{2}).SolvedBy(xs),
		"k = 0":        New(&none, wire.Hash{2}).SolvedBy(nil),
	} {
		if ok {
			t.Errorf("%s: taken", name)
		}
	}
}

// A solver stops when its caller doesn't wait any more.
func TestSolveEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New(&wire.C1{D: 32, K: 1}, wire.Hash{}).Solve(ctx); err != context.Canceled {
		t.Errorf("error = %v", err)
	}
}

func hash(n1 [32]byte, x wire.Solution) [32]byte {
	b, err := (&wire.PuzzleTry{N1: n1, X: x}).MarshalBinary()
	if err != nil {
		panic(err)
	}
	return sha256.Sum256(b)
}
