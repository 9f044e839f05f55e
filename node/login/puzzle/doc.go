// Package puzzle makes strangers work before a server works for them: puzzles bound to
// one request, the signed challenges they come from, and how hard they should be.
//
// It promises that a solution serves one request, that checking one costs a hash, and that
// the count of who deserves a harder one has a fixed size, from which strangers can push
// nobody out.
//
//	c1 := ...                                    // signed by the server
//	err := puzzle.Check(c1)                      // may a client begin?
//	xs, err := puzzle.New(c1, bind).Solve(ctx)   // at the client
//	ok := puzzle.New(c1, bind).SolvedBy(xs)      // at the server
//
// Both tiers use it. What a request is bound to, who signs a challenge and how it
// travels is theirs; the predicate is in spec/classic/login.wire.
package puzzle
