package types

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// A scope is what the members of a struct may refer to: those before them.
type scope struct {
	s       *Struct
	fields  map[string]*Field
	seen    map[string]diag.Span // names in use in the Go struct
	selects map[string]*Select
	arms    map[string]bool // names of cases of selects before the current one
	outer   *scope          // of the struct in which this one stands without a name
}

// members resolves the members of a struct.
func (c *checker) members(s *Struct, in []syntax.Member, e *entry, outer *scope) {
	sc := &scope{s: s, fields: map[string]*Field{}, seen: map[string]diag.Span{}, selects: map[string]*Select{}, arms: map[string]bool{}, outer: outer}
	if e != nil {
		in = c.bodies(s, in, e)
	}
	selects := 0
	for _, m := range in {
		switch m := m.(type) {
		case *syntax.Field:
			if e != nil {
				m = c.constantFor(m, e)
			}
			if f := c.field(sc, m); f != nil {
				s.Members = append(s.Members, f)
			}
		case *syntax.Select:
			if e != nil && len(e.arms) > 0 && selects == 0 {
				m = withArms(m, e.arms)
			}
			selects++
			if sel := c.selection(sc, m); sel != nil {
				s.Members = append(s.Members, sel)
			}
		case *syntax.Pad:
			n, ok := c.number(m.To)
			if ok && (n < 1 || n > 1<<20) {
				c.errs.Add(diag.BadRange, m.Span, "a size can be padded to a multiple of 1 to 2^20 bytes, not of %d", n)
			} else if ok {
				s.Members = append(s.Members, &Pad{To: int64(n), Doc: m.Doc, Span: m.Span})
			}
		case *syntax.Group:
			c.group(s, sc, m, e)
		}
	}
	if e != nil && len(e.arms) > 0 && selects == 0 {
		c.errs.Add(diag.BadSelect, e.arms[0].Span, "%s has no select to add a case to", s.Name).Note(s.Span, "it is declared here")
	}
	if e != nil {
		for _, x := range e.set {
			if !slices.ContainsFunc(in, func(m syntax.Member) bool {
				f, ok := m.(*syntax.Field)
				return ok && f.Name.Name == x.Name.Name
			}) {
				c.errs.Add(diag.Undeclared, x.Name.Span, "%s has no field %s", s.Name, x.Name.Name).Note(s.Span, "it is declared here")
			}
		}
	}
	if c.scopes == nil {
		c.scopes = map[*Struct]*scope{}
	}
	c.scopes[s] = sc
}

func (c *checker) constantFor(m *syntax.Field, e *entry) *syntax.Field {
	for _, x := range e.set {
		if x.Name.Name == m.Name.Name {
			copied := *m
			if x.Value != nil {
				copied.Value = x.Value
			}
			copied.Attrs = append(slices.Clone(m.Attrs), x.Attrs...)
			return &copied
		}
	}
	return m
}

func withArms(m *syntax.Select, arms []*syntax.Arm) *syntax.Select {
	copied := *m
	copied.Arms = nil
	for _, a := range append(slices.Clone(m.Arms), arms...) {
		if !a.Default {
			copied.Arms = append(copied.Arms, a)
		}
	}
	for _, a := range append(slices.Clone(arms), m.Arms...) {
		if a.Default {
			copied.Arms = append(copied.Arms, a)
			break
		}
	}
	return &copied
}

func (c *checker) name(sc *scope, name string, at diag.Span) {
	key := camel(name) // two names that are one in Go are one everywhere
	if old, ok := sc.seen[key]; ok {
		c.errs.Add(diag.Duplicate, at, "%s has two fields called %s", sc.s.Name, name).Note(old, "the first one is here")
		return
	}
	sc.seen[key] = at
}

