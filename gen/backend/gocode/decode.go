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
	var keep []string
	for _, p := range s.Params {
		keep = append(keep, fmt.Sprintf("%s: m.%s", g.fieldName(p), g.fieldName(p)))
	}
	g.p("*m = %s{%s}", name, strings.Join(keep, ", "))
	if g.aliases(s, map[*types.Struct]bool{}) {
		g.p("b = slices.Clone(b)")
	}
	g.p("n, err := m.Decode(b)")
	g.p("if err == nil && n != len(b) {")
	g.p("return codec.Trailing(%q, \"\", n, len(b)-n)", name)
	g.p("}")
	g.p("return err")
	g.p("}\n")

	head := fmt.Sprintf("func (m *%s) Decode(b []byte) (int, error)", name)
	g.comment(g.decodeDoc(s), "")
	if s.Recursive {
		g.p("%s {", head)
		g.p("return m.decode(b, 0)")
		g.p("}\n")
		g.p("// decode is Decode at a depth of messages in messages.")
		head = fmt.Sprintf("func (m *%s) decode(b []byte, depth int) (int, error)", name)
	}
	g.begin(s)
	if s.Recursive {
		g.p("if depth > codec.MaxDepth {")
		g.fail("codec.Above(%s, \"\", 0, uint64(depth), codec.MaxDepth)", g.fn.name)
		g.p("}")
	}
	if fl, ok := g.flatten(s); ok {
		g.decodeFlat(s, fl)
	} else if !g.decodeWhole(s) {
		d := &decoding{g: g, s: s, c: cursor{"b", "len(in)-len(b)", "0"}, done: map[types.Member]bool{}}
		d.members()
	}
	g.end(head, "in := b")
	if g.small[s] && !g.isFlat(s) {
		g.take(s)
	}
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
	st := steps(s, true)
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
	if g.fn.inside && maybeShort(format) {
		format = "codec.Inside(" + format + ")"
	}
	g.p("return 0, "+format, args...)
}

// maybeShort reports whether a call makes an error that may say that bytes are
// missing.
func maybeShort(format string) bool {
	for _, f := range []string{"codec.Short", "codec.Uneven", "codec.BadVarint", "codec.BadExtern", "codec.Within", "%s(b"} {
		if strings.HasPrefix(format, f) {
			return true
		}
	}
	return false
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
	all := steps(s, true)
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
	if !ok || f.ConfinedBy != nil || f.If != nil || f.Raw || f.Starts != nil || len(d.sums) > 0 || d.s.MaxBytes > 0 || d.g.measured(d.s, f) {
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

// region opens the region of a member: a cursor that has just its bytes. close
// checks that all were used.
func (d *decoding) region(by *types.Field, tail int64, greedy bool, name string) (c cursor, close func()) {
	g := d.g
	switch {
	case by != nil:
		size := d.confined(by, by.Derived.Confines)
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

// field decodes a field from c into dst.
func (d *decoding) field(f *types.Field, dst string, c cursor) {
	g := d.g
	if f.If != nil {
		g.p("if %s {", g.condition(f.If))
		g.push()
	}
	path := fmt.Sprintf("%q", f.Name)
	vec, _ := types.Resolve(f.Type).(*types.Vector)
	began := c.first
	if f.Starts != nil && c.first == c.at {
		began = local(f.Name) + "At"
		g.set(began, c.first)
	}
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
	defer g.enter(c)()
	d.last = c != d.c && exact && vec.Bytewise() && !f.Raw && f.ConfinedBy != nil
	defer func() { d.last = false }()
	if f.Raw {
		g.p("%sRaw := %s", local(f.Name), c.name)
	}
	switch {
	case f.Hidden():
		d.hidden(f, c, path)
	default:
		g.binds = f.Binds
		d.value(f.Type, dst, path, c)
		if f.Starts != nil {
			g.p("if len(%s) < %d || string(%s[:%d]) != %q {", dst, len(f.Starts), dst, len(f.Starts), f.Starts)
			g.fail("codec.Fail(%s, %s, %s, codec.ErrConst)", g.fn.name, path, began)
			g.p("}")
		}
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
		case *types.Extern:
			return true
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
