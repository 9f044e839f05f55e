package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// block encodes a run of fixed size.
func (e *encoding) block(bl *block) {
	g := e.g
	derived := map[*types.Field]string{}
	for _, f := range bl.fields {
		switch {
		case f.Derived != nil && e.patched(f):
			e.patches = append(e.patches, f.Field)
			place := "len(b)"
			if f.byteAt() > 0 {
				place = fmt.Sprintf("len(b)+%d", f.byteAt())
			}
			g.set(local(f.Name)+"At", place)
			derived[f.Field] = ""
		case f.Derived != nil:
			derived[f.Field] = e.derive(f)
		case f.Hidden():
		default:
			e.checkSlot(f)
		}
		if g.sumStarts(e.s, f.Field) {
			g.set(local(f.Name)+"At", fmt.Sprintf("%s+%d", at, f.byteAt()))
		}
		if g.sumEnds(e.s, f.Field) {
			g.set(local(f.Name)+"End", fmt.Sprintf("%s+%d", at, f.byteAt()+f.bits/8))
		}
	}
	// A short block is appended piece by piece; a longer one is written
	// through an array pointer, which costs one check of the capacity.
	groups := runs(bl)
	if len(groups) <= 2 {
		for _, r := range groups {
			e.appendRun(r, derived)
		}
		return
	}
	p := g.fresh("p")
	if e.grown {
		g.p("b = b[:len(b)+%d]", bl.bytes)
	} else {
		g.p("b = slices.Grow(b, %d)[:len(b)+%d]", bl.bytes, bl.bytes)
	}
	g.p("%s := (*[%d]byte)(b[len(b)-%d:])", p, bl.bytes, bl.bytes)
	for _, r := range groups {
		e.storeRun(r, p, derived)
	}
}

// A run is what is written at once: one field, or bit fields up to a byte border.
type run []slot

func runs(bl *block) []run {
	var out []run
	var cur run
	for _, f := range bl.fields {
		cur = append(cur, f)
		if (f.at+f.bits)%8 == 0 {
			out = append(out, cur)
			cur = nil
		}
	}
	return out
}

func (r run) at() int   { return r[0].at / 8 }
func (r run) bits() int { last := r[len(r)-1]; return last.at + last.bits - r[0].at }

// checkSlot checks that the value of a field fits.
func (e *encoding) checkSlot(f slot) {
	g := e.g
	src := "m." + g.fieldName(f.Field)
	pos := at
	if f.byteAt() > 0 {
		pos = fmt.Sprintf("%s+%d", at, f.byteAt())
	}
	e.checkInt(f.Type, src, fmt.Sprintf("%q", f.Name), pos)
	if v, ok := types.Resolve(f.Type).(*types.Vector); ok {
		if i := intOf(v.Elem); i != nil && i.Bits != uintBits(i.Bits) {
			g.p("for i := range %s {", src)
			e.checkInt(v.Elem, src+"[i]", fmt.Sprintf("codec.Index(%q, i)", f.Name), pos)
			g.p("}")
		}
	}
}

