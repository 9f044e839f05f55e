package gocode

import (
	"fmt"

	"sotto/gen/types"
)

// vector decodes a vector from the front of c into dst, of type t.
func (d *decoding) vector(t types.Type, v *types.Vector, dst, path string, c cursor) {
	g := d.g
	l := v.Length
	switch {
	case isArray(v):
		d.array(t, v, dst, path, c)
	case v.Bytewise():
		end := "len(" + c.name + ")"
		if l.Kind == types.Prefixed || l.Kind == types.Fixed || l.Kind == types.ByField && l.Unit == types.Elements {
			d.prefix(v, path, c, 1)
			end = "n"
		}
		bytes := fmt.Sprintf("%s[:%s:%s]", c.name, end, end)
		if v.Text {
			g.p("if !utf8.Valid(%s[:%s]) {", c.name, end)
			g.fail("codec.Fail(%s, %s, %s, codec.ErrUTF8)", g.fn.name, path, c.at)
			g.p("}")
			bytes = fmt.Sprintf("%s(%s[:%s])", g.goType(t), c.name, end)
		}
		if end != "n" && !v.Text {
			bytes = fmt.Sprintf("%s[:len(%s):len(%s)]", c.name, c.name, c.name)
		}
		g.p("%s = %s", dst, bytes)
		g.p("%s = %s[%s:]", c.name, c.name, end)
	case l.Unit == types.Elements && l.Kind != types.Greedy:
		d.counted(v, dst, path, c)
	default:
		d.filled(v, dst, path, c)
	}
}

// prefix reads the length of a vector into n and checks it, leaving c at the
// elements, of which there are n bytes or, if the length counts elements, n
// times size bytes at least.
func (d *decoding) prefix(v *types.Vector, path string, c cursor, size int64) {
	g := d.g
	l := v.Length
	switch l.Kind {
	case types.Fixed:
		g.set("n", fmt.Sprint(l.Min))
		d.need(fmt.Sprint(l.Min), path, c)
		return
	case types.ByField:
		have := local(l.By.Name)
		limit := fmt.Sprintf("uint64(len(%s))", c.name)
		if size > 1 {
			limit = fmt.Sprintf("uint64(len(%s)/%d)", c.name, size)
		}
		g.p("if %s > %s {", have, limit)
		g.fail("codec.ShortBy(%s, %s, %s, len(%s), %s)", g.fn.name, path, c.at, c.name, have)
		g.p("}")
		g.set("n", "int("+have+")")
		return
	}
	width := int64(0)
	switch p := types.Resolve(l.Prefix).(type) {
	case *types.Int:
		width = int64(p.Bits / 8)
		d.need(fmt.Sprint(width), path, c)
		expr, _ := read(c.name, 0, p.Bits, p.Little)
		if p.Bits <= 24 {
			g.set("n", "int("+expr+")")
			d.limits(v, "n", path, c)
			d.needAfter("n", size, width, path, c)
			g.p("%s = %s[%d:]", c.name, c.name, width)
			return
		}
		g.set("k", "uint64("+expr+")")
		d.limits(v, "k", path, c)
		d.needAfter("k", size, width, path, c)
		g.set("n", "int(k)")
		g.p("%s = %s[%d:]", c.name, c.name, width)
	case *types.Varint:
		d.varint(p, path, c)
		d.limits(v, "k", path, c)
		g.p("%s = %s[n:]", c.name, c.name)
		d.needAfter("k", size, 0, path, c)
		g.set("n", "int(k)")
	}
}

// needAfter checks that behind width bytes of prefix there are n units.
func (d *decoding) needAfter(n string, size, width int64, path string, c cursor) {
	g := d.g
	have := "len(" + c.name + ")"
	if width > 0 {
		have += fmt.Sprintf("-%d", width)
	}
	left := have
	if size > 1 {
		left = fmt.Sprintf("(%s)/%d", have, size)
		if width == 0 {
			left = fmt.Sprintf("%s/%d", have, size)
		}
	}
	if n == "k" {
		g.p("if k > uint64(%s) {", left)
		g.fail("codec.ShortBy(%s, %s, %s, %s, k)", g.fn.name, path, c.at, have)
	} else {
		g.p("if %s < %s {", left, n)
		g.fail("codec.Short(%s, %s, %s, %s, %s)", g.fn.name, path, c.at, have, n)
	}
	g.p("}")
}

