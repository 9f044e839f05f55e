package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

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
	on := g.ref(m.On)
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
