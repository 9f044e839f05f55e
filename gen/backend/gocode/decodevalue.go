package gocode

import (
	"fmt"

	"sotto/gen/types"
)

// zero returns the zero value of a Go type.
func (g *generator) zero(t types.Type) string {
	switch u := types.Resolve(t).(type) {
	case *types.Int:
		if u.Bits == 1 {
			return "false"
		}
		return "0"
	case *types.Varint, *types.Enum:
		return "0"
	case *types.Optional:
		return "nil"
	case *types.Extern:
		return "nil"
	case *types.Vector:
		if u.Text {
			return `""`
		}
		if !isArray(u) {
			return "nil"
		}
	}
	return g.goType(t) + "{}"
}

// hidden decodes a field that is not in the Go struct: constants that are
// varints, lengths that are.
func (d *decoding) hidden(f *types.Field, c cursor, path string) {
	g := d.g
	name := local(f.Name)
	if f.Const != nil && f.Ignore {
		name = "_"
	}
	if vr, ok := types.Resolve(f.Type).(*types.Varint); ok {
		d.varint(vr, path, c)
		if name != "_" && f.Const == nil {
			g.set(name, "k")
		}
		if f.Const != nil && !f.Ignore {
			g.p("if k != %d {", f.Const.Number)
			g.fail("codec.Fail(%s, %s, %s, codec.ErrConst)", g.fn.name, path, c.first)
			g.p("}")
		}
		g.p("%s = %s[n:]", c.name, c.name)
		return
	}
	panic("gocode: hidden field " + f.Name + " outside a block")
}

// varint reads a varint into k and its size into n, without moving on.
func (d *decoding) varint(t *types.Varint, path string, c cursor) {
	g := d.g
	read, size := "codec.Varint", "codec.VarintSize"
	if t.Form == types.LEB128 {
		read, size = "codec.LEB128", "codec.LEB128Size"
	}
	if t.Form == types.MLS {
		read = "codec.VarintMLS"
	}
	g.set("k, n", fmt.Sprintf("%s(%s)", read, c.name))
	bad := "n <= 0"
	if !t.Any {
		bad += " || n != " + size + "(k)"
	}
	g.p("if %s {", bad)
	g.fail("codec.BadVarint(%s, %s, %s, len(%s), n)", g.fn.name, path, c.first, c.name)
	g.p("}")
}

// withTail decodes bytes that fill the region but for a tail of fixed size.
func (d *decoding) withTail(f *types.Field, v *types.Vector, dst, path string) {
	g := d.g
	g.set("n", fmt.Sprintf("max(len(b)-%d, 0)", f.Tail))
	if v.Text {
		g.p("if !utf8.Valid(b[:n]) {")
		g.fail("codec.Fail(%s, %s, %s, codec.ErrUTF8)", g.fn.name, path, d.c.first)
		g.p("}")
		g.p("%s = %s(b[:n])", dst, g.goType(f.Type))
	} else {
		g.p("%s = b[:n:n]", dst)
	}
	g.p("b = b[n:]")
}

// value decodes a value of any type from the front of c into dst.
func (d *decoding) value(t types.Type, dst, path string, c cursor) {
	g := d.g
	defer g.enter(c)()
	goType := g.goType(t)
	switch u := types.Resolve(t).(type) {
	case *types.Varint:
		d.varint(u, path, c)
		g.p("%s = %s", dst, convert(goType, "k", 64))
		g.p("%s = %s[n:]", c.name, c.name)
	case *types.Int, *types.Enum:
		i := intOf(u)
		w := i.Bits / 8
		d.need(fmt.Sprint(w), path, c)
		expr, bits := read(c.name, 0, i.Bits, i.Little)
		g.p("%s = %s", dst, convert(goType, expr, bits))
		if e, ok := u.(*types.Enum); ok && e.Closed {
			known := dst
			if t != types.Type(e) {
				known = fmt.Sprintf("%s(%s)", g.names.of(e), dst)
			}
			g.p("if !%s.known() {", known)
			g.fail("codec.Unknown(%s, %s, %s, uint64(%s))", g.fn.name, path, c.first, dst)
			g.p("}")
		}
		g.p("%s = %s[%d:]", c.name, c.name, w)
	case *types.Struct:
		for _, b := range g.bindsOf(u) {
			g.p("%s.%s = %s", dst, g.fieldName(b.To), g.given(b))
		}
		call := "Decode(" + c.name + ")"
		if u.Recursive && d.s.Recursive {
			call = "decode(" + c.name + ", depth+1)"
		}
		g.set("n, err", fmt.Sprintf("%s.%s", dst, call))
		g.p("if err != nil {")
		g.fail("codec.Within(err, %s, %s, %s)", g.fn.name, path, c.first)
		g.p("}")
		g.p("%s = %s[n:]", c.name, c.name)
	case *types.Optional:
		d.need("1", path, c)
		g.p("switch %s[0] {", c.name)
		g.p("case 0:")
		g.p("%s = nil", dst)
		g.p("%s = %s[1:]", c.name, c.name)
		g.p("case 1:")
		g.push()
		g.p("%s = %s[1:]", c.name, c.name)
		g.p("%s = new(%s)", dst, g.goType(u.Elem))
		inner := "(*" + dst + ")"
		if _, ok := types.Resolve(u.Elem).(*types.Struct); ok {
			inner = dst
		}
		d.value(u.Elem, inner, path, c.moved())
		g.pop()
		g.p("default:")
		g.fail("codec.Above(%s, %s, %s, uint64(%s[0]), 1)", g.fn.name, path, c.first, c.name)
		g.p("}")
	case *types.Extern:
		g.set("n, err", fmt.Sprintf("%s(%s)", lengthFunc(u), c.name))
		g.p("if err != nil || n < 1 || n > len(%s) {", c.name)
		g.fail("codec.BadExtern(%s, %s, %s, len(%s), n, err)", g.fn.name, path, c.first, c.name)
		g.p("}")
		g.p("%s = %s(%s[:n:n])", dst, goType, c.name)
		g.p("%s = %s[n:]", c.name, c.name)
	case *types.Vector:
		d.vector(t, u, dst, path, c)
	}
}

// need checks that c has as many bytes as the expression n says.
func (d *decoding) need(n, path string, c cursor) {
	g := d.g
	g.p("if len(%s) < %s {", c.name, n)
	g.fail("codec.Short(%s, %s, %s, len(%s), %s)", g.fn.name, path, c.first, c.name, n)
	g.p("}")
}
