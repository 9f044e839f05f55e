package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A cursor is a slice variable that a decoder eats from the front.
type cursor struct {
	name  string
	at    string // expression for its distance from the start of the message
	first string // the same, where nothing was taken since a member began
}

// inside returns a cursor named name over bytes that end where c begins.
func (c cursor) inside(name string) cursor {
	at := c.at + "-len(" + name + ")"
	return cursor{name, at, at}
}

// moved returns c for a place where something may have been taken.
func (c cursor) moved() cursor { return cursor{c.name, c.at, c.at} }

// decoder writes UnmarshalBinary and Decode.
func (g *generator) decoder(s *types.Struct) {
	name := g.names.of(s)
	g.p("// UnmarshalBinary decodes b, all of it, into m, which keeps nothing of b.")
	g.p("func (m *%s) UnmarshalBinary(b []byte) error {", name)
	g.p("*m = %s{}", name)
	if g.aliases(s, map[*types.Struct]bool{}) {
		g.p("b = slices.Clone(b)")
	}
	g.p("n, err := m.Decode(b)")
	g.p("if err == nil && n != len(b) {")
	g.p("return codec.Trailing(%q, \"\", n, len(b)-n)", name)
	g.p("}")
	g.p("return err")
	g.p("}\n")

	outer := g.begin(s)
	head := fmt.Sprintf("func (m *%s) Decode(b []byte) (int, error)", name)
	g.comment(g.decodeDoc(s), "")
	if s.Recursive {
		g.p("%s {", head)
		g.p("return m.decode(b, 0)")
		g.p("}\n")
		g.p("// decode is Decode at a depth of messages in messages.")
		head = fmt.Sprintf("func (m *%s) decode(b []byte, depth int) (int, error)", name)
	}
	outer.Write(g.buf.Bytes())
	g.buf.Reset()
	if s.Recursive {
		g.p("if depth > codec.MaxDepth {")
		g.fail("codec.Above(%s, \"\", 0, uint64(depth), codec.MaxDepth)", g.fn.name)
		g.p("}")
	}
	if !g.decodeWhole(s) {
		d := &decoding{g: g, s: s, c: cursor{"b", "len(in)-len(b)", "0"}, done: map[types.Member]bool{}}
		d.members()
	}
	g.end(outer, head, "in := b")
}

func (g *generator) decodeDoc(s *types.Struct) string {
	doc := "Decode decodes " + strings.ToLower(article(g.names.of(s))) + " " + g.names.of(s) + " from the front of b and returns how many bytes it took."
	if s.Greedy {
		doc = "Decode decodes " + strings.ToLower(article(g.names.of(s))) + " " + g.names.of(s) + " from b, which it takes whole, and returns len(b)."
	}
	if g.aliases(s, map[*types.Struct]bool{}) {
		doc += "\nThe result shares memory with b."
	}
	return doc
}

// decodeWhole writes the body for a struct that is nothing but a block.
func (g *generator) decodeWhole(s *types.Struct) bool {
	st := steps(s)
	if len(st) == 0 {
		g.p("return 0, nil")
		return true
	}
	if len(st) != 1 || st[0].block == nil || s.Recursive || s.MaxBytes > 0 {
		return false
	}
	for _, f := range s.Fields() {
		if f.Derived != nil || f.Checksum != nil {
			return false
		}
	}
	d := &decoding{g: g, s: s, c: cursor{"b", "0", "0"}, fixed: true, done: map[types.Member]bool{}}
	d.block(st[0].block)
	g.p("return %d, nil", st[0].block.bytes)
	return true
}

// fail returns an error from a decoder.
func (g *generator) fail(format string, args ...any) {
	g.p("return 0, "+format, args...)
}

// A decoding is a Decode method that is being written.
type decoding struct {
	g      *generator
	s      *types.Struct
	c      cursor
	last   bool // nobody looks at the cursor after this field
	prefix int  // bytes taken so far; negative if that varies
	fixed  bool // the struct is one block
	done   map[types.Member]bool
	sums   []*types.Field // checksums to check at the end
}

