package puzzle

import (
	"errors"
	"net/netip"
	"time"

	"sotto/node/keys"
)

// How much is too much. The limits here are guesses at what honest people do.
var (
	userScale   = scale{10}  // guesses at one user
	prefixScale = scale{40}  // failures from one network: behind one address there may be an office
	loadScale   = scale{300} // solved puzzles in some three seconds: about what one core can do
)

// pendingFailure is how much a network's guess counts that is not answered yet: a
// good many people may log in from one office at the same time.
const pendingFailure = 0.25

const (
	// userCells is so many that nobody can have the passwords of all users limited: for a
	// count of 60 in all of them he would have to make 4,500 guesses a second.
	userCells    = 1 << 16
	networkCells = 1 << 12

	// FailureHalfLife is how long it takes until half of the failures are forgotten.
	FailureHalfLife = 10 * time.Minute
	loadHalfLife    = 2 * time.Second
)

// A Demand says how much work is asked of whom: more with the server's load, with the
// failures of a network, and with the guesses at a user, whether or not there is such a
// user. What it keeps has a fixed size. It is safe for concurrent use.
type Demand struct {
	base                  uint8
	users, networks, load *pressure
}

// NewDemand asks everybody for base solutions; 0 is 1, the seed's difficulty.
func NewDemand(base uint8) (*Demand, error) {
	if base > MaxK {
		return nil, errors.New("login: the puzzle would be harder than clients accept")
	}
	return &Demand{
		base:     max(base, 1),
		users:    newPressure(FailureHalfLife, userCells),
		networks: newPressure(FailureHalfLife, networkCells),
		load:     newPressure(loadHalfLife, 1),
	}, nil
}

// Solved counts a puzzle that was solved. What only claims to be a solution doesn't count: who
// sends such things isn't stopped by harder puzzles, and everybody else would have to solve them.
func (d *Demand) Solved(now time.Time) { d.load.add(now, "", 1) }

// Failed counts a failure of a network.
func (d *Demand) Failed(now time.Time, from netip.Addr) { d.networks.add(now, network(from), 1) }

// Guessed counts an answer by which a password can be tried, until it is Proved that
// it was no guess.
func (d *Demand) Guessed(now time.Time, from netip.Addr, user string) {
	d.users.add(now, keys.Fold(user), 1)
	d.networks.add(now, network(from), pendingFailure)
}

// Proved takes back what Guessed counted.
func (d *Demand) Proved(now time.Time, from netip.Addr, user string) {
	d.users.add(now, keys.Fold(user), -1)
	d.networks.add(now, network(from), -pendingFailure)
}

// Guesses returns how often a user was guessed at by now.
func (d *Demand) Guesses(now time.Time, user string) float64 {
	return d.users.count(now, keys.Fold(user))
}

// K returns the number of solutions to ask of a network.
func (d *Demand) K(now time.Time, from netip.Addr) uint8 {
	return d.after(d.doublings(now, from))
}

// UserK returns the number of solutions to ask of a network for the password of a user.
func (d *Demand) UserK(now time.Time, from netip.Addr, user string) uint8 {
	return d.after(d.doublings(now, from) + userScale.doublings(d.Guesses(now, user)))
}

func (d *Demand) doublings(now time.Time, from netip.Addr) int {
	return loadScale.doublings(d.load.count(now, "")) + prefixScale.doublings(d.networks.count(now, network(from)))
}

// after is the number of solutions after so many doublings.
func (d *Demand) after(doublings int) uint8 {
	return uint8(min(int(d.base)<<min(doublings, maxDoublings), MaxK))
}
