package types

import (
	"math"
	"strings"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// measures reports whether an expression asks for a size or a count.
func measures(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.CallExpr:
		return x.Func.Name == "sizeof" || x.Func.Name == "count"
	case *syntax.BinaryExpr:
		return measures(x.X) || measures(x.Y)
	}
	return false
}

// derive resolves what a field is derived from. Sizes are looked at later, in
// finishDerived, when they are known.
func (c *checker) derive(sc *scope, f *Field, x syntax.Expr) {
	if a, ok := x.(*syntax.AttrExpr); ok {
		c.checksum(sc, f, a)
		return
	}
	d, ok := c.linear(sc, x)
	if !ok {
		return
	}
	*f.Derived = *d
	for _, t := range d.Terms {
		if t.Of == nil {
			if sc.s.Length != nil && sc.s.Length != f {
				c.errs.Add(diag.BadDerived, x.Where(), "%s has its size in two fields", sc.s.Name).Note(sc.s.Length.Span, "the first one is here")
				return
			}
			sc.s.Length = f
			f.Derived.Self = true
		}
	}
}

// linear turns an expression into (plus + sum of terms) / div.
func (c *checker) linear(sc *scope, x syntax.Expr) (*Derived, bool) {
	if !measures(x) {
		n, ok := c.number(x)
		if ok && n > math.MaxInt32 {
			c.errs.Add(diag.BadDerived, x.Where(), "the number is too large for a length")
			return nil, false
		}
		return &Derived{Plus: int64(n), Div: 1}, ok
	}
	switch x := x.(type) {
	case *syntax.CallExpr:
		return c.measure(sc, x)
	case *syntax.BinaryExpr:
		a, ok := c.linear(sc, x.X)
		if !ok {
			return nil, false
		}
		b, ok := c.linear(sc, x.Y)
		if !ok {
			return nil, false
		}
		if d := combine(x.Op, a, b); d != nil {
			return d, true
		}
		c.errs.Add(diag.BadDerived, x.Where(), "a length can be a sum of sizes, each times a number, divided by a number")
	}
	return nil, false
}

// combine applies an operator to two lengths, or returns nil if the result is
// not linear. Numbers above 2^40 in between are refused as well.
func combine(op string, a, b *Derived) *Derived {
	out := &Derived{Plus: a.Plus, Div: a.Div}
	scale := func(d *Derived, n int64) []Term {
		terms := make([]Term, len(d.Terms))
		for i, t := range d.Terms {
			t.Times *= n
			terms[i] = t
		}
		return terms
	}
	switch op {
	case "+", "-":
		sign := int64(1)
		if op == "-" {
			sign = -1
		}
		out.Div = a.Div * b.Div
		out.Plus = a.Plus*b.Div + sign*b.Plus*a.Div
		out.Terms = append(scale(a, b.Div), scale(b, sign*a.Div)...)
	case "*":
		if len(a.Terms) > 0 && len(b.Terms) > 0 {
			return nil
		}
		if len(a.Terms) == 0 {
			a, b = b, a
		}
		if b.Div != 1 {
			return nil
		}
		out.Div, out.Plus, out.Terms = a.Div, a.Plus*b.Plus, scale(a, b.Plus)
	case "/":
		if len(b.Terms) > 0 || b.Div != 1 || b.Plus < 1 {
			return nil
		}
		out.Div, out.Terms = a.Div*b.Plus, a.Terms
	default:
		return nil
	}
	const limit = 1 << 40
	if out.Div > limit || out.Plus > limit || out.Plus < -limit {
		return nil
	}
	for _, t := range out.Terms {
		if t.Times > limit || t.Times < -limit || t.Times == 0 {
			return nil
		}
	}
	return out
}

// measure resolves sizeof(x) or count(x).
func (c *checker) measure(sc *scope, x *syntax.CallExpr) (*Derived, bool) {
	n, ok := x.Arg.(*syntax.NameExpr)
	if !ok {
		c.errs.Add(diag.BadDerived, x.Span, "%s takes the name of a field", x.Func.Name)
		return nil, false
	}
	name := strings.TrimPrefix(dotted(n.Parts), sc.s.Name+".")
	count := x.Func.Name == "count"
	term := Term{Times: 1, Count: count}
	if f := c.memberNamed(sc, name); f != nil {
		term.Of = f
		if field, ok := f.(*Field); count && ok {
			if _, ok := Resolve(field.Type).(*Vector); !ok {
				c.errs.Add(diag.BadDerived, n.Span, "%s is not a vector, so it has no count", name).Note(field.Span, "it is declared here")
				return nil, false
			}
		}
		return &Derived{Div: 1, Terms: []Term{term}}, true
	}
	if !count && name == sc.s.Name {
		return &Derived{Div: 1, Terms: []Term{term}}, true
	}
	if e := c.names[name]; e != nil && !count {
		if t, ok := c.resolve(e).(Type); ok {
			if s, ok := Resolve(t).(*Struct); ok {
				if c.laid[s] == laying {
					c.errs.Add(diag.Cycle, n.Span, "the size of %s needs that of %s", name, sc.s.Name).Note(e.syn.Where(), "%s is declared here", name)
					return nil, false
				}
				c.layout(s)
			}
			if size := t.Size(); size.Fixed() {
				return &Derived{Div: 1, Plus: size.Bytes().Max}, true
			}
			c.errs.Add(diag.BadDerived, n.Span, "the size of a %s varies, so it has to be that of a field", name).Note(e.syn.Where(), "it is declared here")
			return nil, false
		}
	}
	c.errs.Add(diag.Undeclared, n.Span, "%s has no member %s", sc.s.Name, name)
	return nil, false
}