func (d *decoding) members() {
	g, s := d.g, d.s
	all := steps(s)
	for i, st := range all {
		if i == len(all)-1 && d.takesRest(st.member) {
			f := st.member.(*types.Field)
			g.p("m.%s = b[:len(b):len(b)]", g.fieldName(f))
			g.p("return len(in), nil")
			return
		}
		if st.block != nil {
			d.block(st.block)
			d.moved(st.block.bytes)
			for _, f := range st.block.fields {
				d.finish(f.Field)
			}
			continue
		}
		d.start(st.member)
		switch m := st.member.(type) {
		case *types.Field:
			d.field(m, "m."+g.fieldName(m), d.c)
		case *types.Select:
			d.selection(m)
		case *types.Pad:
			d.pad(m)
		}
		d.moved(-1)
		d.finish(st.member)
	}
	if s.Length != nil {
		g.p("if len(b) != 0 {")
		g.fail("codec.Trailing(%s, \"\", len(in)-len(b), len(b))", g.fn.name)
		g.p("}")
	}
	for _, f := range d.sums {
		d.checksum(f)
	}
	if s.MaxBytes > 0 {
		g.p("if len(in)-len(b) > %d {", s.MaxBytes)
		g.fail("codec.Above(%s, \"\", 0, uint64(len(in)-len(b)), %d)", g.fn.name, s.MaxBytes)
		g.p("}")
	}
	g.p("return len(in) - len(b), nil")
}

// takesRest reports whether a member is nothing but the rest of the bytes, after
// which nothing is left to check.
func (d *decoding) takesRest(m types.Member) bool {
	f, ok := m.(*types.Field)
	if !ok || f.ConfinedBy != nil || f.If != nil || f.Raw || len(d.sums) > 0 || d.s.MaxBytes > 0 || d.g.measured(d.s, f) {
		return false
	}
	v, ok := types.Resolve(f.Type).(*types.Vector)
	if !ok || !v.Bytewise() || v.Text || v.Length.Kind != types.Greedy {
		return false
	}
	for _, x := range d.s.Fields() { // counts
		if x.Derived != nil && x.Derived.Confines == nil && !x.Derived.Self {
			return false
		}
	}
	return true
}

// moved notes that n bytes were taken, or an unknown number if n is negative.
func (d *decoding) moved(n int) {
	if n < 0 || d.prefix < 0 {
		d.prefix = -1
		d.c.first = d.c.at
		return
	}
	d.prefix += n
	d.c.first = fmt.Sprint(d.prefix)
}

// measured reports whether the place of a member is needed later.
func (g *generator) measured(s *types.Struct, m types.Member) bool {
	for _, f := range s.Fields() {
		if f.Derived != nil && !f.Derived.Self {
			for _, t := range f.Derived.Terms {
				if t.Of == m && !t.Count && f.Derived.Confines != m {
					return true
				}
			}
		}
	}
	return false
}

// sumStarts reports whether a checksum asks where m begins: it is one, or the
// first of what one is taken over.
func (g *generator) sumStarts(s *types.Struct, m types.Member) bool {
	for _, f := range s.Fields() {
		if f.Checksum != nil && (f.Checksum.From == m || types.Member(f) == m) {
			return true
		}
	}
	return false
}

// sumEnds reports whether m is the last of what a checksum is taken over.
func (g *generator) sumEnds(s *types.Struct, m types.Member) bool {
	for _, f := range s.Fields() {
		if f.Checksum != nil && f.Checksum.To == m {
			return true
		}
	}
	return false
}

func memberName(m types.Member) string {
	switch m := m.(type) {
	case *types.Field:
		return m.Name
	case *types.Select:
		if m.Name != "" {
			return m.Name
		}
		return m.On.Name + "_case"
	}
	return "padding"
}

