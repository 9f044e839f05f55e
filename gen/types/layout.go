package types

import (
	"slices"

	"sotto/gen/diag"
)

// A layoutState says how far layout is with a struct.
type layoutState uint8

const (
	laying layoutState = iota + 1
	laid
)

// layout computes the size of a struct after those it holds, and checks what
// depends on sizes. It runs once for each struct.
func (c *checker) layout(s *Struct) {
	if c.laid == nil {
		c.laid = map[*Struct]layoutState{}
	}
	if c.laid[s] != 0 {
		return // a struct that holds itself through a vector comes here again
	}
	c.laid[s] = laying
	s.size = Size{0, Unlimited} // for what s holds and holds s in turn
	defer func() { c.laid[s] = laid }()
	for _, f := range s.Fields() {
		if x := c.pending[f]; x != nil {
			c.derive(c.scopes[s], f, x)
		}
	}
	for f := range s.AllFields() {
		c.layoutType(f.Type)
	}
	for _, f := range s.Fields() {
		if f.Derived != nil {
			c.finishDerived(s, f)
		}
	}
	for _, m := range s.Members {
		if sel, ok := m.(*Select); ok {
			c.checkDefault(s, sel)
		}
	}
	c.align(s)
	c.greedy(s)
	s.computeSize()
}

func (c *checker) layoutType(t Type) {
	switch t := t.(type) {
	case *Alias:
		c.layoutType(t.Type)
	case *Vector:
		c.layoutType(t.Elem)
		c.normalize(t)
	case *Optional:
		c.layoutType(t.Elem)
	case *Struct:
		c.layout(t)
	}
}

// normalize turns a fixed length in bytes into one in elements, where they have
// a fixed size.
func (c *checker) normalize(v *Vector) {
	l := &v.Length
	if l.Kind != Fixed || l.Unit != Bytes || v.Bytewise() {
		return
	}
	if size := v.Elem.Size(); size.Fixed() && size.Max >= 8 && l.Min%uint64(size.Max/8) == 0 {
		l.Unit = Elements
		l.Min /= uint64(size.Max / 8)
		l.Max = l.Min
	}
}

// align checks that what needs whole bytes starts on one.
func (c *checker) align(s *Struct) {
	bits := 0 // since the last byte border
	var run *Field
	lsb := false // the last field stood in a group
	border := func(what string, span diag.Span) {
		if bits%8 != 0 {
			c.errs.Add(diag.Unaligned, span, "%s does not start on a byte: %d bits are in use", what, bits%8).
				Note(run.Span, "the run of bits begins here")
			bits = 0
		}
	}
	for _, m := range s.Members {
		switch m := m.(type) {
		case *Field:
			size := m.Type.Size()
			little, integer := false, false
			switch t := Resolve(m.Type).(type) {
			case *Int:
				integer, little = true, t.Little
			case *Enum:
				integer, little = true, t.Int.Little
			}
			if m.LSB != lsb {
				border(m.Name, m.Span)
			}
			lsb = m.LSB
			if !integer || little || m.If != nil || m.Raw || m.Checksum != nil {
				border(m.Name, m.Span)
				if integer && size.Max%8 != 0 {
					c.errs.Add(diag.Unaligned, m.Span, "%s has to be whole bytes", m.Name)
				}
				continue
			}
			if bits == 0 {
				run = m
			}
			bits = (bits + int(size.Max)%8) % 8
		case *Select:
			border("the select", m.Span)
			for _, a := range m.AllArms() {
				n := 0
				for _, f := range a.Fields {
					if size := f.Type.Size(); size.Fixed() {
						n += int(size.Max % 8)
					}
				}
				if n%8 != 0 {
					c.errs.Add(diag.Unaligned, a.Span, "the case has to be whole bytes")
				}
			}
		case *Pad:
			border("padding", m.Span)
		}
	}
	if bits%8 != 0 {
		c.errs.Add(diag.Unaligned, run.Span, "the run of bits that begins here ends after %d bits more than whole bytes", bits%8)
	}
}

