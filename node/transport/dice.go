package transport

import "math/rand/v2"

// Dice are a connection's randomness: for which packet numbers to leave out, and what to
// challenge an address with. Nobody may foresee them, but they are thrown so seldom that a
// generator's state isn't worth keeping: each throw makes one from the seed, and the next
// seed, from which the throw can't be found any more.
type dice [32]byte

func (d *dice) throw() uint64 {
	var r rand.ChaCha8
	r.Seed(*d)
	n := r.Uint64()
	r.Read(d[:])
	return n
}