// start notes where a member begins, if a length or a checksum asks.
func (d *decoding) start(m types.Member) {
	f, _ := m.(*types.Field)
	if d.g.measured(d.s, m) || d.g.sumStarts(d.s, m) || f != nil && d.g.blamed(d.s, f) {
		d.g.set(local(memberName(m))+"At", d.c.first)
	}
}

// finish notes where a member ends, and does what was waiting for it.
func (d *decoding) finish(m types.Member) {
	g, s := d.g, d.s
	d.done[m] = true
	f, _ := m.(*types.Field)
	inBlock := f != nil && blockable(f)
	if g.measured(s, m) && !inBlock {
		g.set(local(memberName(m))+"Size", d.c.at+"-"+local(memberName(m))+"At")
	}
	if g.sumEnds(s, m) && !inBlock {
		g.set(local(memberName(m))+"End", d.c.at)
	}
	if f != nil && f.Checksum != nil {
		d.sums = append(d.sums, f)
	}
	if f != nil && f.Derived != nil && f.Derived.Self {
		d.confineSelf(f)
	}
	for _, x := range s.Fields() {
		if x.Derived != nil && x.Derived.Confines == nil && !x.Derived.Self && d.justDone(x, m) {
			d.checkDerived(x)
		}
	}
}

// justDone reports whether m was the last thing that the derived field x waited
// for.
func (d *decoding) justDone(x *types.Field, m types.Member) bool {
	if !d.done[x] {
		return false
	}
	waited := types.Member(x) == m
	for _, t := range x.Derived.Terms {
		if f, ok := t.Of.(*types.Field); ok && types.Resolve(f.Type) != nil {
			if v, ok := types.Resolve(f.Type).(*types.Vector); ok && v.Length.Kind == types.ByField && v.Length.By == x {
				return false // the vector was read by it
			}
		}
		if !d.done[t.Of] {
			return false
		}
		waited = waited || t.Of == m
	}
	return waited
}

