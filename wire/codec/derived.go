package codec

import "math/bits"

// Pad returns how many bytes bring n up to a multiple of to.
func Pad(n, to int) int { return (to - n%to) % to }

// Quotient returns total/div, or -1 if there is no such length: it leaves a rest
// or is negative.
func Quotient(total, div int64) int {
	if total < 0 || total%div != 0 {
		return -1
	}
	return int(total / div)
}

// Derive is Quotient for a decoder.
func Derive(total, div int64) (uint64, bool) {
	q := Quotient(total, div)
	return uint64(max(q, 0)), q >= 0
}

// Solve returns the size for which plus + times*size = value*div, and reports
// whether there is one.
func Solve(value uint64, div, plus, times int64) (uint64, bool) {
	if value > 1<<32 {
		return 1 << 40, true // more than any input has; what follows would overflow
	}
	high, low := bits.Mul64(value, uint64(div))
	if high != 0 || low > 1<<62 {
		return 0, false
	}
	rest := int64(low) - plus
	if rest%times != 0 || rest/times < 0 {
		return 0, false
	}
	return uint64(rest / times), true
}

// PutBits stores the low n bits of v at bit at of b, the most significant first.
// The bits must be zero before.
func PutBits(b []byte, at, n int, v uint64) {
	for i := range n {
		if v>>(n-1-i)&1 != 0 {
			b[(at+i)/8] |= 0x80 >> ((at + i) % 8)
		}
	}
}
