package dissector

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// structure writes the function that reads s. v holds the numbers that later fields ask for, size the bytes and counts
// that lengths ask for.
func (w *script) structure(s *types.Struct) {
	w.line("")
	args := "c"
	if len(s.Params) > 0 {
		args = "c, v" // what the holder gives it
	}
	w.line("function structs.%s(%s)", s.Name, args)
	w.in(func() {
		need := w.needs(s)
		if need.start {
			w.line("local start = c.pos")
		}
		switch {
		case len(s.Params) > 0:
			w.line("v = v or {}")
		case len(need.number) > 0:
			w.line("local v = {}")
		}
		if len(need.size) > 0 {
			w.line("local size = {}")
		}
		if s.Length != nil {
			w.line("local outer = c.stop")
		}
		for _, m := range s.Members {
			w.member(s, m, need)
		}
		if s.Length != nil {
			w.line("c:done(%q)", s.Name)
			w.line("c.stop = outer")
		}
		if len(need.number) > 0 {
			w.line("return v")
		}
	})
	w.line("end")
}

// wanted says what of a struct must be kept while it is read.
type wanted struct {
	start  bool
	number map[*types.Field]bool
	size   map[types.Member]bool
}

func (w *script) needs(s *types.Struct) wanted {
	n := wanted{start: s.Length != nil, number: map[*types.Field]bool{}, size: map[types.Member]bool{}}
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Select:
			n.value(m.On)
			n.of(m.ConfinedBy, m)
		case *types.Pad:
			n.start = true
		}
	}
	for f := range s.AllFields() {
		n.of(f.ConfinedBy, f)
		if f.If != nil {
			n.value(f.If.Field)
		}
		for _, b := range f.Binds {
			n.value(b.From)
		}
		v, ok := types.Resolve(f.Type).(*types.Vector)
		switch {
		case ok && v.Length.Kind == types.ByField:
			n.of(v.Length.By, f)
		case ok && v.Length.Kind == types.ByParam:
			n.value(v.Length.By)
		}
		if w.inside[f] {
			n.number[f] = true
		}
	}
	if s.Length != nil {
		n.of(s.Length, nil)
	}
	return n
}

// value notes that the number in f is asked for.
func (n *wanted) value(f *types.Field) {
	switch {
	case f.Path != nil:
		n.number[f.Path[0]] = true
	case f.Const == nil:
		n.number[f] = true
	}
}

// number is the expression for the number in a field that stands before, a parameter, or a field inside one before.
func number(f *types.Field) string {
	switch {
	case f.Const != nil:
		return fmt.Sprint(f.Const.Number)
	case f.Path != nil:
		expr := "v"
		for _, p := range f.Path {
			expr += fmt.Sprintf("[%q]", p.Name)
		}
		return expr
	}
	return fmt.Sprintf("v[%q]", f.Name)
}

// given is the table of what a field gives to the struct that lies in it, as a further argument; or nothing.
func given(f *types.Field) string {
	if len(f.Binds) == 0 {
		return ""
	}
	var parts []string
	for _, b := range f.Binds {
		parts = append(parts, fmt.Sprintf("[%q] = %s", b.To.Name, number(b.From)))
	}
	return ", {" + strings.Join(parts, ", ") + "}"
}

// of notes what the size of m needs, which stands in the field by.
func (n *wanted) of(by *types.Field, m types.Member) {
	if by == nil {
		return
	}
	n.number[by] = true
	for _, t := range by.Derived.Terms {
		if t.Of != m && t.Of != nil {
			n.size[t.Of] = true
		}
	}
}

func (w *script) member(s *types.Struct, m types.Member, need wanted) {
	if need.size[m] {
		w.line("size[%q] = c.pos", memberName(m))
		defer w.line("size[%q] = (c.pos - size[%q]) / 8", memberName(m), memberName(m))
	}
	switch m := m.(type) {
	case *types.Field:
		w.one(s, m, need)
	case *types.Select:
		w.region(m.Name, m.ConfinedBy, m, m.Tail, func() { w.arms(s, m, need) })
	case *types.Pad:
		w.line("c:pad(start, %d)", m.To)
	}
}

func memberName(m types.Member) string {
	switch m := m.(type) {
	case *types.Field:
		return m.Name
	case *types.Select:
		return m.Name
	}
	return ""
}

// region confines what body writes, if its size stands elsewhere or something of fixed size follows it.
func (w *script) region(name string, by *types.Field, m types.Member, tail int64, body func()) {
	size := ""
	switch {
	case by != nil:
		size = solve(by, m)
	case tail > 0:
		size = fmt.Sprintf("c:left() / 8 - %d", tail)
	default:
		body()
		return
	}
	w.line("c:within(%q, %s, function()", name, size)
	w.in(body)
	w.line("end)")
}

// solve writes the expression that gives the size or count of m from the field that holds it.
func solve(by *types.Field, m types.Member) string {
	d := by.Derived
	expr := fmt.Sprintf("v[%q]", by.Name)
	factor := int64(1)
	if d.Div != 1 {
		expr += fmt.Sprintf(" * %d", d.Div)
	}
	if d.Plus != 0 {
		expr += fmt.Sprintf(" - %d", d.Plus)
	}
	for _, t := range d.Terms {
		if t.Of == m {
			factor = t.Times
		} else {
			expr += fmt.Sprintf(" - %d * (size[%q] or 0)", t.Times, memberName(t.Of))
		}
	}
	if factor != 1 {
		expr = fmt.Sprintf("(%s) / %d", expr, factor)
	}
	return strings.ReplaceAll(expr, "- -", "+ ")
}

