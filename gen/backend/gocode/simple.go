package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A vector of structs costs a call for each element, which is most of the time if an
// element is small. So a simple struct that is an element has more methods, take,
// fits and put, that do what Decode and encode do where nothing is wrong and are small
// enough to be inlined. What they refuse the others explain.

// simple returns the parts of a struct that has a few whole numbers and arrays of
// bytes and behind them at most one run of bytes with a length in front.
func simple(s *types.Struct) (bl *block, run *types.Field, ok bool) {
	if len(s.Params) > 0 || s.Recursive || s.MaxBytes > 0 || len(s.Fields()) != len(s.Members) {
		return nil, nil, false
	}
	st := steps(s, true)
	if len(st) > 0 && st[0].block != nil {
		bl, st = st[0].block, st[1:]
		for _, f := range bl.fields {
			if f.Hidden() || !simpleType(f.Type) {
				return nil, nil, false
			}
		}
	}
	if len(st) > 0 {
		run, ok = st[0].member.(*types.Field)
		if !ok || !simpleRun(run) {
			return nil, nil, false
		}
		st = st[1:]
	}
	// More than a few fields cost more than the inliner allows.
	few := bl == nil || run == nil && len(bl.fields) <= 4 || len(bl.fields) <= 2
	return bl, run, len(st) == 0 && few
}

// simpleType reports whether a value of fixed size is moved in one go, whatever it is.
func simpleType(t types.Type) bool {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		return t.Bits == uintBits(t.Bits)
	case *types.Enum:
		return !t.Closed && t.Int.Bits == uintBits(t.Int.Bits)
	case *types.Vector:
		return isArray(t) && t.Bytewise()
	}
	return false
}

// simpleRun reports whether a field is bytes with a length in front.
func simpleRun(f *types.Field) bool {
	v, ok := types.Resolve(f.Type).(*types.Vector)
	if !ok || !v.Bytewise() || v.Text || v.Length.Kind != types.Prefixed || f.If != nil || f.Raw || f.Starts != nil || f.ConfinedBy != nil {
		return false
	}
	p, ok := types.Resolve(v.Length.Prefix).(*types.Int)
	return ok && p.Bits <= 32 && p.Bits == uintBits(p.Bits)
}

// elements returns the simple structs that are elements of a vector in p.
func elements(p *types.Program) map[*types.Struct]bool {
	out := map[*types.Struct]bool{}
	var visit func(t types.Type)
	visit = func(t types.Type) {
		switch t := types.Resolve(t).(type) {
		case *types.Optional:
			visit(t.Elem)
		case *types.Vector:
			if s, ok := types.Resolve(t.Elem).(*types.Struct); ok && !isArray(t) {
				if _, _, ok := simple(s); ok {
					out[s] = true
				}
			}
			visit(t.Elem)
		}
	}
	for _, s := range p.Structs() {
		for f := range s.AllFields() {
			if f.Type != nil {
				visit(f.Type)
			}
		}
	}
	return out
}

// put writes the encoder of a simple struct, and fits, which says whether it may be
// called, if there is a question.
func (g *generator) put(s *types.Struct) {
	bl, run, _ := simple(s)
	if run != nil {
		l := types.Resolve(run.Type).(*types.Vector).Length
		n := fmt.Sprintf("len(m.%s)", g.fieldName(run))
		least := ""
		if l.Min > 0 {
			least = fmt.Sprintf("%s >= %d && ", n, l.Min)
		}
		g.p("// fits reports whether put can encode m.")
		g.p("func (m *%s) fits() bool { return %s%s }\n", g.names.of(s), least, atMost(n, l.Max))
	}
	g.p("// put is encode where nothing can go wrong, small enough to be inlined in a loop.")
	g.begin(s)
	var parts []string
	flush := func() {
		if len(parts) > 0 {
			g.p("b = append(b, %s)", strings.Join(parts, ", "))
			parts = nil
		}
	}
	add := func(v string, i *types.Int) {
		if i.Bits == 8 {
			parts = append(parts, v)
		} else {
			parts = append(parts, byteExprs(v, i.Bits, i.Little)...)
		}
	}
	if bl != nil {
		for _, f := range bl.fields {
			src := "m." + g.fieldName(f.Field)
			if i := intOf(f.Type); i != nil {
				if i.Bits == 8 {
					src = g.toUint(f.Type, src, 8)
				}
				add(src, i)
				continue
			}
			flush()
			g.p("b = append(b, %s[:]...)", src)
		}
	}
	if run != nil {
		n := fmt.Sprintf("len(m.%s)", g.fieldName(run))
		p := types.Resolve(types.Resolve(run.Type).(*types.Vector).Length.Prefix).(*types.Int)
		if p.Bits == 8 {
			n = "byte(" + n + ")"
		}
		add(n, p)
		flush()
		g.p("b = append(b, m.%s...)", g.fieldName(run))
	}
	flush()
	g.p("return b")
	g.end(fmt.Sprintf("func (m *%s) put(b []byte) []byte", g.names.of(s)))
}

// take writes the decoder of a simple struct.
func (g *generator) take(s *types.Struct) {
	bl, run, _ := simple(s)
	g.p("// take is Decode where nothing is wrong, and 0 elsewhere, small enough to be inlined in\n// a loop.")
	g.begin(s)
	d := &decoding{g: g, s: s}
	size := 0
	if bl != nil {
		size = bl.bytes
	}
	total := fmt.Sprint(size)
	if run == nil {
		g.p("if len(b) < %d {", size)
		g.p("return 0")
		g.p("}")
	} else {
		l := types.Resolve(run.Type).(*types.Vector).Length
		p := types.Resolve(l.Prefix).(*types.Int)
		expr, _ := read("b", 8*size, p.Bits, p.Little)
		size += p.Bits / 8
		g.p("if len(b) < %d {", size)
		g.p("return 0")
		g.p("}")
		g.p("n := int(%s)", expr)
		wrong := fmt.Sprintf("len(b)-%d < n", size)
		if p.Bits == 32 && l.Min == 0 {
			wrong = "n < 0 || " + wrong // where an int has 32 bits
		}
		if l.Min > 0 {
			wrong = fmt.Sprintf("n < %d || %s", l.Min, wrong)
		}
		if l.Max < prefixMax(l.Prefix) {
			wrong = above("n", l.Max) + " || " + wrong
		}
		g.p("if %s {", wrong)
		g.p("return 0")
		g.p("}")
		total = fmt.Sprintf("%d + n", size)
	}
	if bl != nil {
		for _, f := range bl.fields {
			d.slot(f, "b")
		}
	}
	if run != nil {
		g.p("m.%s = b[%d:%d+n:%d+n]", g.fieldName(run), size, size, size)
	}
	g.p("return %s", total)
	g.end(fmt.Sprintf("func (m *%s) take(b []byte) int", g.names.of(s)))
}
