package main

import (
	"fmt"

	"sotto/gen/types"
)

// promises says what a decoder of s can be held to.
func promises(s *types.Struct) string {
	p := s.Promise()
	out := "is canonical"
	if p.NotCanonical != "" {
		out = "is not canonical: " + p.NotCanonical
	}
	switch {
	case p.Size.Fixed():
		out += fmt.Sprintf("; %d bytes", p.Size.Max)
	case p.Size.Max == types.Unlimited:
		out += fmt.Sprintf("; %d bytes or more", p.Size.Min)
	default:
		out += fmt.Sprintf("; %d to %d bytes", p.Size.Min, p.Size.Max)
	}
	if p.Allocation == 0 {
		out += "; allocates nothing"
	} else {
		out += fmt.Sprintf("; allocates at most %d times its input", p.Allocation)
	}
	if p.Recursive {
		return out + fmt.Sprintf("; recurses at most %d times", types.MaxDepth)
	}
	return out + fmt.Sprintf("; %d deep", p.Depth)
}
