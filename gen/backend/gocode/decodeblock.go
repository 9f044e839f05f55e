package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// block decodes a run of fixed size: one condition, then straight reads.
func (d *decoding) block(bl *block) {
	g := d.g
	conditions := []string{fmt.Sprintf("len(b) < %d", bl.bytes)}
	for _, f := range bl.fields {
		if c := g.refusal(f, "b"); c != "" {
			conditions = append(conditions, c)
		}
	}
	at := d.c.first
	g.p("if %s {", strings.Join(conditions, " ||\n"))
	if len(bl.fields) == 1 && len(conditions) == 1 && elementSize(bl.fields[0]) > 0 {
		g.fail("codec.Uneven(%s, %q, %s, len(b), %d)", g.fn.name, bl.fields[0].Name, at, elementSize(bl.fields[0]))
	} else if len(bl.fields) == 1 && len(conditions) == 1 {
		g.fail("codec.Short(%s, %q, %s, len(b), %d)", g.fn.name, bl.fields[0].Name, at, bl.bytes)
	} else {
		g.fail("%s(b, %s)", g.explain(bl), at)
	}
	g.p("}")
	src := "b"
	reads := 0
	for _, f := range bl.fields {
		if !f.Hidden() || f.Derived != nil {
			reads++
		}
	}
	if reads > 1 && bl.bytes > 2 {
		src = g.fresh("p")
		g.p("%s := (*[%d]byte)(b)", src, bl.bytes)
	}
	for _, f := range bl.fields {
		d.slot(f, src)
	}
	if !d.fixed {
		g.p("b = b[%d:]", bl.bytes)
	}
}

// place returns the place n bytes into a block.
func (d *decoding) place(n int) string {
	if d.prefix >= 0 {
		return fmt.Sprint(d.prefix + n)
	}
	return fmt.Sprintf("%s+%d", d.c.at, n)
}

// elementSize returns the size in bytes of the elements of an array, and 0 for
// bytes and what is no array.
func elementSize(f slot) int64 {
	v, ok := types.Resolve(f.Type).(*types.Vector)
	if !ok || v.Bytewise() {
		return 0
	}
	return v.Elem.Size().Max / 8
}

// refusal returns the condition under which a field in a block is wrong.
func (g *generator) refusal(f slot, b string) string {
	switch {
	case f.Const != nil && f.Ignore:
		return ""
	case f.Const != nil && f.Const.Bytes != nil:
		return fmt.Sprintf("string(%s[%d:%d]) != %q", b, f.byteAt(), f.byteAt()+f.bits/8, f.Const.Bytes)
	case f.Const != nil:
		expr, _ := read(b, f.at, f.bits, f.little())
		return fmt.Sprintf("%s != %d", expr, f.Const.Number)
	}
	if e, ok := types.Resolve(f.Type).(*types.Enum); ok && e.Closed && f.Derived == nil {
		expr, bits := read(b, f.at, f.bits, f.little())
		return fmt.Sprintf("!%s.known()", convertAlways(g.names.of(e), expr, bits))
	}
	return ""
}

func convertAlways(goType, expr string, _ int) string { return fmt.Sprintf("%s(%s)", goType, expr) }

// slot reads one field of a block from src.
func (d *decoding) slot(f slot, src string) {
	g := d.g
	lo, hi := f.byteAt(), f.byteAt()+f.bits/8
	if g.sumStarts(d.s, f.Field) || g.blamed(d.s, f.Field) {
		g.set(local(f.Name)+"At", d.place(lo))
	}
	if g.sumEnds(d.s, f.Field) {
		g.set(local(f.Name)+"End", d.place(hi))
	}
	if f.Const != nil || f.Checksum != nil {
		return
	}
	switch t := types.Resolve(f.Type).(type) {
	case *types.Vector:
		dst := "m." + g.fieldName(f.Field)
		if t.Bytewise() {
			g.p("%s = %s(%s[%d:%d])", dst, g.goType(f.Type), src, lo, hi)
			return
		}
		i := intOf(t.Elem)
		g.p("for i := range %s {", dst)
		g.p("v := %s[%d+%d*i:]", src, lo, i.Bits/8)
		expr, bits := read("v", 0, i.Bits, i.Little)
		g.p("%s[i] = %s", dst, convert(g.elemType(t), expr, bits))
		g.p("}")
	default:
		expr, bits := read(src, f.at, f.bits, f.little())
		if f.Derived != nil {
			g.set(local(f.Name), convert("uint64", expr, bits))
			return
		}
		g.p("m.%s = %s", g.fieldName(f.Field), convert(g.goType(f.Type), expr, bits))
	}
}

// explain writes the function that says what is wrong with a block, in the order
// of the fields, and returns its name.
func (g *generator) explain(bl *block) string {
	s := g.fn.s
	g.fn.blocks++
	name := "explain"
	if g.fn.blocks > 1 {
		name += fmt.Sprint(g.fn.blocks)
	}
	fmt.Fprintf(&g.fn.after, "// %s says what is wrong with the fixed part of b that Decode refused.\n//\n", name)
	fmt.Fprintf(&g.fn.after, "//go:noinline\nfunc (*%s) %s(b []byte, at int) error {\nswitch {\n", g.names.of(s), name)
	last := -1
	for _, f := range bl.fields {
		end := (f.at + f.bits + 7) / 8
		from := f.byteAt()
		pos := "at"
		if from > 0 {
			pos = fmt.Sprintf("at+%d", from)
		}
		// One check of the length serves all fields that end in the same byte.
		if end != last {
			fmt.Fprintf(&g.fn.after, "case len(b) < %d:\n", end)
			have := "len(b)"
			if from > 0 {
				have += fmt.Sprintf("-%d", from)
			}
			short := fmt.Sprintf("codec.Short(%s, %q, %s, %s, %d)", g.fn.name, f.Name, pos, have, end-from)
			if size := elementSize(f); size > 0 {
				short = fmt.Sprintf("codec.Uneven(%s, %q, %s, %s, %d)", g.fn.name, f.Name, pos, have, size)
			}
			if end < bl.bytes {
				short = fmt.Sprintf("codec.Lacking(%s, %d-len(b))", short, bl.bytes)
			}
			fmt.Fprintf(&g.fn.after, "return %s\n", short)
			last = end
		}
		c := g.refusal(f, "b")
		if c == "" {
			continue
		}
		fmt.Fprintf(&g.fn.after, "case %s:\n", c)
		if f.Const != nil {
			fmt.Fprintf(&g.fn.after, "return codec.Fail(%s, %q, %s, codec.ErrConst)\n", g.fn.name, f.Name, pos)
		} else {
			expr, _ := read("b", f.at, f.bits, f.little())
			fmt.Fprintf(&g.fn.after, "return codec.Unknown(%s, %q, %s, uint64(%s))\n", g.fn.name, f.Name, pos, expr)
		}
	}
	fmt.Fprintf(&g.fn.after, "}\nreturn nil\n}\n\n")
	return "m." + name
}