// field resolves one field and adds it to the scope.
func (c *checker) field(sc *scope, m *syntax.Field) *Field {
	f := &Field{Name: m.Name.Name, Doc: m.Doc, Span: m.Name.Span}
	c.name(sc, f.Name, m.Name.Span)
	t, by := c.fieldType(m, sc)
	if t == nil {
		return nil
	}
	f.Type = t
	if by != nil {
		c.lengthOf(by, f)
	}
	for _, a := range m.Attrs {
		c.fieldAttr(sc, f, a)
	}
	if m.Value != nil {
		c.value(sc, f, m.Value)
	}
	if f.Ignore && f.Const == nil {
		c.errs.Add(diag.BadAttribute, f.Span, "@ignore is for constants, and %s has no value", f.Name)
	}
	if f.If != nil && f.Hidden() {
		c.errs.Add(diag.BadIf, f.Span, "%s is not in the Go struct, so it cannot be conditional", f.Name)
	}
	if f.Raw {
		c.name(sc, f.Name+"_raw", m.Name.Span)
	}
	sc.fields[f.Name] = f
	return f
}

func (c *checker) fieldAttr(sc *scope, f *Field, a *syntax.Attr) {
	switch {
	case a.Name == "raw" && len(a.Args) == 0:
		f.Raw = true
	case a.Name == "secret" && len(a.Args) == 0:
		f.Secret = true
	case a.Name == "ignore" && len(a.Args) == 0:
		f.Ignore = true
	case a.Name == "if" && len(a.Args) == 1:
		x := a.Args[0]
		not := false
		if n, ok := x.(*syntax.NotExpr); ok {
			x, not = n.X, true
		}
		on := c.earlier(sc, x, diag.BadIf)
		if on != nil {
			f.If = &If{Field: on, Not: not}
		}
	case a.Name == "bind":
		c.bindAttr(f, a)
	case (a.Name == "utf8" || a.Name == "any") && len(a.Args) == 0:
	default:
		c.badAttr(a, "a field")
	}
}

// earlier returns the integer or enum field before this place that x names.
func (c *checker) earlier(sc *scope, x syntax.Expr, code diag.Code) *Field {
	n, ok := x.(*syntax.NameExpr)
	if !ok {
		c.errs.Add(code, x.Where(), "expected the name of an earlier field")
		return nil
	}
	parts := n.Parts
	if len(parts) == 2 && parts[0].Name == sc.s.Name {
		parts = parts[1:]
	}
	f := sc.fields[dotted(parts)]
	if f == nil {
		c.errs.Add(diag.Undeclared, n.Span, "no earlier field of %s is called %s", sc.s.Name, dotted(parts))
		return nil
	}
	switch Resolve(f.Type).(type) {
	case *Int, *Enum, *Varint:
		if f.Hidden() || f.If != nil {
			c.errs.Add(code, n.Span, "%s cannot be chosen by: it is constant, derived or conditional", f.Name).Note(f.Span, "it is declared here")
			return nil
		}
		return f
	}
	c.errs.Add(code, n.Span, "%s is not an integer or an enum", f.Name).Note(f.Span, "it is declared here")
	return nil
}

