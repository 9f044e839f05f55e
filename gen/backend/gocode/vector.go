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
		skip, n := d.lengthOf(v, path, c, true)
		end := n
		if skip != "" {
			end = skip + "+" + n
		}
		if v.Text {
			g.p("if !utf8.Valid(%s[%s:%s]) {", c.name, skip, end)
			g.fail("codec.Fail(%s, %s, %s, codec.ErrUTF8)", g.fn.name, path, c.first)
			g.p("}")
			g.p("%s = %s(%s[%s:%s])", dst, g.goType(t), c.name, skip, end)
		} else {
			g.p("%s = %s[%s:%s:%s]", dst, c.name, skip, end, end)
		}
		if !d.last {
			g.p("%s = %s[%s:]", c.name, c.name, end)
		}
	case l.Unit == types.Elements && l.Kind != types.Greedy:
		d.counted(v, dst, path, c)
	default:
		d.filled(v, dst, path, c)
	}
}

// lengthOf reads the length of a vector and checks it. It returns expressions for
// where the elements begin in c ("" for 0) and for the length. Lengths in bytes
// are there when it returns; a count is only a promise.
func (d *decoding) lengthOf(v *types.Vector, path string, c cursor, bytes bool) (skip, n string) {
	g := d.g
	l := v.Length
	switch {
	case l.Kind == types.Fixed:
		if bytes {
			d.need(fmt.Sprint(l.Min), path, c)
		}
		return "", fmt.Sprint(l.Min)
	case l.Kind == types.ByParam:
		if !bytes {
			return "", "uint64(" + g.ref(l.By) + ")"
		}
		have := g.toUint(l.By.Type, g.ref(l.By), 64)
		g.p("if %s > uint64(len(%s)) {", have, c.name)
		g.fail("codec.ShortBy(%s, %s, %s, len(%s), %s)", g.fn.name, path, c.first, c.name, have)
		g.p("}")
		g.set("n", "int("+g.ref(l.By)+")")
		return "", "n"
	case l.Kind == types.ByField && l.Unit == types.Elements:
		have := local(l.By.Name)
		if !bytes {
			return "", have
		}
		g.p("if %s > uint64(len(%s)) {", have, c.name)
		g.fail("codec.ShortBy(%s, %s, %s, len(%s), %s)", g.fn.name, path, c.first, c.name, have)
		g.p("}")
		g.set("n", "int("+have+")")
		return "", "n"
	case l.Kind != types.Prefixed:
		return "", "len(" + c.name + ")"
	}
	switch p := types.Resolve(l.Prefix).(type) {
	case *types.Int:
		width := p.Bits / 8
		d.need(fmt.Sprint(width), path, c)
		expr, _ := read(c.name, 0, p.Bits, p.Little)
		n := "n"
		if p.Bits > 24 { // may not fit in an int
			n = "k"
			g.set(n, "uint64("+expr+")")
		} else {
			g.set(n, "int("+expr+")")
		}
		d.limits(v, n, path, c)
		if bytes {
			d.needAfter(n, fmt.Sprint(width), path, c)
		}
		if n == "k" && bytes {
			n = "int(k)"
		}
		return fmt.Sprint(width), n
	case *types.Varint:
		d.varint(p, path, c)
		d.limits(v, "k", path, c)
		if bytes {
			d.needAfter("k", "n", path, c)
		}
		if !bytes {
			return "n", "k"
		}
		return "n", "int(k)"
	}
	panic("gocode: prefix of an unknown type")
}

// needAfter checks that behind a prefix of width bytes there are n bytes.
func (d *decoding) needAfter(n, width, path string, c cursor) {
	g := d.g
	have := "len(" + c.name + ")-" + width
	if n == "k" {
		g.p("if k > uint64(%s) {", have)
		g.fail("codec.ShortBy(%s, %s, %s, %s, k)", g.fn.name, path, c.first, have)
	} else {
		g.p("if %s < %s {", have, n)
		g.fail("codec.Short(%s, %s, %s, %s, %s)", g.fn.name, path, c.first, have, n)
	}
	g.p("}")
}

// limits checks the limits of a vector.
func (d *decoding) limits(v *types.Vector, n, path string, c cursor) {
	g := d.g
	l := v.Length
	if l.Min > 0 {
		g.p("if %s < %d {", n, l.Min)
		g.fail("codec.Below(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, c.first, n, l.Min)
		g.p("}")
	}
	if l.Max < prefixMax(l.Prefix) {
		if n == "n" {
			g.p("if %s {", above(n, l.Max))
		} else {
			g.p("if %s > %d {", n, l.Max)
		}
		g.fail("codec.Above(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, c.first, n, l.Max)
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
	d.value(v.Elem, fmt.Sprintf("%s[%s]", dst, i), index(path, i), c.moved())
	g.pop()
	g.p("}")
}

func index(path, i string) string { return fmt.Sprintf("codec.Index(%s, %s)", path, i) }

// counted decodes a vector whose length counts elements.
func (d *decoding) counted(v *types.Vector, dst, path string, c cursor) {
	g := d.g
	skip, n := d.lengthOf(v, path, c, false)
	count := g.fresh("count")
	g.p("%s := %s", count, n)
	if skip != "" {
		g.p("%s = %s[%s:]", c.name, c.name, skip)
	}
	d.elements(v, dst, path, c.moved(), func(body func()) {
		g.p("for range %s {", count)
		g.push()
		body()
		g.pop()
		g.p("}")
	})
}

// filled decodes a vector whose length counts bytes, or that fills its region.
func (d *decoding) filled(v *types.Vector, dst, path string, c cursor) {
	g := d.g
	skip, n := d.lengthOf(v, path, c, true)
	end := n
	if skip != "" {
		end = skip + "+" + n
	}
	i := intOf(v.Elem)
	enum, _ := types.Resolve(v.Elem).(*types.Enum)
	if i != nil && (enum == nil || !enum.Closed) {
		w := i.Bits / 8
		if w > 1 {
			at := c.first
			if skip != "" {
				at += "+" + skip
			}
			g.p("if %s%%%d != 0 {", n, w)
			was := g.fn.inside
			g.fn.inside = was || v.Length.Kind == types.Prefixed
			g.fail("codec.Uneven(%s, %s, %s, %s, %d)", g.fn.name, path, at, n, w)
			g.fn.inside = was
			g.p("}")
		}
		x := g.fresh("values")
		g.p("%s := slices.Grow(%s[:0], %s/%d)", x, dst, n, w)
		g.p("for v := %s[%s:%s]; len(v) >= %d; v = v[%d:] {", c.name, skip, end, w, w)
		expr, bits := read("v", 0, i.Bits, i.Little)
		g.p("%s = append(%s, %s)", x, x, convert(g.elemType(v), expr, bits))
		g.p("}")
		g.p("%s = %s", dst, x)
		g.p("%s = %s[%s:]", c.name, c.name, end)
		return
	}
	w := g.fresh("rest")
	g.p("%s := %s[%s:%s]", w, c.name, skip, end)
	g.p("%s = %s[%s:]", c.name, c.name, end)
	d.elements(v, dst, path, c.inside(w), func(body func()) {
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
		s, _ := types.Resolve(v.Elem).(*types.Struct)
		if g.small[s] && !g.isFlat(s) {
			g.p("if n := %s[%s].take(%s); n > 0 {", x, last, c.name)
			g.p("%s = %s[n:]", c.name, c.name)
			g.p("continue")
			g.p("}")
		}
		d.value(v.Elem, fmt.Sprintf("%s[%s]", x, last), index(path, last), c)
	})
	g.p("%s = %s", dst, x)
}
