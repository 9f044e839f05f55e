package types

// canonical says for each struct whether bytes that decode re-encode to the
// same bytes, and if not, which field is to blame.
func (c *checker) canonical(p *Program) {
	busy := map[*Struct]bool{}
	done := map[*Struct]bool{}
	var visit func(s *Struct) string
	var blame func(t Type) string
	blame = func(t Type) string {
		switch t := t.(type) {
		case *Alias:
			return blame(t.Type)
		case *Varint:
			if t.Any {
				return ": longer forms of the varint are accepted"
			}
		case *Vector:
			if l, ok := t.Length.Prefix.(*Varint); ok && l.Any {
				return ": longer forms of its prefix are accepted"
			}
			return blame(t.Elem)
		case *Optional:
			return blame(t.Elem)
		case *Struct:
			if why := visit(t); why != "" {
				return "." + why
			}
		}
		return ""
	}
	visit = func(s *Struct) string {
		if done[s] || busy[s] {
			return s.NotCanonical // what a recursive struct holds of itself is judged below
		}
		busy[s] = true
		for f := range s.AllFields() {
			if f.Ignore {
				s.NotCanonical = f.Name + ": any value is accepted"
			} else if why := blame(f.Type); why != "" {
				s.NotCanonical = f.Name + why
			}
			if s.NotCanonical != "" {
				break
			}
		}
		done[s] = true
		return s.NotCanonical
	}
	for _, s := range p.Structs() {
		visit(s)
	}
}
