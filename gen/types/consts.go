package types

import (
	"fmt"
	"math/bits"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// number computes a constant expression. Where it fails it has said so.
func (c *checker) number(e syntax.Expr) (uint64, bool) {
	switch e := e.(type) {
	case *syntax.NumberExpr:
		return e.Value, true
	case *syntax.NameExpr:
		name := dotted(e.Parts)
		en := c.names[name]
		if en == nil {
			c.errs.Add(diag.Undeclared, e.Span, "no constant is called %s", name)
			return 0, false
		}
		d := c.resolve(en)
		if k, ok := d.(*Const); ok {
			return k.Value, true
		}
		if d == nil {
			return 0, false // said already
		}
		c.errs.Add(diag.NotAConst, e.Span, "%s is not a constant", name).Note(en.syn.Where(), "it is declared here")
		return 0, false
	case *syntax.BinaryExpr:
		x, ok := c.number(e.X)
		if !ok {
			return 0, false
		}
		y, ok := c.number(e.Y)
		if !ok {
			return 0, false
		}
		v, ok := compute(e.Op, x, y)
		if !ok {
			c.errs.Add(diag.BadNumber, e.Where(), "%d %s %d is not a number of 64 bits", x, e.Op, y)
		}
		return v, ok
	}
	c.errs.Add(diag.NotAConst, e.Where(), "expected a constant number")
	return 0, false
}

// compute applies an operator, and reports whether the result is a number of 64
// bits without sign.
func compute(op string, x, y uint64) (uint64, bool) {
	switch op {
	case "+":
		v, carry := bits.Add64(x, y, 0)
		return v, carry == 0
	case "-":
		return x - y, x >= y
	case "*":
		high, low := bits.Mul64(x, y)
		return low, high == 0
	case "/":
		if y == 0 {
			return 0, false
		}
		return x / y, true
	case "^":
		if x == 2 {
			return 1 << y, y < 64
		}
		v := uint64(1)
		for range min(y, 65) {
			high, low := bits.Mul64(v, x)
			if high != 0 {
				return 0, false
			}
			v = low
		}
		return v, x < 2 || y <= 64
	}
	return 0, false
}

func dotted(parts []syntax.Ident) string {
	s := parts[0].Name
	for _, p := range parts[1:] {
		s += "." + p.Name
	}
	return s
}

// enum resolves an enum.
func (c *checker) enum(d *syntax.EnumDecl, e *entry) Decl {
	out := &Enum{Name: d.Name.Name, Doc: d.Doc, Span: d.Name.Span}
	var top uint64
	given := false
	names := map[string]*EnumValue{}
	for _, v := range append(append([]*syntax.EnumValue(nil), d.Values...), e.enum...) {
		if v.Value == nil {
			c.errs.Add(diag.BadNumber, v.Span, "%s has no number, so it cannot be written", v.Name.Name)
			continue
		}
		n, ok := c.number(v.Value)
		if !ok {
			continue
		}
		last := n
		if v.Last != nil {
			if last, ok = c.number(v.Last); !ok {
				continue
			}
			if last < n {
				c.errs.Add(diag.BadRange, v.Span, "the range ends before it begins")
				continue
			}
		}
		given, top = true, max(top, last)
		if v.Name.Name == "" {
			continue
		}
		ev := &EnumValue{Name: v.Name.Name, Doc: v.Doc, Value: n, Last: last, Span: v.Span}
		if old := names[ev.Name]; old != nil && (old.Last > old.Value || last > n) {
			// RFC 8446 has several ranges of the same name.
			for i := 2; names[ev.Name] != nil; i++ {
				ev.Name = fmt.Sprintf("%s_%d", v.Name.Name, i)
			}
		} else if old != nil {
			c.errs.Add(diag.Duplicate, v.Span, "%s is named twice in %s", ev.Name, out.Name).Note(old.Span, "the first one is here")
			continue
		}
		for _, old := range out.Values {
			if old.Value == ev.Value && old.Last == old.Value && ev.Last == ev.Value {
				c.errs.Add(diag.Duplicate, v.Span, "%s and %s are both %d", old.Name, ev.Name, n).Note(old.Span, "the first one is here")
			}
		}
		names[ev.Name] = ev
		out.Values = append(out.Values, ev)
	}
	if !given {
		c.errs.Add(diag.BadWidth, d.Name.Span, "%s has no values, so it has no width", out.Name)
	}
	out.Int.Bits = widthOf(top) * 8
	for _, a := range append(append([]*syntax.Attr(nil), d.Attrs...), e.attrs...) {
		switch {
		case a.Name == "closed" && len(a.Args) == 0:
			out.Closed = true
		case a.Name == "bits" && len(a.Args) == 1:
			n, ok := c.number(a.Args[0])
			if ok && (n < 1 || n > 64 || n < 64 && top>>n != 0) {
				c.errs.Add(diag.BadWidth, a.Span, "the value %d of %s does not fit in %d bits", top, out.Name, n)
			} else if ok {
				out.Int.Bits = int(n)
			}
		case a.Name == "le" && len(a.Args) == 0:
			out.Int.Little = true
		default:
			c.badAttr(a, "an enum")
		}
	}
	return out
}

// named makes an enum of a plain integer, "uint16 ProposalType;", to which extend
// gives names: RFC 9420 leaves these to registries.
func (c *checker) named(d *syntax.TypeDecl, e *entry) Decl {
	f := d.Field
	i, ok := c.typ(&f.Type, nil, "").(*Int)
	if !ok || f.Vector != nil || i.Bits < 8 {
		c.errs.Add(diag.NotAType, f.Name.Span, "only values of an enum or of an integer can have names").Note(e.enum[0].Span, "this would be one")
		return nil
	}
	out, _ := c.enum(&syntax.EnumDecl{Doc: f.Doc, Name: f.Name, Attrs: f.Attrs}, e).(*Enum)
	if out.Int.Bits > i.Bits {
		c.errs.Add(diag.BadWidth, f.Name.Span, "a value of %s does not fit in %d bits", out.Name, i.Bits)
	}
	out.Int = *i
	return out
}

// widthOf returns how many bytes hold n, at least one.
func widthOf(n uint64) int { return max(1, (bits.Len64(n)+7)/8) }
