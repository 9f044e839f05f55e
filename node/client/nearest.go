package client

import "sotto/node/keys"

// nearest gives the name that a mistyped one most likely meant: the one with
// the fewest changes, if they are at most two and fewer than the letters of
// the name. It gives "" if none is that similar.
func nearest(name string, names []string) string {
	best, bestDistance := "", min(3, len(name))
	for _, n := range names {
		if d := distance(keys.Fold(name), keys.Fold(n)); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			differ := 1
			if a[i] == b[j] {
				differ = 0
			}
			row[j+1] = min(last[j]+differ, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