func (c *checker) memberNamed(sc *scope, name string) Member {
	if s := sc.selects[name]; s != nil {
		return s
	}
	for _, f := range sc.s.Fields() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// checksum resolves "@crc32c(a..b)", "@internet(Struct)" and the like.
func (c *checker) checksum(sc *scope, f *Field, x *syntax.AttrExpr) {
	a := x.Attr
	sizes := map[string]struct {
		kind  ChecksumKind
		bytes int64
	}{"internet": {Internet, 2}, "crc32c": {CRC32C, 4}, "sha256": {SHA256, 32}, "md5": {MD5, 16}}
	k, ok := sizes[a.Name]
	if !ok || len(a.Args) > 1 {
		c.errs.Add(diag.BadChecksum, a.Span, "expected @internet, @crc32c, @sha256 or @md5 of a field, a range of fields or the struct")
		return
	}
	f.Checksum.Kind = k.kind
	switch t := Resolve(f.Type).(type) {
	case *Int:
		ok = t.Bits%8 == 0 && int64(t.Bits) <= 8*k.bytes && !t.Little
	case *Vector:
		ok = t.Bytewise() && t.Length.Kind == Fixed && int64(t.Length.Min) <= k.bytes
	default:
		ok = false
	}
	if !ok || f.Type.Size().Max == 0 {
		c.errs.Add(diag.BadChecksum, f.Span, "@%s is %d bytes; the field holds that or the first of them, as opaque or as a big-endian integer", a.Name, k.bytes)
		return
	}
	if len(a.Args) == 0 {
		return // the whole struct
	}
	member := func(x syntax.Expr) Member {
		n, ok := x.(*syntax.NameExpr)
		if !ok {
			c.errs.Add(diag.BadChecksum, x.Where(), "expected the name of a field")
			return nil
		}
		m := c.memberNamed(sc, dotted(n.Parts))
		if m == nil {
			c.errs.Add(diag.Undeclared, n.Span, "%s has no member %s", sc.s.Name, dotted(n.Parts))
		}
		return m
	}
	if n, ok := a.Args[0].(*syntax.NameExpr); ok && a.Last == nil && dotted(n.Parts) == sc.s.Name && c.memberNamed(sc, sc.s.Name) == nil {
		return // the whole struct
	}
	f.Checksum.From = member(a.Args[0])
	f.Checksum.To = f.Checksum.From
	if a.Last != nil {
		f.Checksum.To = member(a.Last)
	}
	if f.Checksum.From != nil && f.Checksum.To != nil && index(sc.s, f.Checksum.To) < index(sc.s, f.Checksum.From) {
		c.errs.Add(diag.BadChecksum, a.Span, "the range ends before it begins")
	}
}

func index(s *Struct, m Member) int {
	for i, x := range s.Members {
		if x == m {
			return i
		}
	}
	return -1
}

// finishDerived folds terms of fixed size and finds what the length confines.
func (c *checker) finishDerived(s *Struct, f *Field) {
	d := f.Derived
	if x := c.pending[f]; x == nil {
		return // made by a [field] length
	}
	var terms []Term
	for _, t := range d.Terms {
		// Not for a select: a body without a case may have any size.
		if of, ok := t.Of.(*Field); ok && !t.Count {
			if size := sizeOf(of); size.Fixed() {
				d.Plus += t.Times * size.Bytes().Max
				continue
			}
		}
		terms = append(terms, t)
	}
	d.Terms = terms
	for i, t := range terms {
		for _, u := range terms[:i] {
			if u.Of == t.Of && u.Count == t.Count {
				c.errs.Add(diag.BadDerived, f.Span, "%s counts the same thing twice", f.Name)
				return
			}
		}
		if (t.Count || t.Of == nil) && len(terms) > 1 {
			c.errs.Add(diag.BadDerived, f.Span, "a count, or the size of the struct, cannot be added to another size")
			return
		}
	}
	// The field confines the last thing that it measures, if that comes after
	// it: whatever is known then leaves one size open.
	last := -1
	for _, t := range terms {
		if t.Of != nil && !t.Count {
			last = max(last, index(s, t.Of))
		}
	}
	if last < index(s, f) {
		return
	}
	for _, t := range terms {
		if index(s, t.Of) == last {
			d.Confines = t.Of
			switch m := t.Of.(type) {
			case *Field:
				if m.ConfinedBy != nil {
					c.errs.Add(diag.BadDerived, m.Span, "the size of %s is given twice", m.Name).
						Note(m.ConfinedBy.Span, "here").Note(f.Span, "and here")
				}
				m.ConfinedBy = f
			case *Select:
				m.ConfinedBy = f
			}
		}
	}
}
