package gocode

import (
	"fmt"
	"strconv"
	"strings"

	"sotto/gen/types"
)

// This file has what decoders do about lengths that stand in fields of their own,
// and about checksums: noting where things are, and checking once all is known.

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
	if n, err := strconv.ParseInt(plus, 10, 32); err == nil && n < 0 && times == 1 && x.Derived.Div == 1 && types.Resolve(x.Type).Size().Max <= 32 {
		g.set(size, fmt.Sprintf("%s + %d", have, -n))
		return size
	}
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
	if f.Param != "" {
		return "0"
	}
	if len(f.Path) > 0 {
		return g.whereIs(f.Path[0])
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
		if sel, ok := m.(*types.Select); ok && (sel.On == f || len(sel.On.Path) > 0 && sel.On.Path[0] == f) && sel.Default == nil {
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
	// A length that leaves out as much as is read is never too small.
	if plain := x.Derived.Div == 1 && len(x.Derived.Terms) == 1 && x.Derived.Terms[0].Times == 1; !plain || d.prefix < 0 || int64(d.prefix) > -x.Derived.Plus {
		g.p("if %s < uint64(len(in)-len(b)) {", size)
		g.fail("codec.Below(%s, %q, %s, %s, uint64(len(in)-len(b)))", g.fn.name, x.Name, at, size)
		g.p("}")
	}
	g.p("b = b[:int(%s)-(len(in)-len(b))]", size)
	g.p("in = in[:%s]", size)
	g.fn.inside = true
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
