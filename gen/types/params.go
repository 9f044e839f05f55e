package types

import (
	"slices"
	"strings"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// This file has what is not known inside a struct: names that RFCs leave to the
// reader, as in "select (Handshake.msg_type)" outside Handshake, or "[Hash.length]".
// They become parameters of the struct, which a struct that holds it binds where it
// can, and which else the caller gives.

// selector returns what a select looks at: an earlier field, a field of one, or a
// parameter.
func (c *checker) selector(sc *scope, parts []syntax.Ident) *Field {
	span := spanOf(parts)
	own := ownParts(sc, parts)
	if f := sc.fields[own[0].Name]; f != nil {
		if len(own) == 1 {
			return c.earlier(sc, &syntax.NameExpr{Parts: own, Span: span}, diag.BadSelect)
		}
		return c.inside(sc, f, own)
	}
	t, key, declared := c.paramType(sc, parts)
	if len(own) < len(parts) && !declared {
		t = nil // it would have to come before
	}
	if t == nil && len(parts) == 1 {
		// "select (certificate_type)" asks for a CertificateType.
		if e := c.names[camel(parts[0].Name)]; e != nil && camel(parts[0].Name) != sc.s.Name {
			t, _ = c.resolve(e).(Type)
		}
	}
	if t == nil {
		c.errs.Add(diag.Undeclared, span, "no earlier field of %s is called %s, and no parameter: @param(%s, Type) declares one", sc.s.Name, dotted(parts), dotted(parts))
		return nil
	}
	return c.param(sc, key, t, span)
}

// given returns the parameter, or the field of an earlier field, that a vector has
// its length from. It is nil if that has been reported.
func (c *checker) given(sc *scope, n *syntax.NameExpr) *Field {
	own := ownParts(sc, n.Parts)
	if f := sc.fields[own[0].Name]; f != nil {
		return c.inside(sc, f, own)
	}
	t, key, _ := c.paramType(sc, n.Parts)
	if t == nil {
		t = &Int{Bits: 64}
		c.errs.Add(diag.Parameter, n.Span, "nothing is called %s, so it is a parameter of %s; @param(%s, uint64) says that it is meant to be", dotted(n.Parts), sc.s.Name, dotted(n.Parts)).Warning = true
	}
	return c.param(sc, key, t, n.Span)
}

// ownParts returns a name without that of the struct itself in front.
func ownParts(sc *scope, parts []syntax.Ident) []syntax.Ident {
	if len(parts) > 1 && parts[0].Name == sc.s.Name {
		return parts[1:]
	}
	return parts
}

func spanOf(parts []syntax.Ident) diag.Span {
	return parts[0].Span.To(parts[len(parts)-1].Span)
}

// param returns the parameter of that name, and makes it if it is new.
func (c *checker) param(sc *scope, key string, t Type, span diag.Span) *Field {
	name := strings.ReplaceAll(key, ".", "_")
	for _, p := range sc.s.Params {
		if p.Name == name {
			return p
		}
	}
	if !isNumber(t) {
		c.errs.Add(diag.BadParameter, span, "the parameter %s of %s is not an enum or an integer of two bits or more", key, sc.s.Name)
		return nil
	}
	p := &Field{Name: name, Type: t, Span: span, Param: key, Offset: -1}
	c.name(sc, name, span)
	sc.s.Params = append(sc.s.Params, p)
	return p
}

func isNumber(t Type) bool {
	switch t := Resolve(t).(type) {
	case *Int:
		return t.Bits > 1
	case *Enum, *Varint:
		return true
	}
	return false
}

// paramType returns the type of a parameter, if something says it, the name that it
// has wherever it is one, and whether @param declares it.
func (c *checker) paramType(sc *scope, parts []syntax.Ident) (t Type, key string, declared bool) {
	key = dotted(parts)
	for s := sc.s; s != nil; s = s.Of {
		if d := c.declared[s][key]; d != nil {
			d.used = true
			return d.t, key, true
		}
	}
	if len(parts) == 1 {
		for outer := sc.outer; outer != nil; outer = outer.outer {
			if f := outer.fields[key]; f != nil {
				return f.Type, outer.s.Name + "." + key, false
			}
		}
		return nil, key, false
	}
	if e := c.names[parts[0].Name]; e != nil {
		if s, ok := e.decl.(*Struct); ok {
			return c.typeOf(s, parts[1:]), key, false
		}
	}
	return nil, key, false
}

// typeOf returns the type of a field of a struct, or of a field of one, which may
// not have been resolved yet. It is nil if there is none.
func (c *checker) typeOf(s *Struct, parts []syntax.Ident) Type {
	for _, m := range c.names[s.Name].syn.(*syntax.StructDecl).Members {
		f, ok := m.(*syntax.Field)
		if !ok || f.Name.Name != parts[0].Name || f.Vector != nil || f.Type.Struct {
			continue
		}
		t := c.typ(&f.Type, nil, "")
		if len(parts) == 1 || t == nil {
			return t
		}
		if inner, ok := Resolve(t).(*Struct); ok {
			return c.typeOf(inner, parts[1:])
		}
	}
	return nil
}

// inside returns a stand-in for a field that lies in an earlier one, as sender_type
// does in content.sender.sender_type.
func (c *checker) inside(sc *scope, f *Field, parts []syntax.Ident) *Field {
	name := dotted(parts)
	for _, p := range c.paths {
		if p.s == sc.s && p.stand.Name == name {
			return p.stand
		}
	}
	var t Type
	if s, ok := Resolve(f.Type).(*Struct); ok && f.If == nil {
		t = c.typeOf(s, parts[1:])
	}
	if t == nil || !isNumber(t) {
		c.errs.Add(diag.Undeclared, spanOf(parts), "%s is no integer or enum inside %s", name, f.Name).Note(f.Span, "it is declared here")
		return nil
	}
	stand := &Field{Name: name, Type: t, Span: spanOf(parts), Offset: -1}
	c.paths = append(c.paths, lookup{sc.s, stand, parts})
	return stand
}

// A lookup is a stand-in whose fields are looked up when all structs are resolved.
type lookup struct {
	s     *Struct
	stand *Field
	parts []syntax.Ident
}

// bindAll finds the fields of all paths, and for each struct that needs parameters
// what those that hold it give.
func (c *checker) bindAll(p *Program) {
	for _, x := range c.paths {
		if x.stand.Path = walk(x.s, len(x.s.Members), x.parts); x.stand.Path == nil {
			c.errs.Add(diag.Undeclared, x.stand.Span, "%s is not always there: only fields outside cases, neither conditional nor derived, can be looked at from outside", x.stand.Name)
		}
	}
	structs := p.Structs()
	for changed := true; changed; { // parameters go up to the holder, and from there to its holders
		changed = false
		for _, s := range structs {
			for i, m := range s.Members {
				switch m := m.(type) {
				case *Field:
					changed = c.bind(s, i, m) || changed
				case *Select:
					for _, a := range m.AllArms() {
						for _, f := range a.Fields {
							changed = c.bind(s, i, f) || changed
						}
					}
				}
			}
		}
	}
	for s, params := range c.declared {
		for name, d := range params {
			if d.used || slices.ContainsFunc(s.Params, func(p *Field) bool { return p.Param == name }) {
				continue
			}
			c.errs.Add(diag.BadParameter, d.span, "%s asks for no parameter %s", s.Name, name)
		}
	}
	for f, attrs := range c.binds {
		for _, a := range attrs {
			if !a.used {
				c.errs.Add(diag.BadParameter, a.span, "what %s holds has no parameter %s", f.Name, a.to)
			}
		}
	}
}

// bind gives the parameters of the struct that f holds a value, and reports whether
// there was one without.
func (c *checker) bind(s *Struct, i int, f *Field) bool {
	t := held(f.Type)
	if t == nil || len(f.Binds) == len(t.Params) {
		return false
	}
	for _, q := range t.Params[len(f.Binds):] {
		f.Binds = append(f.Binds, Bind{To: q, From: c.source(s, i, f, q)})
	}
	return true
}

// held returns the struct of which a value of t has one or more, or nil.
func held(t Type) *Struct {
	switch t := t.(type) {
	case *Alias:
		return held(t.Type)
	case *Vector:
		return held(t.Elem)
	case *Optional:
		return held(t.Elem)
	case *Struct:
		return t
	}
	return nil
}

// source finds what a member i of s gives to the parameter q of what it holds: what
// @bind says, a field of s, a field of an earlier field of s, or a parameter of s.
func (c *checker) source(s *Struct, i int, f, q *Field) *Field {
	key := q.Param
	for _, b := range c.binds[f] {
		if b.to == q.Param {
			b.used = true
			key = b.from
		}
	}
	var parts []syntax.Ident
	for word := range strings.SplitSeq(key, ".") {
		parts = append(parts, syntax.Ident{Name: word, Span: f.Span})
	}
	own := parts
	if len(parts) > 1 && parts[0].Name == s.Name {
		own = parts[1:]
	}
	if p := walk(s, i, own); p != nil {
		return standIn(own, p)
	}
	if len(parts) > 1 && len(own) == len(parts) {
		var found *Field
		for _, m := range s.Members[:i] {
			g, ok := m.(*Field)
			if !ok {
				continue
			}
			if h, ok := Resolve(g.Type).(*Struct); ok && h.Name == parts[0].Name {
				in := append([]syntax.Ident{{Name: g.Name}}, parts[1:]...)
				if p := walk(s, i, in); p != nil && found == nil {
					found = standIn(in, p)
				}
			}
		}
		if found != nil {
			return found
		}
	}
	if len(own) < len(parts) && c.typeOf(s, own) != nil {
		c.errs.Add(diag.BadParameter, f.Span, "%s needs %s, which is not an earlier field of %s that stands outside cases and is not derived", f.Name, key, s.Name).
			Note(q.Span, "it is asked for here")
		return q
	}
	return c.param(c.scopes[s], key, q.Type, q.Span)
}

// standIn returns a field that stands for one at the end of a path.
func standIn(parts []syntax.Ident, p []*Field) *Field {
	if len(p) == 1 {
		return p[0]
	}
	return &Field{Name: dotted(parts), Type: p[len(p)-1].Type, Path: p, Offset: -1}
}

// walk returns the fields on the way to a number in s or in a struct that s holds,
// among the first n members of s, or nil if there is none that is always there.
func walk(s *Struct, n int, parts []syntax.Ident) []*Field {
	for _, m := range s.Members[:n] {
		f, ok := m.(*Field)
		if !ok || f.Name != parts[0].Name || f.If != nil || f.Derived != nil || f.Checksum != nil {
			continue
		}
		if len(parts) == 1 {
			if isNumber(f.Type) {
				return []*Field{f}
			}
			return nil
		}
		if inner, ok := Resolve(f.Type).(*Struct); ok {
			if rest := walk(inner, len(inner.Members), parts[1:]); rest != nil {
				return append([]*Field{f}, rest...)
			}
		}
	}
	return nil
}

// A declaration is what @param says.
type declaration struct {
	t    Type
	span diag.Span
	used bool
}

// declareParam handles "@param(name, Type)" on a struct.
func (c *checker) declareParam(s *Struct, a *syntax.Attr) {
	if len(a.Args) == 2 && a.Last == nil {
		n, ok1 := a.Args[0].(*syntax.NameExpr)
		t, ok2 := a.Args[1].(*syntax.NameExpr)
		if ok1 && ok2 && len(t.Parts) == 1 {
			if typ := c.typ(&syntax.Type{Name: t.Parts[0]}, nil, ""); typ != nil {
				if !isNumber(typ) {
					c.errs.Add(diag.BadParameter, t.Span, "%s is not an integer or an enum", t.Parts[0].Name)
					typ = &Int{Bits: 64}
				}
				if c.declared == nil {
					c.declared = map[*Struct]map[string]*declaration{}
				}
				if c.declared[s] == nil {
					c.declared[s] = map[string]*declaration{}
				}
				c.declared[s][dotted(n.Parts)] = &declaration{t: typ, span: a.Span}
			}
			return
		}
	}
	c.errs.Add(diag.BadParameter, a.Span, "@param takes a name and a type")
}

// A binding is what @bind says of a field.
type binding struct {
	to, from string
	span     diag.Span
	used     bool
}

// bindAttr handles "@bind(parameter, field)" on a field.
func (c *checker) bindAttr(f *Field, a *syntax.Attr) {
	if len(a.Args) == 2 && a.Last == nil {
		to, ok1 := a.Args[0].(*syntax.NameExpr)
		from, ok2 := a.Args[1].(*syntax.NameExpr)
		if ok1 && ok2 {
			if c.binds == nil {
				c.binds = map[*Field][]*binding{}
			}
			c.binds[f] = append(c.binds[f], &binding{to: dotted(to.Parts), from: dotted(from.Parts), span: a.Span})
			return
		}
	}
	c.errs.Add(diag.BadParameter, a.Span, "@bind takes a parameter of what the field holds, and an earlier field")
}

// leftOpen reports whether the value of a field names something that is declared
// nowhere, so that it is for the caller to give, as in "uint16 length = Length".
func (c *checker) leftOpen(x syntax.Expr) (*syntax.NameExpr, bool) {
	switch x := x.(type) {
	case *syntax.NameExpr:
		return x, c.names[dotted(x.Parts)] == nil
	case *syntax.BinaryExpr:
		if n, open := c.leftOpen(x.X); open {
			return n, true
		}
		return c.leftOpen(x.Y)
	}
	return nil, false
}

// openValue handles a value that the caller gives: the field is an ordinary one,
// whose bytes may have to begin with a string.
func (c *checker) openValue(sc *scope, f *Field, x syntax.Expr, n *syntax.NameExpr) {
	if _, _, declared := c.paramType(sc, n.Parts); !declared {
		c.errs.Add(diag.Parameter, n.Span, "nothing is called %s, so %s is a field for the caller to fill in; @param(%s, ...) says that it is meant to be", dotted(n.Parts), f.Name, dotted(n.Parts)).Warning = true
	}
	if _, plain := x.(*syntax.NameExpr); plain {
		return
	}
	b, ok := x.(*syntax.BinaryExpr)
	v, isVector := Resolve(f.Type).(*Vector)
	if ok && b.Op == "+" && isVector && v.Opaque && v.Length.Kind == Prefixed {
		if s, ok := b.X.(*syntax.StringExpr); ok {
			if _, ok := b.Y.(*syntax.NameExpr); ok {
				f.Starts = []byte(s.Value)
				return
			}
		}
	}
	c.errs.Add(diag.BadConst, x.Where(), "a value that is left open is one name, or a string and a name for bytes with a length in front")
}
