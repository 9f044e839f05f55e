package classic

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"sotto/wire"
)

const (
	// MaxK is the largest number of solutions that a puzzle can ask for.
	MaxK = 128
	// maxWork is how many hashes a client will try on the average: some seconds.
	maxWork = 1 << 26
	// standardD is the number of zero bytes. Work is set by the number of solutions,
	// which varies less than one solution of more zero bytes would.
	standardD = 2
)

// A TooHardError is a puzzle that the client refuses to begin.
type TooHardError struct{ D, K uint8 }

func (e *TooHardError) Error() string {
	return fmt.Sprintf("the server asks for too much work: %d solutions of %d zero bytes are more than 2^26 hashes", e.K, e.D)
}

// work returns how many hashes a puzzle takes on the average, or more than maxWork
// where it is that many.
func work(d, k uint8) uint64 {
	if d > 3 {
		return maxWork + 1
	}
	return uint64(k) << (8 * d)
}

// A puzzle is one client's share of a C1: what the solutions must contain and how many
// they are. The seed's predicate: SHA-256(n1 || X) begins with d zero bytes.
type puzzle struct {
	n1   [32]byte
	bind [16]byte
	d, k uint8
}

// newPuzzle ties a C1 to one user, connection and request.
func newPuzzle(c1 *wire.C1, bind *wire.PuzzleBind) (*puzzle, error) {
	b, err := encode(bind)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	h := labelPow.Hash(b)
	return &puzzle{n1: c1.N1, bind: [16]byte(h[:16]), d: c1.D, k: c1.K}, nil
}

// solve tries until it has all solutions or the context ends.
func (p *puzzle) solve(ctx context.Context) ([]wire.Solution, error) {
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

func (p *puzzle) solveOne(ctx context.Context, index uint8) (wire.Solution, error) {
	try := wire.PuzzleTry{N1: p.n1, X: wire.Solution{Bind: p.bind, Index: index}}
	b, err := encode(&try)
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

// solvedBy reports whether these are the solutions, all of them, in order.
func (p *puzzle) solvedBy(xs []wire.Solution) bool {
	if len(xs) != int(p.k) {
		return false
	}
	for i, x := range xs {
		try := wire.PuzzleTry{N1: p.n1, X: x}
		b, err := encode(&try)
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
