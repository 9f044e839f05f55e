package codec

// Extend returns s with one more element. If there is room, it is what was there
// before, so that the slices inside it are used again.
func Extend[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

// Bit returns 1 for true.
func Bit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// AllZero reports whether b is zero.
func AllZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// AppendZeros appends n zero bytes.
func AppendZeros(b []byte, n int) []byte { return append(b, make([]byte, n)...) }
