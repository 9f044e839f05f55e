package interp

import "sotto/gen/types"

// endHere lets the struct's region end where its own length field says.
func (d *structDecoder) endHere(f *types.Field) *Error {
	size, err := d.measure(f, nil)
	if err != nil {
		return err
	}
	path := join(d.path, f.Name)
	end := d.start + 8*size
	if end < d.r.pos {
		return fail(path, d.from[f], Range, "a length of %d bytes ends before this field", size)
	}
	if end > d.r.end {
		return fail(path, d.from[f], Short, "a length of %d bytes is %d too many", size, (end-d.r.end)/8)
	}
	d.r.end = end
	return nil
}

// confine narrows the region for a member whose size another field holds, or which leaves room for a tail. It
// returns the end of the region as it was.
func (d *structDecoder) confine(m types.Member, by *types.Field, tail int64) (int, *Error) {
	outer := d.r.end
	if by != nil {
		size, err := d.measure(by, m)
		if err != nil {
			return 0, err
		}
		if 8*size > d.r.left() {
			return 0, fail(join(d.path, memberName(m)), d.r.pos, Short, "%d bytes, %d left", size, d.r.left()/8)
		}
		d.r.end = d.r.pos + 8*size
	} else if tail > 0 {
		// If not even the tail fits, the greedy member is empty and the tail is what is short.
		d.r.end = max(d.r.pos, d.r.end-8*int(tail))
	}
	return outer, nil
}

// release widens the region again. What confines a member must be used up.
func (d *structDecoder) release(by *types.Field, outer int, path string) *Error {
	if by != nil && d.r.left() > 0 {
		return fail(path, d.r.pos, Trailing, "%d bytes left over before the end that %s says", d.r.left()/8, by.Name)
	}
	d.r.end = outer
	return nil
}

func memberName(m types.Member) string {
	switch m := m.(type) {
	case *types.Field:
		return m.Name
	case *types.Select:
		return m.Name
	}
	return ""
}

// measure solves the equation of a derived field for the size or count of one member; nil is the struct itself.
func (d *structDecoder) measure(f *types.Field, m types.Member) (int, *Error) {
	der := f.Derived
	bad := func() (int, *Error) {
		return 0, fail(join(d.path, f.Name), d.from[f], Range, "%d is no possible length", d.number[f])
	}
	if d.number[f] > 1<<32 {
		// More than any input has; what follows computes in 63 bits.
		return 1 << 40, nil
	}
	rest := int64(d.number[f])*der.Div - der.Plus
	var factor int64
	for _, t := range der.Terms {
		if t.Of == m {
			factor += t.Times
		} else {
			rest -= t.Times * d.termValue(t)
		}
	}
	if factor == 0 || rest < 0 || rest%factor != 0 {
		return bad()
	}
	return int(rest / factor), nil
}

// termValue is the size in bytes or the count that a term speaks of.
func (d *structDecoder) termValue(t types.Term) int64 {
	if t.Count {
		return int64(d.count[t.Of])
	}
	if t.Of == nil {
		return int64(d.to[nil]-d.start) / 8
	}
	return int64(d.to[t.Of]-d.from[t.Of]) / 8
}

// compareDerived checks each derived field of which everything that it measures has been read by now. At the end of the
// struct what is not there, in a case that was not selected, has no size.
func (d *structDecoder) compareDerived(end bool) *Error {
	for _, f := range d.derived {
		if d.done[f] {
			continue
		}
		want, known := f.Derived.Plus, true
		for _, t := range f.Derived.Terms {
			if _, ok := d.to[t.Of]; !ok && !end {
				known = false
				break
			}
			want += t.Times * d.termValue(t)
		}
		if !known {
			continue
		}
		d.done[f] = true
		if want%f.Derived.Div != 0 || want < 0 || d.number[f] != uint64(want/f.Derived.Div) {
			return fail(join(d.path, f.Name), d.from[f], Range, "%d does not agree with what it measures", d.number[f])
		}
	}
	return nil
}
