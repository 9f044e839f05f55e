package gocode

import (
	"fmt"

	"sotto/gen/types"
)

// text writes String and what it is made of.
func (g *generator) text(s *types.Struct) {
	name := g.names.of(s)
	g.p("// String returns the fields in one line, long ones cut, without secrets.")
	g.p("func (m *%s) String() string { return string(m.appendText(nil)) }\n", name)
	g.begin(s)
	g.p("b = append(b, \"%s{\"...)", name)
	first := true
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Field:
			if m.Hidden() {
				continue
			}
			g.textField(m, "m."+g.fieldName(m), first)
			first = false
		case *types.Select:
			g.switchOn(m, func(a *types.Arm) {
				for _, f := range a.Fields {
					g.textField(f, "m."+g.fieldName(f), false)
				}
			}, nil)
		}
	}
	g.p("return append(b, '}')")
	g.end(fmt.Sprintf("func (m *%s) appendText(b []byte) []byte", name))
}

func (g *generator) textField(f *types.Field, src string, first bool) {
	if f.If != nil {
		g.p("if %s {", g.condition(f.If))
		defer g.p("}")
	}
	label := f.Name + ": "
	if !first {
		label = ", " + label
	}
	if f.Secret || secret(f.Type) {
		g.p("b = append(b, %q...)", label+"secret")
		return
	}
	g.p("b = append(b, %q...)", label)
	g.binds = f.Binds
	g.textValue(f.Type, src)
}

// secret reports whether a type is declared secret.
func secret(t types.Type) bool {
	for {
		a, ok := t.(*types.Alias)
		if !ok {
			break
		}
		if a.Secret {
			return true
		}
		t = a.Type
	}
	switch t := t.(type) {
	case *types.Vector:
		return secret(t.Elem)
	case *types.Optional:
		return secret(t.Elem)
	}
	return false
}

func (g *generator) textValue(t types.Type, src string) {
	switch u := types.Resolve(t).(type) {
	case *types.Int:
		if u.Bits == 1 {
			g.p("b = codec.AppendBool(b, %s)", boolOf(g.goType(t), src))
			return
		}
		g.p("b = codec.AppendUint(b, %s)", g.toUint(t, src, 64))
	case *types.Varint:
		g.p("b = codec.AppendUint(b, %s)", g.toUint(t, src, 64))
	case *types.Enum:
		if t != types.Type(u) {
			src = fmt.Sprintf("%s(%s)", g.names.of(u), src)
		}
		g.p("b = append(b, %s.String()...)", src)
	case *types.Struct:
		g.p("b = %s.appendText(b)", g.boundCopy(u, src))
	case *types.Extern:
		g.p("b = codec.AppendBytes(b, %s)", src)
	case *types.Optional:
		g.p("if %s == nil {", src)
		g.p("b = append(b, \"none\"...)")
		g.p("} else {")
		g.push()
		g.textValue(u.Elem, g.deref(u.Elem, src))
		g.pop()
		g.p("}")
	case *types.Vector:
		switch {
		case u.Text:
			if g.goType(t) != "string" {
				src = "string(" + src + ")"
			}
			g.p("b = codec.AppendText(b, %s)", src)
		case u.Bytewise() && isArray(u):
			g.p("b = codec.AppendBytes(b, %s[:])", src)
		case u.Bytewise():
			g.p("b = codec.AppendBytes(b, %s)", src)
		default:
			i := g.fresh("i")
			g.p("b = append(b, '[')")
			g.p("for %s := range %s {", i, src)
			g.push()
			g.p("if %s > 0 {", i)
			g.p("b = append(b, ' ')")
			g.p("}")
			g.textValue(u.Elem, fmt.Sprintf("%s[%s]", src, i))
			g.pop()
			g.p("}")
			g.p("b = append(b, ']')")
		}
	}
}
