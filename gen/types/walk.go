package types

import "iter"

// AllFields yields every field of a struct, in order, those in the arms of its
// selects too.
func (s *Struct) AllFields() iter.Seq[*Field] {
	return func(yield func(*Field) bool) {
		for _, m := range s.Members {
			switch m := m.(type) {
			case *Field:
				if !yield(m) {
					return
				}
			case *Select:
				for _, a := range m.AllArms() {
					for _, f := range a.Fields {
						if !yield(f) {
							return
						}
					}
				}
			}
		}
	}
}

// AllArms returns the arms, the default last.
func (s *Select) AllArms() []*Arm {
	if s.Default == nil {
		return s.Arms
	}
	return append(s.Arms[:len(s.Arms):len(s.Arms)], s.Default)
}
