package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// size writes Size.
func (g *generator) size(s *types.Struct) {
	g.p("// Size returns how many bytes AppendBinary appends.")
	g.begin(s)
	z := &sizing{g: g}
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Field:
			z.field(m)
		case *types.Select:
			z.flush()
			g.switchOn(m, func(a *types.Arm) {
				inner := &sizing{g: g, started: true}
				for _, f := range a.Fields {
					inner.field(f)
				}
				inner.flush()
			}, nil)
		case *types.Pad:
			z.flush()
			g.p("n += codec.Pad(n, %d)", m.To)
		}
	}
	if !z.started {
		g.p("return %s", z.sum())
	} else {
		z.flush()
		g.p("return n")
	}
	g.end(fmt.Sprintf("func (m *%s) Size() int", g.names.of(s)))
}

// A sizing adds up sizes: those that are expressions are collected, the others
// are added to n by statements.
type sizing struct {
	g       *generator
	fixed   int64 // bits
	terms   []string
	started bool // n is declared
}

func (z *sizing) sum() string {
	parts := z.terms
	if z.fixed > 0 || len(parts) == 0 {
		parts = append([]string{fmt.Sprint(z.fixed / 8)}, parts...)
	}
	return strings.Join(parts, " + ")
}

func (z *sizing) flush() {
	switch {
	case !z.started:
		z.g.p("n := %s", z.sum())
	case z.fixed > 0 || len(z.terms) > 0:
		z.g.p("n += %s", z.sum())
	}
	z.started, z.fixed, z.terms = true, 0, nil
}

func (z *sizing) field(f *types.Field) {
	g := z.g
	g.binds = f.Binds
	if f.If != nil {
		z.flush()
		g.p("if %s {", g.condition(f.If))
		inner := &sizing{g: g, started: true}
		inner.add(f.Type, "m."+g.fieldName(f))
		inner.flush()
		g.p("}")
		return
	}
	if vr, ok := types.Resolve(f.Type).(*types.Varint); ok && f.Hidden() {
		if f.Const != nil {
			z.fixed += int64(8 * varintSize(vr, f.Const.Number))
			return
		}
		z.flush()
		g.p("n += %s(uint64(%s))", sizeFunc(vr), g.derivedValue(g.fnStruct(), f))
		return
	}
	z.add(f.Type, "m."+g.fieldName(f))
}

func (g *generator) fnStruct() *types.Struct { return g.fn.s }

func sizeFunc(v *types.Varint) string {
	if v.Form == types.LEB128 {
		return "codec.LEB128Size"
	}
	return "codec.VarintSize"
}

func varintSize(v *types.Varint, n uint64) int {
	if v.Form == types.LEB128 {
		size := 1
		for ; n >= 0x80; n >>= 7 {
			size++
		}
		return size
	}
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<30:
		return 4
	}
	return 8
}

// add adds the size of src, a value of type t.
func (z *sizing) add(t types.Type, src string) {
	if size := t.Size(); size.Fixed() {
		z.fixed += size.Max
		return
	}
	if e := z.g.sizeExpr(t, src); e != "" {
		z.terms = append(z.terms, e)
		return
	}
	switch u := types.Resolve(t).(type) {
	case *types.Optional:
		z.fixed += 8
		z.flush()
		z.g.addOptional("n", u, src)
	case *types.Vector:
		if p, ok := types.Resolve(u.Length.Prefix).(*types.Int); ok && u.Length.Kind == types.Prefixed {
			z.fixed += int64(p.Bits)
			z.flush()
			z.g.addElements("n", u, src)
			return
		}
		z.flush()
		z.g.addSize("n", t, src)
	default:
		z.flush()
		z.g.addSize("n", t, src)
	}
}

// sizeExpr returns an expression for the size of src in bytes, or "" if it takes
// statements.
func (g *generator) sizeExpr(t types.Type, src string) string {
	if size := t.Size(); size.Fixed() {
		return fmt.Sprint(size.Max / 8)
	}
	switch u := types.Resolve(t).(type) {
	case *types.Varint:
		return fmt.Sprintf("%s(%s)", sizeFunc(u), g.toUint(t, src, 64))
	case *types.Struct:
		if len(u.Params) > 0 {
			return ""
		}
		return src + ".Size()"
	case *types.Extern:
		return fmt.Sprintf("len(%s)", src)
	case *types.Vector:
		size := u.Elem.Size()
		if !size.Fixed() {
			return ""
		}
		elements := fmt.Sprintf("len(%s)", src)
		bytes := elements
		if size.Max > 8 {
			bytes = fmt.Sprintf("%d*%s", size.Max/8, bytes)
		}
		if u.Length.Kind != types.Prefixed {
			return bytes
		}
		switch p := types.Resolve(u.Length.Prefix).(type) {
		case *types.Int:
			return fmt.Sprintf("%d + %s", p.Bits/8, bytes)
		case *types.Varint:
			n := bytes
			if u.Length.Unit == types.Elements {
				n = elements
			}
			return fmt.Sprintf("%s(uint64(%s)) + %s", sizeFunc(p), n, bytes)
		}
	}
	return ""
}

// addSize writes statements that add the size of src to the variable n.
func (g *generator) addSize(n string, t types.Type, src string) {
	if e := g.sizeExpr(t, src); e != "" {
		g.p("%s += %s", n, e)
		return
	}
	switch u := types.Resolve(t).(type) {
	case *types.Struct:
		g.p("%s += %s.Size()", n, g.boundCopy(u, src))
	case *types.Optional:
		g.p("%s++", n)
		g.addOptional(n, u, src)
	case *types.Vector:
		sum := n
		vr, _ := types.Resolve(u.Length.Prefix).(*types.Varint)
		switch {
		case u.Length.Kind != types.Prefixed:
		case vr != nil && u.Length.Unit == types.Bytes:
			sum = g.fresh("bytes")
			g.p("%s := 0", sum)
		case vr != nil:
			g.p("%s += %s(uint64(len(%s)))", n, sizeFunc(vr), src)
		default:
			g.p("%s += %d", n, u.Length.Prefix.Size().Max/8)
		}
		g.addElements(sum, u, src)
		if sum != n {
			g.p("%s += %s(uint64(%s)) + %s", n, sizeFunc(vr), sum, sum)
		}
	default:
		panic(fmt.Sprintf("gocode: no size of %T", u))
	}
}

// addElements adds the sizes of the elements of a vector.
func (g *generator) addElements(n string, v *types.Vector, src string) {
	i := g.fresh("i")
	g.p("for %s := range %s {", i, src)
	g.push()
	g.addSize(n, v.Elem, fmt.Sprintf("%s[%s]", src, i))
	g.pop()
	g.p("}")
}

// addOptional adds the size of a value that may be absent.
func (g *generator) addOptional(n string, t *types.Optional, src string) {
	g.p("if %s != nil {", src)
	g.push()
	g.addSize(n, t.Elem, g.deref(t.Elem, src))
	g.pop()
	g.p("}")
}

// deref returns an expression for what a pointer points at.
func (g *generator) deref(t types.Type, src string) string {
	if s, ok := types.Resolve(t).(*types.Struct); ok && len(s.Params) == 0 {
		return src
	}
	return "(*" + src + ")"
}
