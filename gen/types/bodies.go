package types

import (
	"math/bits"
	"strconv"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// mlsLength is the name under which a length <V> is a type. No source can have it.
const mlsLength = "<V>"

// bodies puts what extend says about the bytes in fields into a struct: of
//
//	struct { Type type; opaque body<0..2^16-1>; } X;
//	extend X { select (type) { case a: A; } body; }
//
// it makes
//
//	struct {
//	    Type type;
//	    uint16 body_length = sizeof(body);
//	    select (type) { case a: A; default: opaque body[..]; } body;
//	} X;
func (c *checker) bodies(s *Struct, in []syntax.Member, e *entry) []syntax.Member {
	used := 0
	var out []syntax.Member
	for _, m := range in {
		f, ok := m.(*syntax.Field)
		if !ok {
			out = append(out, m)
			continue
		}
		sel := bodyOf(e, f.Name.Name)
		if sel == nil {
			out = append(out, m)
			continue
		}
		used++
		length := c.lengthType(f)
		if length == "" {
			c.errs.Add(diag.BadSelect, sel.Span, "only bytes with a length in front, and no limits but that of its width, can hold a choice").
				Note(f.Span, "%s is declared here", f.Name.Name)
			continue
		}
		copied := *sel
		copied.Name = f.Name
		if copied.Doc == "" {
			copied.Doc = f.Doc
		}
		hasDefault := false
		for _, a := range sel.Arms {
			hasDefault = hasDefault || a.Default
		}
		if !hasDefault {
			rest := *f
			rest.Vector = &syntax.Vector{Open: "[", Greedy: true, Span: f.Vector.Span}
			copied.Arms = append(copied.Arms[:len(copied.Arms):len(copied.Arms)], &syntax.Arm{Default: true, Members: []syntax.Member{&rest}, Span: sel.Span})
		}
		out = append(out, &syntax.Field{
			Type:  syntax.Type{Name: syntax.Ident{Name: length, Span: f.Type.Name.Span}},
			Name:  syntax.Ident{Name: f.Name.Name + "_length", Span: f.Name.Span},
			Value: &syntax.CallExpr{Func: syntax.Ident{Name: "sizeof", Span: f.Span}, Arg: &syntax.NameExpr{Parts: []syntax.Ident{f.Name}, Span: f.Span}, Span: f.Span},
			Span:  f.Span,
		}, &copied)
	}
	if used < len(e.lies) {
		for _, sel := range e.lies {
			if !hasField(in, sel.Name.Name) {
				c.errs.Add(diag.Undeclared, sel.Span, "%s has no field %q of bytes that this could lie in", s.Name, sel.Name.Name).Note(s.Span, "it is declared here")
			}
		}
	}
	return out
}

func bodyOf(e *entry, name string) *syntax.Select {
	for _, sel := range e.lies {
		if sel.Name.Name == name {
			return sel
		}
	}
	return nil
}

func hasField(in []syntax.Member, name string) bool {
	for _, m := range in {
		if f, ok := m.(*syntax.Field); ok && f.Name.Name == name {
			return true
		}
	}
	return false
}

// lengthType returns the type of the length in front of a field of bytes, or "" if
// it has none that says all.
func (c *checker) lengthType(f *syntax.Field) string {
	v := f.Vector
	switch {
	case v == nil || f.Type.Name.Name != "opaque" || v.Open != "<" || v.Prefix != nil:
		return ""
	case v.Varint:
		return mlsLength
	case v.Max == nil:
		return ""
	}
	lo, ok1 := c.number(v.Min)
	hi, ok2 := c.number(v.Max)
	if width := bits.Len64(hi); ok1 && ok2 && lo == 0 && width%8 == 0 && hi == 1<<width-1 {
		return "uint" + strconv.Itoa(width)
	}
	return ""
}
