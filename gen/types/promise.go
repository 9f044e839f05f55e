package types

// A Promise is what a decoder of a struct can be held to, whatever its input.
type Promise struct {
	// Size is how many bytes an encoding has. Max is Unlimited if only the region
	// bounds it.
	Size Size

	// Allocation bounds the memory that Decode takes: at most so many bytes for each
	// byte of input. UnmarshalBinary copies its input on top of that, and an error
	// takes a little more. It counts what a slice throws away while it grows.
	Allocation int64

	// Depth is how many structs lie in each other at most, this one included. If
	// Recursive, it is that of one round, and codec.MaxDepth bounds the rounds.
	Depth     int
	Recursive bool

	// NotCanonical is the field that prevents that bytes and values correspond one
	// to one, and why; empty if nothing does.
	NotCanonical string
}

// Promise computes what a struct promises.
func (t *Struct) Promise() Promise {
	w := &weighing{map[*Struct]bool{}, map[*Struct]int64{}, map[*Struct]int64{}, map[*Struct]int{}}
	return Promise{
		Size:         t.Size().Bytes(),
		Allocation:   w.allocates(t),
		Depth:        w.depth(t),
		Recursive:    holdsRecursive(t, map[*Struct]bool{}),
		NotCanonical: t.NotCanonical,
	}
}

// A weighing goes through what a struct holds, once: what it has found of structs
// that don't hold themselves it keeps.
type weighing struct {
	inside map[*Struct]bool // those it is in

	allocated, weights map[*Struct]int64
	depths             map[*Struct]int
}

// MaxDepth is codec.MaxDepth, which generated code goes by.
const MaxDepth = 64

// growth is how much a slice that grows by append allocates in all, for one byte
// that it holds in the end. Large ones grow by a quarter: what they had before adds
// up to five times what they have, of which a fifth may be empty.
const growth = 7

// smallest is what the first element of a slice costs at least.
const smallest = 16

// hashing is what a cryptographic checksum takes, however long its input.
const hashing = 512

// allocates bounds what decoding a value of t allocates, per byte of the value. A
// struct inside itself counts once: each has bytes of its own.
func (w *weighing) allocates(t Type) int64 {
	switch t := Resolve(t).(type) {
	case *Vector:
		switch {
		case t.Text:
			return 1 + smallest // a string of one byte takes a small block
		case t.Bytewise():
			return 0
		case t.Length.Kind == Fixed:
			return w.allocates(t.Elem)
		}
		each := max(1, t.Elem.Size().Min/8)
		return (growth*w.memory(t.Elem)+smallest+each-1)/each + w.allocates(t.Elem)
	case *Optional:
		return (2*w.memory(t.Elem)+smallest)/(1+t.Elem.Size().Min/8) + 1 + w.allocates(t.Elem)
	case *Struct:
		if n, ok := w.allocated[t]; ok || w.inside[t] {
			return n
		}
		w.inside[t] = true
		defer delete(w.inside, t)
		var most int64
		for f := range t.AllFields() {
			most = max(most, w.allocates(f.Type))
		}
		for _, f := range t.Fields() {
			if f.Checksum != nil && f.Checksum.Kind >= SHA256 {
				most += hashing/max(1, t.size.Min/8) + 1
			}
		}
		if !t.Recursive {
			w.allocated[t] = most
		}
		return most
	}
	return 0
}

// memory bounds the size of a Go value of t.
func (w *weighing) memory(t Type) int64 {
	switch t := Resolve(t).(type) {
	case *Int:
		return int64(goBits(t.Bits) / 8)
	case *Enum:
		return int64(goBits(t.Int.Bits) / 8)
	case *Varint, *Optional:
		return 8
	case *Vector:
		switch {
		case t.Text:
			return 16
		case t.Length.Kind == Fixed && (t.Length.Unit == Elements || t.Bytewise()):
			return int64(t.Length.Min) * w.memory(t.Elem)
		}
		return 24
	case *Struct:
		if n, ok := w.weights[t]; ok {
			return n
		}
		var sum int64
		add := func(n int64) {
			align := min(n, 8)
			if align > 0 {
				sum = (sum+align-1)/align*align + n
			}
		}
		for _, p := range t.Params {
			add(w.memory(p.Type))
		}
		for f := range t.AllFields() {
			if !f.Hidden() {
				add(w.memory(f.Type))
			}
			if f.Raw {
				add(24)
			}
		}
		w.weights[t] = (sum + 7) / 8 * 8
		return w.weights[t]
	}
	return 24 // an extern
}

func goBits(n int) int {
	for size := 8; ; size *= 2 {
		if n <= size {
			return size
		}
	}
}

// depth returns how many structs lie in each other, not going round.
func (w *weighing) depth(t Type) int {
	s := held(t)
	if s == nil || w.inside[s] {
		return 0
	}
	if n, ok := w.depths[s]; ok {
		return n
	}
	w.inside[s] = true
	defer delete(w.inside, s)
	most := 0
	for f := range s.AllFields() {
		most = max(most, w.depth(f.Type))
	}
	if !s.Recursive {
		w.depths[s] = 1 + most
	}
	return 1 + most
}

func holdsRecursive(s *Struct, seen map[*Struct]bool) bool {
	if s.Recursive {
		return true
	}
	if seen[s] {
		return false
	}
	seen[s] = true
	for f := range s.AllFields() {
		if h := held(f.Type); h != nil && holdsRecursive(h, seen) {
			return true
		}
	}
	return false
}