// checkInt checks that an integer fits its width and is a value of its enum.
func (e *encoding) checkInt(t types.Type, src, path, pos string) {
	g := e.g
	i := intOf(t)
	if i == nil {
		return
	}
	en, _ := types.Resolve(t).(*types.Enum)
	closed := en != nil && en.Closed // then the width needs no check
	if !closed && (i.Bits != uintBits(i.Bits) && i.Bits > 1 || i.Bits == 1 && g.underlying(t) != "bool") {
		g.p("if %s>>%d != 0 {", src, i.Bits)
		e.fail("codec.Above(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, pos, src, uint64(1)<<i.Bits-1)
		g.p("}")
	}
	if closed {
		known := src
		if t != types.Type(en) {
			known = fmt.Sprintf("%s(%s)", g.names.of(en), src)
		}
		g.p("if !%s.known() {", known)
		e.fail("codec.Unknown(%s, %s, %s, uint64(%s))", g.fn.name, path, pos, src)
		g.p("}")
	}
}

// runValue returns an expression of uintN, at least bits wide, for a run of
// integers.
func (e *encoding) runValue(r run, bits int, derived map[*types.Field]string) string {
	g := e.g
	var parts []string
	end := r[len(r)-1].at + r[len(r)-1].bits
	for _, f := range r {
		shift := end - f.at - f.bits
		if f.LSB {
			shift = f.at - r[0].at
		}
		var v string
		switch {
		case f.Const != nil:
			if f.Const.Number == 0 {
				continue
			}
			parts = append(parts, fmt.Sprintf("%#x", f.Const.Number<<shift))
			continue
		case f.Checksum != nil:
			continue
		case f.Derived != nil && derived[f.Field] == "":
			continue
		case f.Derived != nil:
			v = fmt.Sprintf("uint%d(%s)", bits, derived[f.Field])
		default:
			v = g.toUint(f.Type, "m."+g.fieldName(f.Field), bits)
		}
		if shift > 0 {
			v += fmt.Sprintf("<<%d", shift)
		}
		parts = append(parts, v)
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, " | ")
}

// wide reports whether a run is too wide for one integer; its bits are then put
// one field at a time.
func (r run) wide() bool { return r.bits() > 64 }

func (r run) integer() bool { return intOf(r[0].Type) != nil }

func (e *encoding) appendRun(r run, derived map[*types.Field]string) {
	g := e.g
	f := r[0]
	switch {
	case !r.integer():
		src := e.bytes(f)
		if v := types.Resolve(f.Type).(*types.Vector); src == "" {
			g.p("for i := range m.%s {", g.fieldName(f.Field))
			i := intOf(v.Elem)
			g.p("%s", appendInt("b", g.toUint(v.Elem, "m."+g.fieldName(f.Field)+"[i]", uintBits(i.Bits)), i.Bits, i.Little))
			g.p("}")
		} else {
			g.p("b = append(b, %s...)", src)
		}
	case r.wide():
		n := g.fresh("n")
		g.p("%s := len(b)", n)
		g.p("b = codec.AppendZeros(b, %d)", r.bits()/8)
		for _, f := range r {
			e.putBits(f, "b["+n+":]", f.at-r[0].at, derived)
		}
	default:
		g.p("%s", appendInt("b", e.runValue(r, uintBits(r.bits()), derived), r.bits(), f.little()))
	}
}

func (e *encoding) putBits(f slot, dst string, at int, derived map[*types.Field]string) {
	v := e.runValue(run{f}, 64, derived)
	if v != "0" {
		e.g.p("codec.PutBits(%s, %d, %d, %s)", dst, at, f.bits, v)
	}
}

// bytes returns an expression for the bytes of a vector in a block, or "" if its
// elements are larger.
func (e *encoding) bytes(f slot) string {
	v := types.Resolve(f.Type).(*types.Vector)
	switch {
	case f.Const != nil:
		return fmt.Sprintf("%q", f.Const.Bytes)
	case f.Checksum != nil:
		return fmt.Sprintf("make([]byte, %d)", f.bits/8)
	case v.Bytewise():
		return "m." + e.g.fieldName(f.Field) + "[:]"
	}
	return ""
}

func (e *encoding) storeRun(r run, p string, derived map[*types.Field]string) {
	g := e.g
	f := r[0]
	lo, hi := r.at(), r.at()+r.bits()/8
	if value, ok := derived[f.Field]; ok && value == "" {
		return // patch stores it
	}
	switch {
	case !r.integer():
		v := types.Resolve(f.Type).(*types.Vector)
		switch {
		case f.Checksum != nil:
			g.p("clear(%s[%d:%d])", p, lo, hi)
		case f.Const != nil:
			g.p("copy(%s[%d:%d], %q)", p, lo, hi, f.Const.Bytes)
		case v.Bytewise():
			g.p("copy(%s[%d:%d], m.%s[:])", p, lo, hi, g.fieldName(f.Field))
		default:
			i := intOf(v.Elem)
			g.p("for i := range m.%s {", g.fieldName(f.Field))
			g.p("v := %s[%d+%d*i:]", p, lo, i.Bits/8)
			g.p("%s", storeInt("v", 0, g.toUint(v.Elem, "m."+g.fieldName(f.Field)+"[i]", uintBits(i.Bits)), i.Bits, i.Little, g))
			g.p("}")
		}
	case r.wide():
		g.p("clear(%s[%d:%d])", p, lo, hi)
		for _, f := range r {
			e.putBits(f, p+"[:]", f.at, derived)
		}
	default:
		g.p("%s", storeInt(p, lo, e.runValue(r, uintBits(r.bits()), derived), r.bits(), f.little(), g))
	}
}

func order(little bool) string {
	if little {
		return "binary.LittleEndian"
	}
	return "binary.BigEndian"
}

// appendInt returns a statement that appends an integer of uintN.
func appendInt(b, v string, bits int, little bool) string {
	switch bits {
	case 8:
		return fmt.Sprintf("%s = append(%s, %s)", b, b, v)
	case 16, 32, 64:
		return fmt.Sprintf("%s = %s.AppendUint%d(%s, %s)", b, order(little), bits, b, v)
	}
	return fmt.Sprintf("%s = append(%s, %s)", b, b, strings.Join(byteExprs(v, bits, little), ", "))
}

// byteExprs returns the bytes of v, which is evaluated more than once.
func byteExprs(v string, bits int, little bool) []string {
	if strings.Contains(v, "|") || strings.Contains(v, "<<") {
		v = "(" + v + ")"
	}
	var out []string
	if v == "0" {
		return strings.Split(strings.Repeat("0 ", bits/8-1)+"0", " ")
	}
	for i := range bits / 8 {
		shift := bits - 8 - 8*i
		if little {
			shift = 8 * i
		}
		if shift == 0 {
			out = append(out, fmt.Sprintf("byte(%s)", v))
		} else {
			out = append(out, fmt.Sprintf("byte(%s>>%d)", v, shift))
		}
	}
	return out
}

// storeInt returns a statement that stores an integer of uintN.
func storeInt(p string, lo int, v string, bits int, little bool, g *generator) string {
	switch bits {
	case 8:
		return fmt.Sprintf("%s[%d] = %s", p, lo, v)
	case 16, 32, 64:
		return fmt.Sprintf("%s.PutUint%d(%s[%d:%d], %s)", order(little), bits, p, lo, lo+bits/8, v)
	}
	var left []string
	for i := range bits / 8 {
		left = append(left, fmt.Sprintf("%s[%d]", p, lo+i))
	}
	if strings.Contains(v, "|") || v == "0" || strings.HasPrefix(v, "0x") {
		v = fmt.Sprintf("uint%d(%s)", uintBits(bits), v)
	}
	return fmt.Sprintf("%s = %s", strings.Join(left, ", "), strings.Join(byteExprs(v, bits, little), ", "))
}
