package types

// canonical says for each struct whether bytes that decode re-encode to the
// same bytes, and if not, which field is to blame.
func (c *checker) canonical(p *Program) {
	structs := p.Structs()
	// What a struct holds may be judged after it, or hold it in turn, so the
	// verdicts spread until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, s := range structs {
			if s.NotCanonical == "" {
				s.NotCanonical = blame(s)
				changed = changed || s.NotCanonical != ""
			}
		}
	}
}

// blame returns the first field of s that is not canonical, and why, or "".
func blame(s *Struct) string {
	for f := range s.AllFields() {
		if f.Ignore {
			return f.Name + ": any value is accepted"
		}
		if why := blameType(f.Type); why != "" {
			return f.Name + why
		}
	}
	return ""
}

func blameType(t Type) string {
	switch t := t.(type) {
	case *Alias:
		return blameType(t.Type)
	case *Varint:
		if t.Any {
			return ": longer forms of the varint are accepted"
		}
	case *Vector:
		if l, ok := t.Length.Prefix.(*Varint); ok && l.Any {
			return ": longer forms of its prefix are accepted"
		}
		return blameType(t.Elem)
	case *Optional:
		return blameType(t.Elem)
	case *Struct:
		if t.NotCanonical != "" {
			return "." + t.NotCanonical
		}
	}
	return ""
}