func (w *script) arms(s *types.Struct, sel *types.Select, need wanted) {
	word := "if"
	for _, a := range sel.Arms {
		var conds []string
		for _, l := range a.Labels {
			x := number(sel.On)
			if l.Value == l.Last {
				conds = append(conds, fmt.Sprintf("%s == %d", x, l.Value))
			} else {
				conds = append(conds, fmt.Sprintf("%s >= %d and %s <= %d", x, l.Value, x, l.Last))
			}
		}
		w.line("%s %s then", word, strings.Join(conds, " or "))
		w.in(func() { w.arm(s, a, need) })
		word = "elseif"
	}
	if len(sel.Arms) == 0 {
		w.arm(s, sel.Default, need)
		return
	}
	w.line("else")
	w.in(func() {
		if sel.Default != nil {
			w.arm(s, sel.Default, need)
		} else {
			w.line("malformed(%q)", sel.On.Name+" selects nothing")
		}
	})
	w.line("end")
}

func (w *script) arm(s *types.Struct, a *types.Arm, need wanted) {
	for _, f := range a.Fields {
		w.one(s, f, need)
	}
}

func (w *script) one(s *types.Struct, f *types.Field, need wanted) {
	if f.If != nil {
		op := "~="
		if f.If.Not {
			op = "=="
		}
		w.line("if %s %s 0 then", number(f.If.Field), op)
		w.indent++
		defer func() {
			w.indent--
			w.line("end")
		}()
	}
	if v, ok := types.Resolve(f.Type).(*types.Vector); ok && v.Length.Kind == types.ByField {
		w.vector(key(s, f.Name), f.Name, v, solve(v.Length.By, f))
		return
	}
	w.region(f.Name, f.ConfinedBy, f, f.Tail, func() {
		into := ""
		if need.number[f] {
			into = fmt.Sprintf("v[%q] = ", f.Name)
		}
		if f.LSB {
			w.line("%sc:low(f[%q], %q, %d)", into, key(s, f.Name), f.Name, f.Type.Size().Max)
			return
		}
		w.given = given(f)
		w.value(key(s, f.Name), f.Name, f.Type, into)
		w.given = ""
	})
	if s.Length == f {
		w.line("c:ends(%q, start + 8 * (%s))", f.Name, solve(f, nil))
	}
}

// value writes what reads one value of t and shows it as the field k. into is where its number goes.
func (w *script) value(k, name string, t types.Type, into string) {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		w.integer(k, name, t, into)
	case *types.Enum:
		w.integer(k, name, &t.Int, into)
	case *types.Varint:
		read := "varint"
		if t.Form == types.LEB128 {
			read = "leb128"
		}
		w.line("%sc:%s(f[%q], %q)", into, read, k, name)
	case *types.Optional:
		w.line("if c:number(f[%q], %q, 8) ~= 0 then", k+"_present", name)
		w.in(func() { w.value(k, name, t.Elem, "") })
		w.line("end")
	case *types.Struct:
		w.line("%sc:under(f[%q], structs.%s%s)", into, k, t.Name, w.given)
	case *types.Extern:
		w.line("c:bytes(f[%q], %q, c:left() / 8)", k, name)
		w.line("malformed(\"only Go code knows where a %s ends\")", t.Name)
	case *types.Vector:
		size := ""
		switch t.Length.Kind {
		case types.Fixed:
			size = fmt.Sprint(t.Length.Min)
		case types.Greedy:
			size = "c:left() / 8"
		case types.ByParam:
			size = fmt.Sprintf("(%s or malformed(%q))", number(t.Length.By), "nothing says how long "+name+" is")
		case types.Prefixed:
			w.line("do")
			w.indent++
			w.value(k+"_length", name+"_length", t.Length.Prefix, "local n = ")
			w.vector(k, name, t, "n")
			w.indent--
			w.line("end")
			return
		}
		w.vector(k, name, t, size)
	}
}

func (w *script) integer(k, name string, t *types.Int, into string) {
	if t.Little {
		w.line("%sc:little(f[%q], %q, %d)", into, k, name, t.Bits/8)
		return
	}
	w.line("%sc:number(f[%q], %q, %d)", into, k, name, t.Bits)
}

// vector writes what reads size bytes or elements.
func (w *script) vector(k, name string, t *types.Vector, size string) {
	if t.Opaque {
		w.line("c:bytes(f[%q], %q, %s)", k, name, size)
		return
	}
	if t.Length.Unit == types.Elements {
		w.line("for _ = 1, %s do", size)
		w.in(func() { w.value(k+item(t), name+item(t), t.Elem, "") })
		w.line("end")
		return
	}
	w.line("c:within(%q, %s, function()", name, size)
	w.in(func() {
		w.line("while c:left() > 0 do")
		w.in(func() { w.value(k+item(t), name+item(t), t.Elem, "") })
		w.line("end")
	})
	w.line("end)")
}
