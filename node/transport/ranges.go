package transport

import "slices"

// A span is the half-open range [start, end).
type span struct{ start, end int64 }

func (s span) size() int64 { return s.end - s.start }

// ranges is a set of numbers: spans in ascending order that neither touch nor
// overlap. It holds the packet numbers and offsets that were received, acknowledged
// or lost; the zero value is empty.
type ranges []span

// add puts [start, end) into the set.
func (r *ranges) add(start, end int64) {
	if start >= end {
		return
	}
	s := *r
	// Nearly everything arrives in order: the last span grows.
	if n := len(s); n == 0 || s[n-1].end < start {
		*r = append(s, span{start, end})
		return
	} else if s[n-1].start <= start {
		s[n-1].end = max(s[n-1].end, end)
		return
	}
	// Spans i to j-1 touch the new one and melt into it.
	i, _ := slices.BinarySearchFunc(s, start, func(a span, at int64) int {
		if a.end < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(s) && s[j].start <= end {
		start, end = min(start, s[j].start), max(end, s[j].end)
		j++
	}
	*r = slices.Replace(s, i, j, span{start, end})
}

// remove takes [start, end) out of the set.
func (r *ranges) remove(start, end int64) {
	if start >= end {
		return
	}
	s := *r
	i := 0
	for i < len(s) && s[i].end <= start {
		i++
	}
	j := i
	var keep [2]span
	n := 0
	for j < len(s) && s[j].start < end {
		if s[j].start < start {
			keep[n] = span{s[j].start, start}
			n++
		}
		if s[j].end > end {
			keep[n] = span{end, s[j].end}
			n++
		}
		j++
	}
	*r = slices.Replace(s, i, j, keep[:n]...)
}

// covers reports whether all of [start, end) is in the set.
func (r ranges) covers(start, end int64) bool {
	for i := len(r) - 1; i >= 0; i-- {
		if r[i].start <= start {
			return r[i].end >= end
		}
	}
	return start >= end
}
