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
	grows := cheap(s, map[*types.Struct]bool{})
	head := fmt.Sprintf("func (m *%s) AppendBinary(b []byte) ([]byte, error)", name)
	if !grows {
		g.p("%s {", head)
		g.p("return m.encode(slices.Grow(b, m.Size()))")
		g.p("}\n")
		g.marshal(s, "encode")
		g.p("// encode is AppendBinary to a buffer that has grown already.")
		head = fmt.Sprintf("func (m *%s) encode(b []byte) ([]byte, error)", name)
	}

	g.begin(s)
	e := &encoding{g: g, s: s, grown: grows}
	if grows && s.Size().Max > 0 {
		g.p("b = slices.Grow(b, m.Size())")
	}
	for _, st := range steps(s, false) {
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
	g.end(head, "start := len(b)", "var err error")
	if grows {
		g.marshal(s, "AppendBinary")
	}
	if g.small[s] {
		g.put(s)
	}
}

// marshal writes MarshalBinary, which uses the given method.
func (g *generator) marshal(s *types.Struct, encode string) {
	g.p("// MarshalBinary returns the encoding of m.")
	g.p("func (m *%s) MarshalBinary() ([]byte, error) {", g.names.of(s))
	g.p("b, err := m.%s(make([]byte, 0, m.Size()))", encode)
	g.p("if err != nil {")
	g.p("return nil, err")
	g.p("}")
	g.p("return b, nil")
	g.p("}\n")
}

// encodeMethod names the method that a holder calls. Where the size is a sum of lengths
// there is just AppendBinary, which asks for room itself: that costs less than a call.
func encodeMethod(s *types.Struct) string {
	if cheap(s, map[*types.Struct]bool{}) {
		return "AppendBinary"
	}
	return "encode"
}

// at is where an encoder stands in its message.
const at = "len(b)-start"

// An encoding is an encode method that is being written.
type encoding struct {
	g *generator
	s *types.Struct

	grown   bool           // the buffer has room for all
	patches []*types.Field // lengths to fill in when what they measure is there
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
		switch vr.Form {
		case types.LEB128:
			bits = 63
		case types.MLS:
			bits = 30
		}
		e.checkDerived(f, v, at, bits, strings.HasPrefix(value, "codec."))
		g.p("b = %s(b, uint64(%s))", appendVarint(vr), v)
		return
	}
	src := "m." + g.fieldName(f)
	if f.Starts != nil {
		g.p("if len(%s) < %d || string(%s[:%d]) != %q {", src, len(f.Starts), src, len(f.Starts), f.Starts)
		e.fail("codec.Fail(%s, %s, %s, codec.ErrConst)", g.fn.name, path, at)
		g.p("}")
	}
	g.binds = f.Binds
	e.value(f.Type, src, path)
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
		g.p("if b, err = %s.%s(b); err != nil {", g.boundCopy(u, src), encodeMethod(u))
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
	case *types.Extern:
		n := g.fresh("n")
		g.p("if %s, bad := %s(%s); bad != nil || %s != len(%s) {", n, lengthFunc(u), src, n, src)
		e.fail("codec.BadExtern(%s, %s, %s, len(%s), %s, bad)", g.fn.name, path, at, src, n)
		g.p("}")
		g.p("b = append(b, %s...)", src)
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
	case l.Kind == types.ByParam && (v.Bytewise() || l.Unit == types.Elements):
		g.p("if uint64(len(%s)) != %s {", src, g.toUint(l.By.Type, g.ref(l.By), 64))
		e.fail("codec.Mismatch(%s, %s, %s, %s, uint64(len(%s)))", g.fn.name, path, at, g.toUint(l.By.Type, g.ref(l.By), 64), src)
		g.p("}")
	case l.Kind == types.ByParam:
		backpatch = g.fresh("at")
		g.p("%s := len(b)", backpatch)
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
		if i != nil && i.Bits == uintBits(i.Bits) {
			if en, ok := types.Resolve(v.Elem).(*types.Enum); !ok || !en.Closed {
				g.p("for _, v := range %s {", src)
				g.p("%s", appendInt("b", g.toUint(v.Elem, "v", i.Bits), i.Bits, i.Little))
				g.p("}")
				break
			}
		}
		g.push()
		k := g.fresh("i")
		g.p("for %s := range %s {", k, src)
		if s, ok := types.Resolve(v.Elem).(*types.Struct); ok && g.small[s] {
			if _, run, _ := simple(s); run == nil {
				g.p("b = %s[%s].put(b)", src, k)
				g.pop()
				g.p("}")
				break
			}
			x := g.fresh("e")
			g.p("if %s := &%s[%s]; %s.fits() {", x, src, k, x)
			g.p("b = %s.put(b)", x)
			g.p("continue")
			g.p("}")
		}
		e.value(v.Elem, fmt.Sprintf("%s[%s]", src, k), index(path, k))
		g.pop()
		g.p("}")
	}
	if backpatch == "" {
		return
	}
	if l.Kind == types.ByParam {
		want := g.toUint(l.By.Type, g.ref(l.By), 64)
		g.p("if uint64(len(b)-%s) != %s {", backpatch, want)
		e.fail("codec.Mismatch(%s, %s, %s-start, %s, uint64(len(b)-%s))", g.fn.name, path, backpatch, want, backpatch)
		g.p("}")
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

// atMost is the contrary of above.
func atMost(n string, limit uint64) string { return strings.Replace(above(n, limit), ">", "<=", 1) }

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
