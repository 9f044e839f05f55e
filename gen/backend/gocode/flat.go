package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A flat struct has some numbers and arrays of bytes, of which one may be the length
// of the struct, and then perhaps the rest. Nothing can be wrong with it but its
// length. Its Decode makes an error without a call (codec.Cut), and is so small for it
// that Go inlines it where it is called.
type flat struct {
	fields []slot
	bytes  int
	length *slot        // nil without one
	rest   *types.Field // nil without one
}

// flatten returns the parts of a flat struct.
func (g *generator) flatten(s *types.Struct) (fl flat, ok bool) {
	if len(s.Params) > 0 || s.Recursive || s.MaxBytes > 0 {
		return fl, false
	}
	length := -1
	for i, m := range s.Members {
		f, isField := m.(*types.Field)
		if !isField {
			return fl, false
		}
		if v, ok := types.Resolve(f.Type).(*types.Vector); ok && i == len(s.Members)-1 && v.Length.Kind == types.Greedy {
			if !v.Bytewise() || v.Text || f.If != nil || f.Raw || f.Starts != nil || f.ConfinedBy != nil || g.measured(s, f) {
				return fl, false
			}
			fl.rest = f
			break
		}
		if !blockable(f) || f.Const != nil || f.Checksum != nil || !flatType(f.Type) {
			return fl, false
		}
		fl.fields = append(fl.fields, slot{f, 8 * fl.bytes, int(f.Type.Size().Max)})
		fl.bytes += int(f.Type.Size().Max / 8)
		if d := f.Derived; d != nil {
			if !d.Self || !direct(d) || f.Type.Size().Max > 24 {
				return fl, false
			}
			length = i
		}
	}
	if length >= 0 {
		fl.length = &fl.fields[length]
	}
	// More fields are more than the inliner takes; then there is nothing to win.
	return fl, len(fl.fields) > 0 && len(fl.fields) <= 6 && (fl.length == nil || fl.rest != nil)
}

func (g *generator) isFlat(s *types.Struct) bool {
	_, ok := g.flatten(s)
	return ok
}

// flatType reports whether a value is read in one go, whatever it is.
func flatType(t types.Type) bool {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		return t.Bits%8 == 0
	case *types.Enum:
		return !t.Closed && t.Int.Bits%8 == 0
	case *types.Vector:
		return isArray(t) && t.Bytewise()
	}
	return false
}

// layout names the variable that describes a flat struct to codec.Cut.
func (g *generator) layout(s *types.Struct) string { return "layoutOf" + g.names.of(s) }

// decodeFlat writes the body of Decode for a flat struct.
func (g *generator) decodeFlat(s *types.Struct, fl flat) {
	cut := fmt.Sprintf("codec.Cut{Of: &%s, Have: len(b)}", g.layout(s))
	end := "len(b)"
	if fl.length == nil {
		g.p("if len(b) < %d {", fl.bytes)
	} else {
		end = "n"
		cut = fmt.Sprintf("codec.Cut{Of: &%s, Have: len(b), Says: n}", g.layout(s))
		expr, _ := read("b", fl.length.at, fl.length.bits, fl.length.little())
		g.p("n := 0")
		g.p("if len(b) >= %d {", fl.length.byteAt()+fl.length.bits/8)
		g.p("n = int(%s)", expr)
		g.p("}")
		g.p("if n < %d || n > len(b) {", fl.bytes)
	}
	g.p("return 0, %s", cut)
	g.p("}")
	d := &decoding{g: g, s: s}
	src := "b"
	if len(fl.fields) > 1 && fl.bytes > 2 {
		src = "p"
		g.p("p := (*[%d]byte)(b)", fl.bytes)
	}
	for _, f := range fl.fields {
		if f.Derived == nil {
			d.slot(f, src)
		}
	}
	if fl.rest == nil {
		g.p("return %d, nil", fl.bytes)
	} else {
		g.p("m.%s = b[%d:%s:%s]", g.fieldName(fl.rest), fl.bytes, end, end)
		g.p("return %s, nil", end)
	}

	after := &g.fn.after
	var names, ends []string
	for _, f := range fl.fields {
		names = append(names, fmt.Sprintf("%q", f.Name))
		ends = append(ends, fmt.Sprint(f.byteAt()+f.bits/8))
	}
	fmt.Fprintf(after, "var %s = codec.Layout{\nMessage: %s, Fields: []string{%s},\nEnds: []int{%s}", g.layout(s), g.fn.name, strings.Join(names, ", "), strings.Join(ends, ", "))
	if fl.length != nil {
		fmt.Fprintf(after, ", Length: %q", fl.length.Name)
	}
	after.WriteString(",\n}\n\n")
}
