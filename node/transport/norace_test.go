//go:build !race

package transport

import "testing"

func singleThreaded(*testing.T) {}

// manySeeds is how many random worlds TestManySeeds tries.
const manySeeds = 1000