// value gives a field its constant, or notes what it is derived from.
func (c *checker) value(sc *scope, f *Field, x syntax.Expr) {
	if a, ok := x.(*syntax.AttrExpr); ok {
		f.Checksum = &Checksum{}
		c.later(f, a)
		return
	}
	if measures(x) {
		switch Resolve(f.Type).(type) {
		case *Int, *Varint:
			if f.Derived != nil {
				c.errs.Add(diag.BadDerived, x.Where(), "%s is already the length of another field", f.Name)
				return
			}
			f.Derived = &Derived{Div: 1}
			c.later(f, x)
		default:
			c.errs.Add(diag.BadDerived, x.Where(), "a length can only be an integer")
		}
		return
	}
	if _, isEnum := Resolve(f.Type).(*Enum); !isEnum {
		if n, open := c.leftOpen(x); open {
			c.openValue(sc, f, x, n)
			return
		}
	}
	f.Const = &Constant{}
	switch t := Resolve(f.Type).(type) {
	case *Int:
		n, ok := c.number(x)
		if ok && t.Bits < 64 && n>>t.Bits != 0 {
			c.errs.Add(diag.BadConst, x.Where(), "%d does not fit in %d bits", n, t.Bits)
		}
		f.Const.Number = n
	case *Varint:
		n, ok := c.number(x)
		if ok && n > t.Max() {
			c.errs.Add(diag.BadConst, x.Where(), "%d is more than the varint holds", n)
		}
		f.Const.Number = n
	case *Enum:
		if n, ok := x.(*syntax.NameExpr); ok {
			if name, ok := valueName(t, n); ok {
				switch v := t.Find(name); {
				case v == nil:
					c.errs.Add(diag.BadLabel, x.Where(), "%s has no value %s", t.Name, name).Note(t.Span, "it is declared here")
				case v.Value != v.Last:
					c.errs.Add(diag.BadLabel, x.Where(), "%s of %s is several values", name, t.Name).Note(v.Span, "it is declared here")
				default:
					f.Const.Number = v.Value
				}
				return
			}
		}
		n, ok := c.number(x)
		if ok && t.Int.Bits < 64 && n>>t.Int.Bits != 0 {
			c.errs.Add(diag.BadConst, x.Where(), "%d does not fit in %s", n, t.Name)
		}
		f.Const.Number = n
	case *Vector:
		if !t.Bytewise() || t.Length.Kind != Fixed {
			c.errs.Add(diag.BadConst, x.Where(), "only integers and fixed runs of bytes can be constant")
			return
		}
		switch x := x.(type) {
		case *syntax.StringExpr:
			f.Const.Bytes = []byte(x.Value)
			if uint64(len(x.Value)) != t.Length.Min {
				c.errs.Add(diag.BadConst, x.Span, "the string has %d bytes, the field %d", len(x.Value), t.Length.Min)
			}
		case *syntax.NumberExpr:
			if t.Length.Min > 1<<16 {
				c.errs.Add(diag.BadConst, x.Span, "the constant is larger than 64 KiB")
				return
			}
			f.Const.Bytes = make([]byte, t.Length.Min)
			for i, v := len(f.Const.Bytes)-1, x.Value; i >= 0; i, v = i-1, v>>8 {
				f.Const.Bytes[i] = byte(v)
			}
		default:
			c.errs.Add(diag.BadConst, x.Where(), "expected a string or a number")
		}
	default:
		c.errs.Add(diag.BadConst, x.Where(), "only integers and fixed runs of bytes can be constant")
	}
}

func (c *checker) later(f *Field, x syntax.Expr) {
	if c.pending == nil {
		c.pending = map[*Field]syntax.Expr{}
	}
	c.pending[f] = x
}

// fieldType resolves the type of a field or type declaration with its vector.
// by is the field that holds the length, if that is one before it.
func (c *checker) fieldType(m *syntax.Field, sc *scope) (t Type, by *Field) {
	attr := func(name string) bool {
		return slices.ContainsFunc(m.Attrs, func(a *syntax.Attr) bool { return a.Name == name })
	}
	elem := c.typ(&m.Type, sc, m.Name.Name)
	if elem == nil {
		return nil, nil
	}
	if v, ok := elem.(*Varint); ok && attr("any") {
		elem = &Varint{v.Form, true}
	} else if attr("any") {
		c.errs.Add(diag.BadAttribute, m.Span, "@any is for varints")
	}
	opaque := elem == opaqueByte
	if opaque {
		elem = &Int{Bits: 8}
	}
	if m.Vector == nil {
		if opaque {
			c.errs.Add(diag.BadLength, m.Span, "opaque needs a length: %s[n], %s<a..b> or %s[..]", m.Name.Name, m.Name.Name, m.Name.Name)
			return nil, nil
		}
		if attr("utf8") {
			c.errs.Add(diag.BadAttribute, m.Span, "@utf8 is for opaque")
		}
		return elem, nil
	}
	v := &Vector{Elem: elem, Opaque: opaque, Text: attr("utf8")}
	if v.Text && !opaque {
		c.errs.Add(diag.BadAttribute, m.Span, "@utf8 is for opaque")
	}
	by, ok := c.length(v, m.Vector, sc)
	if !ok {
		return nil, nil
	}
	if i, ok := elem.(*Int); ok && i.Bits > 8 && v.Length.Kind == Fixed && v.Length.Unit == Bytes {
		if n := v.Length.Min * 8 / uint64(i.Bits); n != v.Length.Min && v.Length.Min*8%uint64(i.Bits) == 0 {
			c.errs.Add(diag.LooksCount, m.Vector.Span, "[%d] counts bytes, which is %d element%s: write {%d} or {%d} to count elements",
				v.Length.Min, n, plural(n), n, v.Length.Min).Warning = true
		}
	}
	return v, by
}

