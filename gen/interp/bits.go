package interp

// A reader takes bits from an input, most significant bit first. It confines itself to [pos, end): a region is a
// reader with a smaller end.
type reader struct {
	in  []byte
	pos int // in bits
	end int // in bits

	lsb bool // the field that is read takes its bits from the low end

	given numbers // the parameters of the struct that is read next
}

// left is the number of bits before the end of the region.
func (r *reader) left() int { return r.end - r.pos }

// bits takes n bits, at most 64. The caller has seen that they are there.
func (r *reader) bits(n int) uint64 {
	var v uint64
	for range n {
		bit := r.in[r.pos/8] >> (7 - r.pos%8) & 1
		v = v<<1 | uint64(bit)
		r.pos++
	}
	return v
}

// low takes n bits, the least significant of each byte first.
func (r *reader) low(n int) uint64 {
	var v uint64
	for i := range n {
		bit := r.in[r.pos/8] >> (r.pos % 8) & 1
		v |= uint64(bit) << i
		r.pos++
	}
	return v
}

// bytes takes n whole bytes. The caller has seen that they are there and that the position is on a byte border.
func (r *reader) bytes(n int) []byte {
	b := r.in[r.pos/8 : r.pos/8+n]
	r.pos += 8 * n
	return b
}

// A writer appends bits, most significant bit first.
type writer struct {
	out  []byte
	bits int // bits of out in use

	given numbers // the parameters of the struct that is written next
}

// put appends the low n bits of v.
func (w *writer) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.bits%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.bits/8] |= byte(v>>i&1) << (7 - w.bits%8)
		w.bits++
	}
}

// putLow appends the low n bits of v, the least significant of each byte first.
func (w *writer) putLow(v uint64, n int) {
	for i := range n {
		if w.bits%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.bits/8] |= byte(v>>i&1) << (w.bits % 8)
		w.bits++
	}
}

func (w *writer) bytes(b []byte) {
	w.out = append(w.out, b...)
	w.bits += 8 * len(b)
}

// reverse turns a number of n bytes around: little-endian to big-endian and back.
func reverse(v uint64, n int) uint64 {
	var r uint64
	for range n {
		r = r<<8 | v&0xff
		v >>= 8
	}
	return r
}
