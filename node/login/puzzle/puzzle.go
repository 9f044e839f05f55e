package puzzle

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"sotto/wire"
)

const (
	// MaxK is the largest number of solutions that a puzzle can ask for.
	MaxK = 128
	// maxWork is how many hashes a client will try on the average: some seconds.
	maxWork = 1 << 26
	// maxTime is the last time that a C1 may name, in ms: the end of the year 9999.
	maxTime = 253_402_300_799_999
	// standardD is the number of zero bytes. Work is set by the number of solutions,
	// which varies less than one solution of more zero bytes would.
	standardD = 2
)

// A TooHardError is a puzzle that the client refuses to begin.
type TooHardError struct{ D, K uint8 }

func (e *TooHardError) Error() string {
	return fmt.Sprintf("the server asks for too much work: %d solutions of %d zero bytes are more than 2^26 hashes", e.K, e.D)
}

// ErrImpossible says that a C1 is none that a server of ours signs.
var ErrImpossible = errors.New("the challenge is impossible")

// Check reports whether a client may work on a C1: ErrImpossible or a *TooHardError.
// That the server has signed it was checked before.
func Check(c1 *wire.C1) error {
	switch {
	case c1.K == 0, c1.K > MaxK, c1.D > 32, c1.LifeS == 0, c1.IssuedMs > maxTime:
		return ErrImpossible
	case work(c1.D, c1.K) > maxWork:
		return &TooHardError{c1.D, c1.K}
	}
	return nil
}

// work returns how many hashes a puzzle takes on the average, or more than maxWork
// where it is that many.
func work(d, k uint8) uint64 {
	if d > 3 {
		return maxWork + 1
	}
	return uint64(k) << (8 * d)
}

// A Puzzle is one client's share of a C1: what the solutions must contain and how many
// they are. The seed's predicate: SHA-256(n1 || X) begins with d zero bytes.
type Puzzle struct {
	n1   [32]byte
	bind [16]byte
	d, k uint8
}

// New ties a C1 to one request: bind is the hash of what makes it one.
func New(c1 *wire.C1, bind wire.Hash) *Puzzle {
	return &Puzzle{n1: c1.N1, bind: [16]byte(bind[:16]), d: c1.D, k: c1.K}
}

// Bind is what the solutions contain.
func (p *Puzzle) Bind() [16]byte { return p.bind }

// Solve tries until it has all solutions or the context ends.
func (p *Puzzle) Solve(ctx context.Context) ([]wire.Solution, error) {
	var xs []wire.Solution
	for i := range p.k {
		x, err := p.solveOne(ctx, i)
		if err != nil {
			return nil, err
		}
		xs = append(xs, x)
	}
	return xs, nil
}

func (p *Puzzle) solveOne(ctx context.Context, index uint8) (wire.Solution, error) {
	try := wire.PuzzleTry{N1: p.n1, X: wire.Solution{Bind: p.bind, Index: index}}
	b, err := try.MarshalBinary()
	if err != nil {
		return wire.Solution{}, err
	}
	for n := 1; ; n++ {
		if zeros(sha256.Sum256(b), p.d) {
			return try.X, try.UnmarshalBinary(b)
		}
		if n%(1<<14) == 0 && ctx.Err() != nil {
			return wire.Solution{}, ctx.Err()
		}
		// The counter ends the try, so counting up is adding one to the last byte.
		for i := len(b) - 1; i >= len(b)-len(try.X.Counter); i-- {
			if b[i]++; b[i] != 0 {
				break
			}
		}
	}
}

// SolvedBy reports whether these are the solutions, all of them, in order. There is at least one.
func (p *Puzzle) SolvedBy(xs []wire.Solution) bool {
	if p.k == 0 || len(xs) != int(p.k) {
		return false
	}
	for i, x := range xs {
		try := wire.PuzzleTry{N1: p.n1, X: x}
		b, err := try.MarshalBinary()
		if err != nil || int(x.Index) != i || subtle.ConstantTimeCompare(x.Bind[:], p.bind[:]) != 1 || !zeros(sha256.Sum256(b), p.d) {
			return false
		}
	}
	return true
}

// zeros reports whether a hash begins with n zero bytes.
func zeros(h [32]byte, n uint8) bool {
	if int(n) > len(h) {
		return false
	}
	for _, b := range h[:n] {
		if b != 0 {
			return false
		}
	}
	return true
}