func plural(n uint64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

var opaqueByte = &Int{Bits: 8}

// typ resolves the name of a type.
func (c *checker) typ(t *syntax.Type, sc *scope, field string) Type {
	if t.Struct {
		if sc == nil {
			c.errs.Add(diag.Syntax, t.Name.Span, "a struct without a name can only be the type of a field")
			return nil
		}
		return c.inner(sc, field, t.Members, "", t.Name.Span)
	}
	name := t.Name.Name
	if t.Arg != nil {
		if name != "optional" {
			c.errs.Add(diag.NotAType, t.Name.Span, "only optional<T> takes a type")
			return nil
		}
		arg := c.typ(t.Arg, sc, field)
		if arg == nil {
			return nil
		}
		if arg == opaqueByte {
			c.errs.Add(diag.BadLength, t.Arg.Name.Span, "opaque needs a length")
			return nil
		}
		return &Optional{arg}
	}
	if e := c.names[name]; e != nil {
		if d, ok := e.decl.(*Struct); ok {
			return d
		}
		d := c.resolve(e)
		if d == nil {
			return nil
		}
		if t, ok := d.(Type); ok {
			return t
		}
		c.errs.Add(diag.NotAType, t.Name.Span, "%s is not a type", name).Note(d.Where(), "it is declared here")
		return nil
	}
	switch name {
	case "opaque":
		return opaqueByte
	case mlsLength:
		return &Varint{Form: MLS}
	case "varint":
		return &Varint{Form: QUIC}
	case "leb128":
		return &Varint{Form: LEB128}
	}
	if digits, ok := strings.CutPrefix(name, "uint"); ok {
		digits, little := strings.CutSuffix(digits, "le")
		n, err := strconv.Atoi(digits)
		if err == nil && digits[0] != '0' {
			if n < 1 || n > 64 || little && (n%8 != 0 || n == 8) {
				c.errs.Add(diag.BadWidth, t.Name.Span, "there is no integer %s: widths are 1 to 64, little-endian ones whole bytes", name)
				return nil
			}
			return &Int{n, little}
		}
	}
	c.errs.Add(diag.Undeclared, t.Name.Span, "no type is called %s", name)
	return nil
}

// inner makes a struct from members that stand inside another.
func (c *checker) inner(sc *scope, name string, members []syntax.Member, doc string, span diag.Span) *Struct {
	s := &Struct{Name: sc.s.Name + camel(name), Doc: doc, Span: span, Of: sc.s}
	if old := c.names[s.Name]; old != nil {
		c.errs.Add(diag.Duplicate, span, "the struct made here would be called %s, which is taken", s.Name).Note(old.syn.Where(), "by this")
	}
	c.names[s.Name] = &entry{syn: &syntax.StructDecl{Name: syntax.Ident{Name: s.Name, Span: span}}, decl: s}
	c.file.Decls = append(c.file.Decls, s)
	c.members(s, members, nil, sc)
	return s
}

// camel turns some_name into SomeName.
func camel(name string) string {
	var b strings.Builder
	for _, part := range strings.Split(name, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// length resolves the length of a vector.
func (c *checker) length(v *Vector, x *syntax.Vector, sc *scope) (by *Field, ok bool) {
	l := &v.Length
	if x.Open == "{" {
		l.Unit = Elements
	}
	switch {
	case x.Greedy:
		l.Kind, l.Max = Greedy, math.MaxUint64
		return nil, true
	case x.Varint:
		l.Kind, l.Prefix, l.Max = Prefixed, &Varint{Form: MLS}, 1<<30-1
		return nil, true
	}
	if x.Max == nil && x.Open != "<" {
		if n, isName := x.Min.(*syntax.NameExpr); isName && sc != nil {
			if f := sc.fields[dotted(ownParts(sc, n.Parts))]; f != nil {
				l.Kind, l.Max, l.By = ByField, math.MaxUint64, f
				return f, true
			}
			if c.names[dotted(n.Parts)] == nil {
				l.Kind, l.Max, l.By = ByParam, math.MaxUint64, c.given(sc, n)
				return nil, l.By != nil
			}
		}
		n, ok := c.number(x.Min)
		l.Kind, l.Min, l.Max = Fixed, n, n
		if ok && n > 1<<30 {
			c.errs.Add(diag.BadRange, x.Span, "a fixed length of %d is more than 2^30", n)
			return nil, false
		}
		return nil, ok
	}
	if x.Max == nil {
		// RFC 8446 writes <n> nowhere; a single number would be a fixed length.
		c.errs.Add(diag.BadRange, x.Span, "expected <floor..ceiling>")
		return nil, false
	}
	lo, ok1 := c.number(x.Min)
	hi, ok2 := c.number(x.Max)
	if !ok1 || !ok2 {
		return nil, false
	}
	if hi < lo || hi > 1<<40 {
		c.errs.Add(diag.BadRange, x.Span, "the range %d..%d is empty or goes above 2^40", lo, hi)
		return nil, false
	}
	l.Kind, l.Min, l.Max = Prefixed, lo, hi
	l.Prefix = &Int{Bits: 8 * widthOf(hi)}
	if x.Prefix != nil {
		t := c.typ(x.Prefix, sc, "")
		switch t := Resolve(t).(type) {
		case nil:
			return nil, false
		case *Int:
			if t.Bits%8 != 0 || t.Bits < 64 && hi>>t.Bits != 0 {
				c.errs.Add(diag.BadRange, x.Span, "%d does not fit the prefix, or the prefix is not whole bytes", hi)
				return nil, false
			}
			l.Prefix = t
		case *Varint:
			if hi > t.Max() {
				c.errs.Add(diag.BadRange, x.Span, "%d does not fit the prefix", hi)
				return nil, false
			}
			l.Prefix = t
		default:
			c.errs.Add(diag.BadLength, x.Span, "a prefix is an integer or a varint")
			return nil, false
		}
	}
	return nil, true
}

// lengthOf makes by the length of the vector f.
func (c *checker) lengthOf(by, f *Field) {
	v := f.Type.(*Vector)
	switch Resolve(by.Type).(type) {
	case *Int, *Varint:
	default:
		c.errs.Add(diag.BadLength, f.Span, "%s cannot be a length: it is not an integer", by.Name).Note(by.Span, "it is declared here")
		return
	}
	switch {
	case by.Derived != nil && c.pending[by] != nil:
		// "uint16 n = sizeof(x); opaque x[n];" says it twice; the expression wins.
		v.Length = Length{Kind: Greedy, Max: math.MaxUint64}
		return
	case by.Hidden():
		d := c.errs.Add(diag.BadLength, f.Span, "%s is already the length of something, or constant", by.Name)
		d.Note(by.Span, "it is declared here")
		return
	case by.If != nil:
		c.errs.Add(diag.BadLength, f.Span, "%s may be absent", by.Name).Note(by.Span, "it is declared here")
		return
	}
	count := v.Length.Unit == Elements
	by.Derived = &Derived{Div: 1, Terms: []Term{{Times: 1, Count: count, Of: f}}}
	if !count {
		by.Derived.Confines = f
		f.ConfinedBy = by
	}
}
