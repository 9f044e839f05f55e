package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// patched reports whether a length is filled in afterwards, because it would take
// a walk over what it measures to know it before.
func (e *encoding) patched(f slot) bool {
	i := intOf(f.Type)
	d := f.Derived
	if f.at%8 != 0 || i.Bits%8 != 0 || d.Div != 1 || len(d.Terms) != 1 || d.Terms[0].Times != 1 || d.Terms[0].Count {
		return false
	}
	switch m := d.Terms[0].Of.(type) {
	case nil:
		return !cheap(e.s, map[*types.Struct]bool{})
	case *types.Field:
		return m.If == nil && !late(e.s, f.Field) && !blockable(m) && !cheapType(m.Type, map[*types.Struct]bool{})
	case *types.Select:
		return !late(e.s, f.Field)
	}
	return false
}

// cheap reports whether the size of a struct is a sum of lengths.
func cheap(s *types.Struct, seen map[*types.Struct]bool) bool {
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Field:
			if !cheapType(m.Type, seen) {
				return false
			}
		case *types.Select:
			return false
		}
	}
	return true
}

func cheapType(t types.Type, seen map[*types.Struct]bool) bool {
	switch t := types.Resolve(t).(type) {
	case *types.Vector:
		return t.Elem.Size().Fixed()
	case *types.Optional:
		return false
	case *types.Struct:
		return t.Size().Fixed() || cheap(t, seen)
	}
	return true
}

// patch fills in a length.
func (e *encoding) patch(f *types.Field) {
	g := e.g
	name := local(f.Name)
	from := "start"
	if !f.Derived.Self {
		from = name + "From"
	}
	i := intOf(f.Type)
	n := g.fresh("n")
	switch plus := f.Derived.Plus; {
	case plus < 0:
		g.p("%s := len(b) - %s - %d", n, from, -plus)
		if e.atLeast(f.Derived) < -plus {
			g.p("if %s < 0 {", n)
			e.fail("codec.Below(%s, %q, %sAt-start, uint64(len(b)-%s), %d)", g.fn.name, f.Name, name, from, -plus)
			g.p("}")
		}
	case plus > 0:
		g.p("%s := len(b) - %s + %d", n, from, plus)
	default:
		g.p("%s := len(b) - %s", n, from)
	}
	if i.Bits < 62 {
		g.p("if %s {", above(n, uint64(1)<<i.Bits-1))
		e.fail("codec.Above(%s, %q, %sAt-start, uint64(%s), %d)", g.fn.name, f.Name, name, n, uint64(1)<<i.Bits-1)
		g.p("}")
	}
	g.p("%s", storeAt("b", name+"At", n, i))
}

// atLeast returns how many bytes what is measured has in any case.
func (e *encoding) atLeast(d *types.Derived) int64 {
	if d.Self {
		return e.s.Size().Min / 8
	}
	if f, ok := d.Terms[0].Of.(*types.Field); ok {
		return f.Type.Size().Min / 8
	}
	return 0
}

// derive computes the value of a derived field, checks that it fits and returns
// an expression for it.
func (e *encoding) derive(f slot) string {
	g := e.g
	v := local(f.Name)
	value := g.derivedValue(e.s, f.Field)
	g.set(v, value)
	pos := at
	if f.byteAt() > 0 {
		pos = fmt.Sprintf("%s+%d", at, f.byteAt())
	}
	e.checkDerived(f.Field, v, pos, f.bits, strings.HasPrefix(value, "codec."))
	return v
}

// checkDerived checks that a value fits. It may be negative only if it came out of
// a division or a difference.
func (e *encoding) checkDerived(f *types.Field, v, pos string, bits int, signed bool) {
	g := e.g
	limit := uint64(1)<<min(bits, 63) - 1
	switch {
	case bits < 62 && signed:
		g.p("if %s < 0 || %s {", v, above(v, limit))
	case bits < 62:
		g.p("if %s {", above(v, limit))
	case signed:
		g.p("if %s < 0 {", v)
	default:
		return
	}
	e.fail("codec.Above(%s, %q, %s, uint64(%s), %d)", g.fn.name, f.Name, pos, v, limit)
	g.p("}")
}

// derivedValue writes what it takes to know a derived value, and returns an
// expression of type int for it: negative if there is no such value.
func (g *generator) derivedValue(s *types.Struct, f *types.Field) string {
	d := f.Derived
	sizes := map[types.Member]string{}
	for _, t := range d.Terms {
		switch m := t.Of.(type) {
		case nil:
			sizes[nil] = "m.Size()"
		case *types.Field:
			src := "m." + g.fieldName(m)
			if t.Count {
				continue
			}
			if e := g.sizeExpr(m.Type, src); e != "" && m.If == nil {
				sizes[m] = e
				continue
			}
			g.binds = m.Binds
			v := g.fresh(local(m.Name) + "Size")
			g.p("%s := 0", v)
			if m.If != nil {
				g.p("if %s {", g.condition(m.If))
			}
			g.addSize(v, m.Type, src)
			if m.If != nil {
				g.p("}")
			}
			sizes[m] = v
		case *types.Select:
			v := g.fresh(local(memberName(m)) + "Size")
			g.p("%s := 0", v)
			g.switchOn(m, func(a *types.Arm) {
				for _, f := range a.Fields {
					g.binds = f.Binds
					g.addSize(v, f.Type, "m."+g.fieldName(f))
				}
			}, nil)
			sizes[m] = v
		}
	}
	if d.Div == 1 && len(d.Terms) == 1 && d.Plus == 0 && d.Terms[0].Times == 1 {
		if d.Terms[0].Count {
			return "len(m." + g.fieldName(d.Terms[0].Of.(*types.Field)) + ")"
		}
		return sizes[d.Terms[0].Of]
	}
	total := g.total(d, nil, func(t types.Term) string {
		if t.Count {
			return "len(m." + g.fieldName(t.Of.(*types.Field)) + ")"
		}
		return sizes[t.Of]
	})
	return fmt.Sprintf("codec.Quotient(%s, %d)", total, d.Div)
}

// storeAt stores an int at a variable place.
func storeAt(b, at, v string, t *types.Int) string {
	switch t.Bits {
	case 8:
		return fmt.Sprintf("%s[%s] = byte(%s)", b, at, v)
	case 16, 32, 64:
		return fmt.Sprintf("%s.PutUint%d(%s[%s:], uint%d(%s))", order(t.Little), t.Bits, b, at, t.Bits, v)
	}
	left := []string{fmt.Sprintf("%s[%s]", b, at)}
	for i := 1; i < t.Bits/8; i++ {
		left = append(left, fmt.Sprintf("%s[%s+%d]", b, at, i))
	}
	return fmt.Sprintf("%s = %s", strings.Join(left, ", "), strings.Join(byteExprs(v, t.Bits, t.Little), ", "))
}

// checksum fills in a checksum over what was encoded.
func (e *encoding) checksum(f *types.Field) {
	g := e.g
	name := local(f.Name)
	w := f.Type.Size().Max / 8
	from, to := "0", at
	if f.Checksum.From != nil {
		from = local(memberName(f.Checksum.From)) + "At"
		to = local(memberName(f.Checksum.To)) + "End"
	}
	sum := g.fresh("sum")
	g.p("%s := codec.%s(b[start+%s:start+%s], codec.Hole(%sAt-%s, %d, %s-%s))", sum, sumFunc(f.Checksum.Kind), from, to, name, from, w, to, from)
	g.p("copy(b[start+%sAt:], %s[:%d])", name, sum, w)
}
