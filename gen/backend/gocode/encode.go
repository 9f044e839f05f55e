package gocode

import (
	"fmt"
	"math"
	"strings"

	"sotto/gen/types"
)

// encoder writes AppendBinary, MarshalBinary and encode.
func (g *generator) encoder(s *types.Struct) {
	name := g.names.of(s)
	g.p("// AppendBinary appends the encoding of m to b. If m can't be encoded it returns b")
	g.p("// as it was, and why.")
	g.p("func (m *%s) AppendBinary(b []byte) ([]byte, error) {", name)
	g.p("return m.encode(slices.Grow(b, m.Size()))")
	g.p("}\n")
	g.p("// MarshalBinary returns the encoding of m.")
	g.p("func (m *%s) MarshalBinary() ([]byte, error) {", name)
	g.p("b, err := m.encode(make([]byte, 0, m.Size()))")
	g.p("if err != nil {")
	g.p("return nil, err")
	g.p("}")
	g.p("return b, nil")
	g.p("}\n")

	outer := g.begin(s)
	e := &encoding{g: g, s: s}
	for _, st := range steps(s) {
		if st.block != nil {
			e.block(st.block)
			continue
		}
		e.start(st.member)
		switch m := st.member.(type) {
		case *types.Field:
			e.field(m)
		case *types.Select:
			g.switchOn(m, func(a *types.Arm) {
				for _, f := range a.Fields {
					e.field(f)
				}
			}, func(value string) {
				e.fail("codec.Unknown(%s, %q, %s, uint64(%s))", g.fn.name, m.On.Name, at, value)
			})
		case *types.Pad:
			g.p("b = codec.AppendZeros(b, codec.Pad(%s, %d))", at, m.To)
		}
		if g.sumEnds(s, st.member) {
			g.set(local(memberName(st.member))+"End", at)
		}
		for _, f := range e.patches {
			if f.Derived.Terms[0].Of == st.member {
				e.patch(f)
			}
		}
	}
	for _, f := range e.patches {
		if f.Derived.Self {
			e.patch(f)
		}
	}
	if s.MaxBytes > 0 {
		g.p("if %s > %d {", at, s.MaxBytes)
		e.fail("codec.Above(%s, \"\", 0, uint64(%s), %d)", g.fn.name, at, s.MaxBytes)
		g.p("}")
	}
	for _, f := range s.Fields() {
		if f.Checksum != nil {
			e.checksum(f)
		}
	}
	g.p("return b, nil")
	outer.WriteString("// encode is AppendBinary to a buffer that has grown already.\n")
	g.end(outer, fmt.Sprintf("func (m *%s) encode(b []byte) ([]byte, error)", name), "start := len(b)", "var err error")
}

// at is where an encoder stands in its message.
const at = "len(b)-start"

// An encoding is an encode method that is being written.
type encoding struct {
	g *generator
	s *types.Struct

	patches []*types.Field // lengths to fill in when what they measure is there
}