// total returns an expression (int64) for what a derived field must say, times
// its divisor, leaving out one term.
func (g *generator) total(d *types.Derived, except types.Member, size func(t types.Term) string) string {
	parts := []string{}
	if d.Plus != 0 || len(d.Terms) == 0 {
		parts = append(parts, fmt.Sprint(d.Plus))
	}
	for _, t := range d.Terms {
		if except != nil && t.Of == except {
			continue
		}
		x := "int64(" + size(t) + ")"
		if t.Times != 1 {
			x = fmt.Sprintf("%d*%s", t.Times, x)
		}
		parts = append(parts, x)
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.ReplaceAll(strings.Join(parts, "+"), "+-", "-")
}

func (d *decoding) sizeTerm(t types.Term) string {
	if t.Count {
		return "len(m." + d.g.fieldName(t.Of.(*types.Field)) + ")"
	}
	return local(memberName(t.Of)) + "Size"
}

// checkDerived checks a length whose terms are all known.
func (d *decoding) checkDerived(x *types.Field) {
	g := d.g
	want := g.total(x.Derived, nil, d.sizeTerm)
	have := local(x.Name)
	at := g.whereIs(x)
	if x.Derived.Div == 1 {
		g.p("if want := %s; want < 0 || %s != uint64(want) {", want, have)
		g.fail("codec.Mismatch(%s, %q, %s, %s, uint64(want))", g.fn.name, x.Name, at, have)
	} else {
		g.p("if want, ok := codec.Derive(%s, %d); !ok || %s != want {", want, x.Derived.Div, have)
		g.fail("codec.Mismatch(%s, %q, %s, %s, want)", g.fn.name, x.Name, at, have)
	}
	g.p("}")
}

// confined returns a variable that holds the size that a derived field gives to
// what it confines.
func (d *decoding) confined(x *types.Field, of types.Member) string {
	g := d.g
	have := local(x.Name)
	var times int64 = 1
	for _, t := range x.Derived.Terms {
		if t.Of == of {
			times = t.Times
		}
	}
	plus := g.total(x.Derived, of, d.sizeTerm)
	if x.Derived.Self {
		plus = fmt.Sprint(x.Derived.Plus)
	}
	if plus == "0" && times == 1 && x.Derived.Div == 1 {
		return have
	}
	size := have + "Size"
	g.set(size+", ok", fmt.Sprintf("codec.Solve(%s, %d, %s, %d)", have, x.Derived.Div, plus, times))
	g.p("if !ok {")
	g.fail("codec.Fail(%s, %q, %s, codec.ErrRange)", g.fn.name, x.Name, g.whereIs(x))
	g.p("}")
	return size
}

// whereIs returns an expression for where a field begins, that start or slot has
// noted if it isn't always the same.
func (g *generator) whereIs(f *types.Field) string {
	if f.Offset >= 0 {
		return fmt.Sprint(f.Offset / 8)
	}
	return local(f.Name) + "At"
}

// blamed reports whether errors that are found later point at f, so that it must
// be noted where it is.
func (g *generator) blamed(s *types.Struct, f *types.Field) bool {
	if f.Offset >= 0 {
		return false
	}
	if d := f.Derived; d != nil {
		if d.Self || d.Confines != nil && !direct(d) {
			return true
		}
		for _, t := range d.Terms {
			if x, ok := t.Of.(*types.Field); ok {
				if v, ok := types.Resolve(x.Type).(*types.Vector); ok && v.Length.Kind == types.ByField && v.Length.By == f {
					return false
				}
			}
		}
		return d.Confines == nil
	}
	for _, m := range s.Members {
		if sel, ok := m.(*types.Select); ok && sel.On == f && sel.Default == nil {
			return true
		}
	}
	return false
}

// direct reports whether a derived value is just a size.
func direct(d *types.Derived) bool {
	return d.Div == 1 && d.Plus == 0 && len(d.Terms) == 1 && d.Terms[0].Times == 1
}

// confineSelf cuts the region to the size that the struct has by its own word.
func (d *decoding) confineSelf(x *types.Field) {
	g := d.g
	size := d.confined(x, nil)
	at := g.whereIs(x)
	g.p("if %s > uint64(len(in)) {", size)
	g.fail("codec.ShortBy(%s, %q, %s, len(in), %s)", g.fn.name, x.Name, at, size)
	g.p("}")
	g.p("if %s < uint64(len(in)-len(b)) {", size)
	g.fail("codec.Below(%s, %q, %s, %s, uint64(len(in)-len(b)))", g.fn.name, x.Name, at, size)
	g.p("}")
	g.p("b = b[:int(%s)-(len(in)-len(b))]", size)
	g.p("in = in[:%s]", size)
}

// region opens the region of a member: a cursor that has just its bytes. close
// checks that all were used.
func (d *decoding) region(by *types.Field, tail int64, greedy bool, name string) (c cursor, close func()) {
	g := d.g
	switch {
	case by != nil:
		size := d.confined(by, d.memberOf(by))
		g.p("if %s > uint64(len(b)) {", size)
		g.fail("codec.ShortBy(%s, %q, %s, len(b), %s)", g.fn.name, name, d.c.first, size)
		g.p("}")
		v := g.fresh(local(name) + "Bytes")
		g.p("%s := b[:%s]", v, size)
		g.p("b = b[%s:]", size)
		c = d.c.inside(v)
		return c, func() {
			g.p("if len(%s) != 0 {", v)
			g.fail("codec.Trailing(%s, %q, %s, len(%s))", g.fn.name, name, c.at, v)
			g.p("}")
		}
	case greedy && tail > 0:
		v := g.fresh(local(name) + "Bytes")
		g.p("%s := b[:max(len(b)-%d, 0)]", v, tail)
		g.p("b = b[len(%s):]", v)
		c = d.c.inside(v)
		return c, func() {
			// What the member leaves is before the tail.
			g.p("b = in[%s:]", c.at)
		}
	}
	return d.c, func() {}
}

func (d *decoding) memberOf(by *types.Field) types.Member { return by.Derived.Confines }

// field decodes a field from c into dst.
func (d *decoding) field(f *types.Field, dst string, c cursor) {
	g := d.g
	if f.If != nil {
		g.p("if %s {", g.condition(f.If))
		g.push()
	}
	path := fmt.Sprintf("%q", f.Name)
	vec, _ := types.Resolve(f.Type).(*types.Vector)
	exact := vec != nil && (vec.Length.Kind == types.Greedy || vec.Length.Kind == types.ByField)
	closeRegion := func() {}
	switch {
	case c != d.c:
	case f.ConfinedBy == nil && f.Tail > 0 && vec != nil && vec.Bytewise() && f.If == nil && !f.Raw:
		d.withTail(f, vec, dst, path)
		return
	default:
		c, closeRegion = d.region(f.ConfinedBy, f.Tail, f.ConfinedBy == nil && types.IsGreedy(f.Type), f.Name)
	}
	d.last = c != d.c && exact && vec.Bytewise() && !f.Raw && f.ConfinedBy != nil
	defer func() { d.last = false }()
	if f.Raw {
		g.p("%sRaw := %s", local(f.Name), c.name)
	}
	switch {
	case f.Hidden():
		d.hidden(f, c, path)
	default:
		d.value(f.Type, dst, path, c)
	}
	if f.Raw {
		raw := local(f.Name) + "Raw"
		g.p("m.%sRaw = %s[:len(%s)-len(%s):len(%s)-len(%s)]", g.fieldName(f), raw, raw, c.name, raw, c.name)
	}
	if !exact || vec.Length.Unit == types.Elements {
		closeRegion()
	}
	if f.If != nil {
		g.pop()
		g.p("} else {")
		g.p("%s = %s", dst, g.zero(f.Type))
		g.p("}")
	}
}

func (g *generator) condition(c *types.If) string {
	on := "m." + g.fieldName(c.Field)
	if g.underlying(c.Field.Type) == "bool" {
		on = boolOf(g.goType(c.Field.Type), on)
		if c.Not {
			return "!" + on
		}
		return on
	}
	if c.Not {
		return on + " == 0"
	}
	return on + " != 0"
}

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

// pad decodes padding.
func (d *decoding) pad(m *types.Pad) {
	g := d.g
	g.set("n", fmt.Sprintf("codec.Pad(%s, %d)", d.c.first, m.To))
	g.p("if !codec.AllZero(b[:min(n, len(b))]) {")
	g.fail("codec.Fail(%s, \"padding\", %s, codec.ErrConst)", g.fn.name, d.c.first)
	g.p("}")
	d.need("n", `"padding"`, d.c)
	g.p("b = b[n:]")
}

// selection decodes the arm that the selector names.
func (d *decoding) selection(m *types.Select) {
	g := d.g
	unknown := func(value string) {
		g.fail("codec.Unknown(%s, %q, %s, uint64(%s))", g.fn.name, m.On.Name, g.whereIs(m.On), value)
	}
	greedy := g.greedyArms(m)
	if m.Default == nil && (m.ConfinedBy != nil || m.Tail > 0) {
		// The selector is at fault before the size of what it selects is.
		g.switchOn(m, func(*types.Arm) {}, unknown)
		unknown = nil
	}
	c, closeRegion := d.region(m.ConfinedBy, m.Tail, m.ConfinedBy == nil && greedy, memberName(m))
	g.switchOn(m, func(a *types.Arm) {
		for i, f := range a.Fields {
			in := c
			if i > 0 {
				in = c.moved()
			}
			d.armField(f, "m."+g.fieldName(f), in)
		}
	}, unknown)
	closeRegion()
}

// armField decodes a field of an arm. Its region is that of the select.
func (d *decoding) armField(f *types.Field, dst string, c cursor) {
	inner := *f
	inner.Tail = 0
	d.field(&inner, dst, c)
}

func (g *generator) greedyArms(m *types.Select) bool {
	for _, a := range m.AllArms() {
		for _, f := range a.Fields {
			if types.IsGreedy(f.Type) {
				return true
			}
		}
	}
	return false
}

// switchOn writes a switch over the arms of a select. other writes what happens
// for values without an arm.
func (g *generator) switchOn(m *types.Select, arm func(*types.Arm), other func(value string)) {
	on := "m." + g.fieldName(m.On)
	if g.underlying(m.On.Type) == "bool" {
		on = "codec.Bit(" + boolOf(g.goType(m.On.Type), on) + ")"
	}
	ranges := false
	for _, a := range m.Arms {
		for _, l := range a.Labels {
			ranges = ranges || l.Last > l.Value
		}
	}
	if ranges {
		g.p("switch on := uint64(%s); {", on)
	} else {
		g.p("switch %s {", on)
	}
	for _, a := range m.Arms {
		var labels []string
		for _, l := range a.Labels {
			switch {
			case ranges && l.Last > l.Value:
				labels = append(labels, between("on", l))
			case ranges:
				labels = append(labels, fmt.Sprintf("on == %d", l.Value))
			case m.Enum != nil && l.Name != "":
				label := g.names.of(m.Enum) + camel(l.Name)
				if g.goType(m.On.Type) != g.names.of(m.Enum) {
					label = fmt.Sprintf("%s(%s)", g.goType(m.On.Type), label)
				}
				labels = append(labels, label)
			default:
				labels = append(labels, fmt.Sprint(l.Value))
			}
		}
		g.p("case %s:", strings.Join(labels, ", "))
		g.push()
		arm(a)
		g.pop()
	}
	switch {
	case m.Default != nil:
		g.p("default:")
		g.push()
		arm(m.Default)
		g.pop()
	case other != nil:
		g.p("default:")
		other(on)
	}
	g.p("}")
}

// checksum checks a checksum over what was decoded.
func (d *decoding) checksum(f *types.Field) {
	g := d.g
	name := local(f.Name)
	w := f.Type.Size().Max / 8
	from, to := "0", "len(in)-len(b)"
	if f.Checksum.From != nil {
		from = local(memberName(f.Checksum.From)) + "At"
		to = local(memberName(f.Checksum.To)) + "End"
	}
	g.p("if sum := codec.%s(in[%s:%s], codec.Hole(%sAt-%s, %d, %s-%s)); string(in[%sAt:%sAt+%d]) != string(sum[:%d]) {", sumFunc(f.Checksum.Kind), from, to, name, from, w, to, from, name, name, w, w)
	g.fail("codec.Fail(%s, %q, %sAt, codec.ErrChecksum)", g.fn.name, f.Name, name)
	g.p("}")
}

func sumFunc(k types.ChecksumKind) string {
	return [...]string{"Internet", "CRC32C", "SHA256", "MD5"}[k]
}

// aliases reports whether a decoded value of s shares memory with its input.
func (g *generator) aliases(s *types.Struct, seen map[*types.Struct]bool) bool {
	if seen[s] {
		return false
	}
	seen[s] = true
	var visit func(t types.Type) bool
	visit = func(t types.Type) bool {
		switch t := types.Resolve(t).(type) {
		case *types.Vector:
			if t.Bytewise() {
				return !t.Text && !isArray(t)
			}
			return visit(t.Elem)
		case *types.Optional:
			return visit(t.Elem)
		case *types.Struct:
			return g.aliases(t, seen)
		}
		return false
	}
	for f := range s.AllFields() {
		if f.Raw || !f.Hidden() && visit(f.Type) {
			return true
		}
	}
	return false
}