// limits checks the limits of a vector.
func (d *decoding) limits(v *types.Vector, n, path string, c cursor) {
	g := d.g
	l := v.Length
	if l.Min > 0 {
		g.p("if %s < %d {", n, l.Min)
		g.fail("codec.Below(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, c.at, n, l.Min)
		g.p("}")
	}
	if l.Max < prefixMax(l.Prefix) {
		g.p("if %s > %d {", n, l.Max)
		g.fail("codec.Above(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, c.at, n, l.Max)
		g.p("}")
	}
}

// prefixMax returns the largest number that a prefix can say.
func prefixMax(t types.Type) uint64 {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		return 1<<(t.Bits-1)*2 - 1
	case *types.Varint:
		return t.Max()
	}
	return 0
}

// array decodes an array that a block could not hold.
func (d *decoding) array(t types.Type, v *types.Vector, dst, path string, c cursor) {
	g := d.g
	if v.Bytewise() {
		d.need(fmt.Sprint(v.Length.Min), path, c)
		g.p("%s = %s(%s[:%d])", dst, g.goType(t), c.name, v.Length.Min)
		g.p("%s = %s[%d:]", c.name, c.name, v.Length.Min)
		return
	}
	i := g.fresh("i")
	g.p("for %s := range %s {", i, dst)
	g.push()
	d.value(v.Elem, fmt.Sprintf("%s[%s]", dst, i), index(path, i), c)
	g.pop()
	g.p("}")
}

func index(path, i string) string { return fmt.Sprintf("codec.Index(%s, %s)", path, i) }

// counted decodes a vector whose length counts elements.
func (d *decoding) counted(v *types.Vector, dst, path string, c cursor) {
	g := d.g
	d.prefix(v, path, c, max(1, v.Elem.Size().Min/8))
	d.elements(v, dst, path, c, func(body func()) {
		g.p("for range n {")
		g.push()
		body()
		g.pop()
		g.p("}")
	})
}

// filled decodes a vector whose length counts bytes, or that fills its region.
func (d *decoding) filled(v *types.Vector, dst, path string, c cursor) {
	g := d.g
	l := v.Length
	bytes := c.name
	if l.Kind == types.Prefixed || l.Kind == types.Fixed {
		d.prefix(v, path, c, 1)
		bytes = c.name + "[:n]"
	}
	size := v.Elem.Size()
	i := intOf(v.Elem)
	enum, _ := types.Resolve(v.Elem).(*types.Enum)
	simple := i != nil && i.Bits%8 == 0 && (enum == nil || !enum.Closed)
	if simple {
		w := size.Max / 8
		if bytes == c.name {
			g.set("n", fmt.Sprintf("len(%s)", bytes))
		}
		if w > 1 {
			g.p("if n%%%d != 0 {", w)
			g.fail("codec.Uneven(%s, %s, %s, n, %d)", g.fn.name, path, c.at, w)
			g.p("}")
		}
		x := g.fresh("values")
		g.p("%s := slices.Grow(%s[:0], n/%d)", x, dst, w)
		g.p("for v := %s[:n]; len(v) >= %d; v = v[%d:] {", c.name, w, w)
		expr, bits := read("v", 0, i.Bits, i.Little)
		g.p("%s = append(%s, %s)", x, x, convert(g.elemType(v), expr, bits))
		g.p("}")
		g.p("%s = %s", dst, x)
		g.p("%s = %s[n:]", c.name, c.name)
		return
	}
	w := g.fresh("rest")
	g.p("%s := %s", w, bytes)
	if bytes == c.name {
		g.p("%s = %s[len(%s):]", c.name, c.name, c.name)
	} else {
		g.p("%s = %s[n:]", c.name, c.name)
	}
	inner := c.inside(w)
	d.elements(v, dst, path, inner, func(body func()) {
		g.p("for len(%s) > 0 {", w)
		g.push()
		body()
		g.pop()
		g.p("}")
	})
}

// elements decodes elements one by one. The slice grows as they are read, never
// because a length says so.
func (d *decoding) elements(v *types.Vector, dst, path string, c cursor, loop func(body func())) {
	g := d.g
	x := g.fresh("list")
	g.p("%s := %s[:0]", x, dst)
	loop(func() {
		g.p("%s = codec.Extend(%s)", x, x)
		last := fmt.Sprintf("len(%s)-1", x)
		d.value(v.Elem, fmt.Sprintf("%s[%s]", x, last), index(path, last), c)
	})
	g.p("%s = %s", dst, x)
}