// patched reports whether a length is filled in afterwards, because it would take
// a walk over what it measures to know it before.
func (e *encoding) patched(f slot) bool {
	i := intOf(f.Type)
	if f.at%8 != 0 || i.Bits%8 != 0 || !direct(f.Derived) || f.Derived.Terms[0].Count {
		return false
	}
	switch m := f.Derived.Terms[0].Of.(type) {
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
	g.p("%s := len(b) - %s", n, from)
	if i.Bits < 62 {
		g.p("if %s {", above(n, uint64(1)<<i.Bits-1))
		e.fail("codec.Above(%s, %q, %sAt-start, uint64(%s), %d)", g.fn.name, f.Name, name, n, uint64(1)<<i.Bits-1)
		g.p("}")
	}
	g.p("%s", storeAt("b", name+"At", n, i))
}

func (e *encoding) fail(format string, args ...any) {
	e.g.p("return b[:start], "+format, args...)
}

func (e *encoding) start(m types.Member) {
	for _, f := range e.patches {
		if f.Derived.Terms[0].Of == m && m != nil {
			e.g.set(local(f.Name)+"From", "len(b)")
		}
	}
	if e.g.sumStarts(e.s, m) {
		e.g.set(local(memberName(m))+"At", at)
	}
}

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
	g.p("b = slices.Grow(b, %d)[:len(b)+%d]", bl.bytes, bl.bytes)
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

// field encodes a field that is not in a block.
func (e *encoding) field(f *types.Field) {
	g := e.g
	if f.If != nil {
		g.p("if %s {", g.condition(f.If))
		g.push()
		defer func() {
			g.pop()
			g.p("}")
		}()
	}
	path := fmt.Sprintf("%q", f.Name)
	if f.Hidden() {
		vr := types.Resolve(f.Type).(*types.Varint)
		if f.Const != nil {
			g.p("b = %s(b, %d)", appendVarint(vr), f.Const.Number)
			return
		}
		v := local(f.Name)
		value := g.derivedValue(e.s, f)
		g.set(v, value)
		bits := 62
		if vr.Form == types.LEB128 {
			bits = 63
		}
		e.checkDerived(f, v, at, bits, strings.HasPrefix(value, "codec."))
		g.p("b = %s(b, uint64(%s))", appendVarint(vr), v)
		return
	}
	e.value(f.Type, "m."+g.fieldName(f), path)
}

func appendVarint(v *types.Varint) string {
	if v.Form == types.LEB128 {
		return "codec.AppendLEB128"
	}
	return "codec.AppendVarint"
}

// value encodes src, a value of any type.
func (e *encoding) value(t types.Type, src, path string) {
	g := e.g
	switch u := types.Resolve(t).(type) {
	case *types.Varint:
		if u.Form != types.LEB128 {
			g.p("if %s > %s {", src, varintLimit(u))
			e.fail("codec.Above(%s, %s, %s, uint64(%s), %s)", g.fn.name, path, at, src, varintLimit(u))
			g.p("}")
		}
		g.p("b = %s(b, %s)", appendVarint(u), g.toUint(t, src, 64))
	case *types.Int, *types.Enum:
		e.checkInt(t, src, path, at)
		i := intOf(u)
		g.p("%s", appendInt("b", g.toUint(t, src, uintBits(i.Bits)), i.Bits, i.Little))
	case *types.Struct:
		g.p("if b, err = %s.encode(b); err != nil {", src)
		e.fail("codec.Within(err, %s, %s, %s)", g.fn.name, path, at)
		g.p("}")
	case *types.Optional:
		g.p("if %s == nil {", src)
		g.p("b = append(b, 0)")
		g.p("} else {")
		g.push()
		g.p("b = append(b, 1)")
		e.value(u.Elem, g.deref(u.Elem, src), path)
		g.pop()
		g.p("}")
	case *types.Vector:
		e.vector(t, u, src, path)
	}
}

func varintLimit(v *types.Varint) string {
	if v.Form == types.MLS {
		return "codec.MaxMLS"
	}
	return "codec.MaxVarint"
}

// vector encodes a vector.
func (e *encoding) vector(t types.Type, v *types.Vector, src, path string) {
	g := e.g
	l := v.Length
	if v.Text {
		text := src
		if g.goType(t) != "string" {
			text = "string(" + src + ")"
		}
		g.p("if !utf8.ValidString(%s) {", text)
		e.fail("codec.Fail(%s, %s, %s, codec.ErrUTF8)", g.fn.name, path, at)
		g.p("}")
	}
	size := v.Elem.Size()
	backpatch := ""
	switch {
	case l.Kind == types.Prefixed && (l.Unit == types.Elements || size.Fixed()):
		n := fmt.Sprintf("len(%s)", src)
		if l.Unit == types.Bytes && size.Max > 8 {
			n = fmt.Sprintf("%d*%s", size.Max/8, n)
		}
		e.limits(l, n, path)
		e.prefix(l.Prefix, n)
	case l.Kind == types.Prefixed:
		if _, ok := types.Resolve(l.Prefix).(*types.Varint); ok {
			n := g.fresh("bytes")
			g.p("%s := 0", n)
			i := g.fresh("i")
			g.p("for %s := range %s {", i, src)
			g.addSize(n, v.Elem, fmt.Sprintf("%s[%s]", src, i))
			g.p("}")
			e.limits(l, n, path)
			e.prefix(l.Prefix, n)
			break
		}
		backpatch = g.fresh("at")
		w := l.Prefix.Size().Max / 8
		g.p("%s := len(b)", backpatch)
		g.p("b = append(b, %s)", strings.TrimSuffix(strings.Repeat("0, ", int(w)), ", "))
	case l.Kind == types.Fixed && !isArray(v) && v.Bytewise():
		g.p("if len(%s) != %d {", src, l.Min)
		e.fail("codec.Mismatch(%s, %s, %s, %d, uint64(len(%s)))", g.fn.name, path, at, l.Min, src)
		g.p("}")
	case l.Kind == types.Fixed && !isArray(v):
		backpatch = g.fresh("at")
		g.p("%s := len(b)", backpatch)
	}
	switch i := intOf(v.Elem); {
	case v.Bytewise() && isArray(v):
		g.p("b = append(b, %s[:]...)", src)
	case v.Bytewise():
		g.p("b = append(b, %s...)", src)
	default:
		k := g.fresh("i")
		if i != nil && i.Bits == uintBits(i.Bits) {
			if en, ok := types.Resolve(v.Elem).(*types.Enum); !ok || !en.Closed {
				g.p("for _, v := range %s {", src)
				g.p("%s", appendInt("b", g.toUint(v.Elem, "v", i.Bits), i.Bits, i.Little))
				g.p("}")
				break
			}
		}
		g.p("for %s := range %s {", k, src)
		g.push()
		e.value(v.Elem, fmt.Sprintf("%s[%s]", src, k), index(path, k))
		g.pop()
		g.p("}")
	}
	if backpatch == "" {
		return
	}
	if l.Kind == types.Fixed {
		g.p("if len(b)-%s != %d {", backpatch, l.Min)
		e.fail("codec.Mismatch(%s, %s, %s-start, %d, uint64(len(b)-%s))", g.fn.name, path, backpatch, l.Min, backpatch)
		g.p("}")
		return
	}
	p := types.Resolve(l.Prefix).(*types.Int)
	n := g.fresh("n")
	g.p("%s := len(b) - %s - %d", n, backpatch, p.Bits/8)
	e.limitsAt(l, n, path, backpatch+"-start")
	g.p("%s", storeAt("b", backpatch, n, p))
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

func (e *encoding) limits(l types.Length, n, path string) { e.limitsAt(l, n, path, at) }

func (e *encoding) limitsAt(l types.Length, n, path, pos string) {
	g := e.g
	if l.Min > 0 {
		g.p("if %s < %d {", n, l.Min)
		e.fail("codec.Below(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, pos, n, l.Min)
		g.p("}")
	}
	if l.Max >= 1<<62 {
		return
	}
	g.p("if %s {", above(n, l.Max))
	e.fail("codec.Above(%s, %s, %s, uint64(%s), %d)", g.fn.name, path, pos, n, l.Max)
	g.p("}")
}

// above returns the condition that an int is above a limit, which may not fit in
// an int where that has 32 bits.
func above(n string, limit uint64) string {
	if limit > math.MaxInt32 {
		n = "uint64(" + n + ")"
	}
	return fmt.Sprintf("%s > %d", n, limit)
}

func (e *encoding) prefix(t types.Type, n string) {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		if t.Bits == uintBits(t.Bits) {
			e.g.p("%s", appendInt("b", fmt.Sprintf("uint%d(%s)", t.Bits, n), t.Bits, t.Little))
		} else {
			e.g.p("%s", appendInt("b", "("+n+")", t.Bits, t.Little))
		}
	case *types.Varint:
		e.g.p("b = %s(b, uint64(%s))", appendVarint(t), n)
	}
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
