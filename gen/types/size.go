package types

// Size of an extern: at least a byte.
func (t *Extern) Size() Size { return Size{8, Unlimited} }

// Size returns the bits of the integer.
func (t *Int) Size() Size { return Size{int64(t.Bits), int64(t.Bits)} }

// Size returns the bits of the integer in which the enum is written.
func (t *Enum) Size() Size { return t.Int.Size() }

// Size returns 1 byte up to what the form allows.
func (t *Varint) Size() Size {
	switch t.Form {
	case MLS:
		return Size{8, 32}
	case LEB128:
		return Size{8, 80}
	}
	return Size{8, 64}
}

// Size returns the size of the type behind the name.
func (t *Alias) Size() Size { return t.Type.Size() }

// Size returns the size of the presence byte and what may follow it. It stops
// at optional values, so that a type that holds itself has a size.
func (t *Optional) Size() Size { return Size{8, Unlimited} }

// Size returns the size of the prefix and the elements.
func (t *Vector) Size() Size {
	l := t.Length
	bits := Size{8, 8} // of one unit
	if l.Unit == Elements {
		bits = Size{0, Unlimited}
		if s, ok := Resolve(t.Elem).(*Struct); !ok || !s.Recursive {
			bits = t.Elem.Size()
		}
	}
	switch l.Kind {
	case Fixed:
		return Size{times(bits.Min, l.Min), times(bits.Max, l.Max)}
	case Prefixed:
		p := l.Prefix.Size()
		return Size{plus(p.Min, times(bits.Min, l.Min)), plus(p.Max, times(bits.Max, l.Max))}
	}
	return Size{0, Unlimited}
}

// Size returns the sum over the members, between the smallest and the largest
// arm of each select.
func (t *Struct) Size() Size { return t.size }

func plus(a, b int64) int64 {
	if a > Unlimited-b {
		return Unlimited
	}
	return a + b
}

func times(a int64, n uint64) int64 {
	if a == 0 || n == 0 {
		return 0
	}
	if n > uint64(Unlimited/a) {
		return Unlimited
	}
	return a * int64(n)
}

func (s Size) plus(t Size) Size { return Size{plus(s.Min, t.Min), plus(s.Max, t.Max)} }

// or returns the smallest range that holds both.
func (s Size) or(t Size) Size { return Size{min(s.Min, t.Min), max(s.Max, t.Max)} }

// sizeOf returns the size of one member. Pads have a size only where everything
// before them is fixed, which size does for the whole struct.
func sizeOf(m Member) Size {
	switch m := m.(type) {
	case *Field:
		s := m.Type.Size()
		if m.If != nil {
			s.Min = 0
		}
		return s
	case *Select:
		var out Size
		arms := m.Arms
		if m.Default != nil {
			arms = append(arms[:len(arms):len(arms)], m.Default)
		}
		for i, a := range arms {
			var s Size
			for _, f := range a.Fields {
				s = s.plus(sizeOf(f))
			}
			if i == 0 {
				out = s
			} else {
				out = out.or(s)
			}
		}
		return out
	}
	return Size{}
}

// size adds up the members and sets their offsets.
func (t *Struct) computeSize() {
	var s Size
	for _, m := range t.Members {
		at := int64(-1)
		if s.Fixed() {
			at = s.Max
		}
		switch m := m.(type) {
		case *Field:
			m.Offset = at
		case *Select:
			m.Offset = at
		case *Pad:
			s = s.padded(m.To)
			continue
		}
		s = s.plus(sizeOf(m))
	}
	if t.Length != nil {
		// What the length can say bounds the struct as well.
		if i, ok := Resolve(t.Length.Type).(*Int); ok && t.Length.Derived.Div == 1 && i.Bits < 56 {
			s.Max = min(s.Max, times(8, 1<<i.Bits-1))
		}
	}
	if t.MaxBytes != 0 {
		s.Max = min(s.Max, times(8, t.MaxBytes))
	}
	t.size = s
}

// padded rounds up to a multiple of to bytes.
func (s Size) padded(to int64) Size {
	up := func(n int64) int64 {
		if n > Unlimited-to*8 {
			return Unlimited
		}
		return (n + to*8 - 1) / (to * 8) * to * 8
	}
	return Size{up(s.Min), up(s.Max)}
}
