//go:build race

package transport

import "testing"

// singleThreaded skips a long simulation that has one goroutine: the race detector
// finds nothing there and makes it ten times as long.
func singleThreaded(t *testing.T) { t.Skip("nothing to race with") }

// manySeeds is how many random worlds TestManySeeds tries.
const manySeeds = 60
