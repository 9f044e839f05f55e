package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

func (g *generator) enum(e *types.Enum) {
	name := g.names.of(e)
	g.comment(e.Doc, article(name)+" "+name+" is one of the values below.")
	g.p("type %s uint%d\n", name, uintBits(e.Int.Bits))
	if len(e.Values) > 0 {
		g.p("// The values of %s.", name)
		g.p("const (")
		for _, v := range e.Values {
			c := fmt.Sprintf("%s %s = %d", name+camel(v.Name), name, v.Value)
			switch {
			case v.Last > v.Value:
				g.p("%s // the first of a range up to %d", c, v.Last)
			case v.Doc != "" && len(v.Doc) < 70 && !containsLine(v.Doc):
				g.p("%s // %s", c, v.Doc)
			default:
				g.comment(v.Doc, "")
				g.p("%s", c)
			}
		}
		g.p(")\n")
	}
	g.p("// String returns the name of the value, or its number.")
	g.p("func (e %s) String() string {", name)
	g.p("switch {")
	seen := map[uint64]bool{}
	for _, v := range e.Values {
		if v.Last > v.Value {
			g.p("case %s:", between("e", v))
			g.p("return codec.EnumText(%q, uint64(e))", v.Name)
		} else if !seen[v.Value] {
			seen[v.Value] = true
			g.p("case e == %s:", name+camel(v.Name))
			g.p("return %q", v.Name)
		}
	}
	g.p("}")
	g.p("return codec.EnumText(%q, uint64(e))", name)
	g.p("}\n")
	if e.Closed {
		g.p("// known reports whether the value is declared; others are refused.")
		g.p("func (e %s) known() bool {", name)
		var single []string
		for _, v := range e.Values {
			if v.Last == v.Value {
				single = append(single, name+camel(v.Name))
			}
		}
		if len(single) > 0 {
			g.p("switch e {")
			g.p("case %s:", strings.Join(single, ",\n"))
			g.p("return true")
			g.p("}")
		}
		any := "false"
		for _, v := range e.Values {
			if v.Last > v.Value {
				if any == "false" {
					any = between("e", v)
				} else {
					any += " || " + between("e", v)
				}
			}
		}
		g.p("return %s", any)
		g.p("}\n")
	}
}

// between returns the condition that x is in the range of a value.
func between(x string, v *types.EnumValue) string {
	if v.Value == 0 {
		return fmt.Sprintf("%s <= %d", x, v.Last)
	}
	return fmt.Sprintf("%s >= %d && %s <= %d", x, v.Value, x, v.Last)
}

func containsLine(s string) bool {
	for _, c := range s {
		if c == '\n' {
			return true
		}
	}
	return false
}
