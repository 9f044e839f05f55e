package session

// windowSize is how far behind the newest packet number an older one may be
// and still be accepted, as in transport.md 5.1.
const windowSize = 1024

// A window remembers which of the last 1,024 packet numbers arrived, as in
// RFC 6479. The zero value has seen nothing. Check a number before the packet's
// tag is verified and mark it only after, or a forger could use up numbers.
type window struct {
	seen [windowSize/64 + 1]uint64 // one word more than the window, so that a shift clears whole words
	next uint64                    // one above the highest number marked
}

// fresh reports whether n was never marked and isn't too old to tell.
func (w *window) fresh(n uint64) bool {
	if n >= w.next {
		return true
	}
	if w.next-n > windowSize {
		return false
	}
	word, bit := w.at(n)
	return *word&bit == 0
}

// mark records that n arrived.
func (w *window) mark(n uint64) {
	if n >= w.next {
		// The words between the old and the new highest number are to hold
		// numbers that weren't seen yet.
		from, to := (w.next+63)/64, n/64
		if to-from >= uint64(len(w.seen)) && to >= from {
			from = to - uint64(len(w.seen)) + 1
		}
		for i := from; i <= to; i++ {
			w.seen[i%uint64(len(w.seen))] = 0
		}
		w.next = n + 1
	}
	word, bit := w.at(n)
	*word |= bit
}

func (w *window) at(n uint64) (*uint64, uint64) {
	return &w.seen[(n/64)%uint64(len(w.seen))], 1 << (n % 64)
}