// greedy checks that only things of fixed size follow one that takes the rest
// of the region, and sets the tails.
func (c *checker) greedy(s *Struct) {
	var taker Member
	var name string
	var where diag.Span
	tail := Size{}
	for _, m := range s.Members {
		if taker != nil {
			size := sizeOf(m)
			_, pad := m.(*Pad)
			if !size.Fixed() || pad {
				c.errs.Add(diag.Greedy, memberSpan(m), "what follows %s must have a fixed size, so that it is known where %s ends", name, name).
					Note(where, "%s takes the rest", name)
				return
			}
			tail = tail.plus(size)
			continue
		}
		switch m := m.(type) {
		case *Field:
			if m.ConfinedBy == nil && IsGreedy(m.Type) {
				taker, name, where = m, m.Name, m.Span
			}
		case *Select:
			if m.ConfinedBy != nil {
				continue
			}
			for _, a := range m.AllArms() {
				for i, f := range a.Fields {
					if f.ConfinedBy == nil && IsGreedy(f.Type) {
						taker, name, where = m, f.Name, f.Span
						if i != len(a.Fields)-1 {
							c.errs.Add(diag.Greedy, a.Fields[i+1].Span, "nothing can follow %s in its case", f.Name).Note(f.Span, "%s takes the rest", f.Name)
						}
					}
				}
			}
		}
	}
	switch m := taker.(type) {
	case *Field:
		m.Tail = tail.Max / 8
	case *Select:
		m.Tail = tail.Max / 8
	}
	s.Greedy = taker != nil && s.Length == nil
}

// greedyAgain does greedy again for structs that hold themselves, and for all that
// hold these: it was not known of them then whether they take the rest.
func (c *checker) greedyAgain(all []*Struct) {
	if !slices.ContainsFunc(all, func(s *Struct) bool { return s.Recursive }) {
		return
	}
	for changed := true; changed; {
		changed = false
		for _, s := range all {
			was := s.Greedy
			c.greedy(s)
			changed = changed || s.Greedy != was
		}
	}
}

func memberSpan(m Member) diag.Span {
	switch m := m.(type) {
	case *Field:
		return m.Span
	case *Select:
		return m.Span
	case *Pad:
		return m.Span
	}
	return diag.Span{}
}

// checkVectors checks the elements of vectors, when all sizes are known.
func (c *checker) checkVectors(s *Struct) {
	for f := range s.AllFields() {
		c.checkVector(f.Type, f.Span)
	}
}

func (c *checker) checkVector(t Type, span diag.Span) {
	switch t := t.(type) {
	case *Optional:
		if size := t.Elem.Size(); size.Fixed() && size.Max%8 != 0 {
			c.errs.Add(diag.Unaligned, span, "an optional value has to be whole bytes")
		}
		c.checkVector(t.Elem, span)
	case *Alias:
		c.checkVector(t.Type, span)
	case *Vector:
		c.checkVector(t.Elem, span)
		size := t.Elem.Size()
		switch {
		case t.Length.Kind == Fixed && t.Size().Max > 8<<30 && size.Fixed():
			c.errs.Add(diag.BadRange, span, "an array of %d bytes is more than 2^30", t.Size().Bytes().Max)
		case size.Min%8 != 0:
			c.errs.Add(diag.Unaligned, span, "elements of %d bits are not whole bytes", size.Min)
		case IsGreedy(t.Elem):
			c.errs.Add(diag.Greedy, span, "an element takes the rest of its region, so there can be no second one")
		case size.Min == 0:
			c.errs.Add(diag.ZeroSize, span, "an element may take no bytes at all, so their number has no bound")
		case t.Length.Kind == Fixed && t.Length.Unit == Bytes && size.Fixed() && t.Length.Min%uint64(size.Max/8) != 0:
			c.errs.Add(diag.BadRange, span, "%d bytes are not a whole number of elements of %d bytes", t.Length.Min, size.Max/8)
		case t.Length.Kind == Prefixed && t.Length.Unit == Bytes && size.Fixed() && t.Length.Max < uint64(size.Max/8) && t.Length.Max > 0:
			c.errs.Add(diag.BadRange, span, "no element fits: one takes %d bytes and at most %d are allowed", size.Max/8, t.Length.Max)
		}
	}
}
