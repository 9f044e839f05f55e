//go:build !race

package transport

import "testing"

func singleThreaded(*testing.T) {}
