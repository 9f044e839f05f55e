package types

import (
	"strconv"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// selection resolves a select. Labels are looked up in the type of the selector
// and nowhere else: in RFC 9420 "case reinit" of a Proposal is 5, though another
// enum has a reinit that is 2.
func (c *checker) selection(sc *scope, m *syntax.Select) *Select {
	s := &Select{Name: m.Name.Name, Doc: m.Doc, Span: m.Span}
	for _, a := range m.Attrs {
		c.badAttr(a, "a select")
	}
	if s.On = c.selector(sc, m.On); s.On == nil {
		return nil
	}
	s.Enum, _ = Resolve(s.On.Type).(*Enum)
	if s.Name != "" {
		if old, ok := sc.seen[camel(s.Name)]; ok {
			c.errs.Add(diag.Duplicate, m.Name.Span, "%s has two members called %s", sc.s.Name, s.Name).Note(old, "the first one is here")
		}
		sc.selects[s.Name] = s
	}
	for _, arm := range m.Arms {
		if a := c.arm(sc, s, arm); a != nil {
			if !arm.Default {
				s.Arms = append(s.Arms, a)
			} else if s.Default != nil {
				c.errs.Add(diag.Duplicate, arm.Span, "a select has one default").Note(s.Default.Span, "the first one is here")
			} else {
				s.Default = a
			}
		}
	}
	for _, a := range s.Arms {
		sc.arms[labelName(a.Labels[0])] = true
	}
	if len(m.Arms) == 0 {
		c.errs.Add(diag.BadSelect, m.Span, "the select has no cases")
		return nil
	}
	return s
}

func (c *checker) arm(sc *scope, s *Select, m *syntax.Arm) *Arm {
	a := &Arm{Doc: m.Doc, Span: m.Span}
	for _, l := range m.Labels {
		v := c.label(s, l)
		if v == nil {
			continue
		}
		for _, other := range append(s.Arms, a) {
			for _, o := range other.Labels {
				if o.Value <= v.Last && v.Value <= o.Last {
					c.errs.Add(diag.Duplicate, l.Where(), "%s has a case already", labelName(v)).Note(other.Span, "it is here")
				}
			}
		}
		a.Labels = append(a.Labels, v)
	}
	if !m.Default && len(a.Labels) == 0 {
		return nil
	}
	if m.Default {
		c.defaultArm(sc, a, m)
		return a
	}
	name := labelName(a.Labels[0])
	if len(m.Members) == 0 {
		return a
	}
	if sc.arms[name] { // two selects have the same labels: update, update_2
		n := 2
		for ; sc.arms[name+"_"+strconv.Itoa(n)]; n++ {
		}
		name += "_" + strconv.Itoa(n)
		sc.arms[name] = true
	}
	if f, ok := m.Members[0].(*syntax.Field); ok && len(m.Members) == 1 && f.Name.Name == "" {
		if f.Type.Struct && len(f.Type.Members) == 0 {
			return a // struct {}: nothing
		}
		named := *f
		named.Name = syntax.Ident{Name: name, Span: m.Span}
		if f.Doc == "" {
			named.Doc = m.Doc
		}
		if field := c.field(sc, &named); field != nil {
			delete(sc.fields, name) // only this arm has it
			a.Fields = append(a.Fields, field)
		}
		return a
	}
	for _, x := range m.Members {
		if f, ok := x.(*syntax.Field); ok && f.Name.Name == "" {
			c.errs.Add(diag.BadSelect, f.Span, "of several fields in a case each has a name")
			return nil
		}
	}
	inner := c.inner(sc, name, m.Members, m.Doc, m.Span)
	c.name(sc, name, m.Span)
	a.Fields = append(a.Fields, &Field{Name: name, Doc: m.Doc, Type: inner, Span: m.Span})
	return a
}

// defaultArm resolves the fields of a default, which stand in the struct.
func (c *checker) defaultArm(sc *scope, a *Arm, m *syntax.Arm) {
	for _, x := range m.Members {
		f, ok := x.(*syntax.Field)
		if !ok {
			c.errs.Add(diag.BadSelect, x.Where(), "a select inside a default needs a struct of its own")
			continue
		}
		if f.Type.Struct && len(f.Type.Members) == 0 && f.Name.Name == "" {
			continue
		}
		if f.Name.Name == "" && len(m.Members) > 1 {
			c.errs.Add(diag.BadSelect, f.Span, "of several fields in a case each has a name")
			continue
		}
		if f.Name.Name == "" {
			named := *f
			named.Name = syntax.Ident{Name: "unknown", Span: f.Span}
			f = &named
		}
		if field := c.field(sc, f); field != nil {
			delete(sc.fields, field.Name)
			a.Fields = append(a.Fields, field)
			if field.Derived != nil || field.Checksum != nil {
				c.errs.Add(diag.BadSelect, field.Span, "a derived field inside a case needs a struct of its own")
			}
		}
	}
}

// label resolves the label of a case.
func (c *checker) label(s *Select, x syntax.Expr) *EnumValue {
	if n, ok := x.(*syntax.NameExpr); ok && s.Enum != nil {
		if name, ok := valueName(s.Enum, n); ok {
			v := s.Enum.Find(name)
			if v == nil {
				c.errs.Add(diag.BadLabel, n.Span, "%s has no value %s", s.Enum.Name, name).
					Note(s.Enum.Span, "%s is declared here", s.Enum.Name)
			}
			return v
		}
	}
	n, ok := c.number(x)
	if !ok {
		return nil
	}
	if most := maxOf(s.On.Type); n > most {
		c.errs.Add(diag.BadLabel, x.Where(), "%s is never %d", s.On.Name, n)
		return nil
	}
	return &EnumValue{Name: "", Value: n, Last: n, Span: x.Where()}
}

// valueName returns what x calls a value of the enum: blue, or Color.blue where that
// says more than it must (RFC 8446 section 3.5).
func valueName(e *Enum, x *syntax.NameExpr) (string, bool) {
	switch {
	case len(x.Parts) == 1:
		return x.Parts[0].Name, true
	case len(x.Parts) == 2 && x.Parts[0].Name == e.Name:
		return x.Parts[1].Name, true
	}
	return "", false
}

func labelName(v *EnumValue) string {
	if v.Name == "" {
		return "case_" + strconv.FormatUint(v.Value, 10)
	}
	return v.Name
}

// maxOf returns the largest value that an integer type can write.
func maxOf(t Type) uint64 {
	switch t := Resolve(t).(type) {
	case *Int:
		return 1<<(t.Bits-1)*2 - 1
	case *Enum:
		return maxOf(&t.Int)
	case *Varint:
		return t.Max()
	}
	return 0
}

// checkDefault sees to it that every value of the selector has a meaning. Runs
// when regions are known.
func (c *checker) checkDefault(st *Struct, s *Select) {
	if s.Default != nil || s.Enum == nil || s.Enum.Closed {
		return
	}
	covered, named := uint64(0), map[uint64]bool{}
	for _, a := range s.Arms {
		for _, l := range a.Labels {
			covered += l.Last - l.Value + 1
			named[l.Value] = true
		}
	}
	if most := maxOf(s.Enum); covered-1 == most {
		return
	}
	if s.ConfinedBy != nil || st.Length != nil {
		s.Default = &Arm{Span: s.Span, Fields: []*Field{{
			Name: c.unknown(st, s), Type: &Vector{Elem: &Int{Bits: 8}, Opaque: true, Length: Length{Kind: Greedy, Max: 1<<64 - 1}},
			Doc: "Unknown is the body where nothing is known of the selector's value.", Span: s.Span,
		}}}
		return
	}
	if s.On.Param != "" {
		return // whoever gives the parameter knows the cases; others are refused
	}
	c.errs.Add(diag.NoDefault, s.Span,
		"other values of %s have no case, and nothing says how long their body is: add a default, or make %s @closed", s.Enum.Name, s.Enum.Name).
		Note(s.Enum.Span, "%s is open", s.Enum.Name)
}

// unknown names the body of values that have no case: "unknown", or unknown_type
// after the selector where the struct has an unknown already.
func (c *checker) unknown(st *Struct, s *Select) string {
	name := "unknown"
	for range 2 {
		taken := false
		for f := range st.AllFields() {
			taken = taken || f.Name == name
		}
		if !taken {
			return name
		}
		name = "unknown_" + s.On.Name
	}
	c.errs.Add(diag.Duplicate, s.Span, "%s has no name left for the body of values without a case: add a default", st.Name)
	return name
}
