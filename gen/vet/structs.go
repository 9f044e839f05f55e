package vet

import (
	"bytes"
	"fmt"
	"slices"

	"sotto/gen/diag"
	"sotto/gen/types"
)

func (c *comparison) structure(path string, old, now *types.Struct) {
	if old.MaxBytes != now.MaxBytes {
		c.limit(now.Span, path, "bytes at most", limitOf(old.MaxBytes), limitOf(now.MaxBytes))
	}
	a, b := old.Members, now.Members
	if len(a) == len(b) {
		for i := range a {
			c.member(path, a[i], b[i])
		}
		return
	}
	// Members came or went: those with the same name are the same, and what is between them is new or gone.
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && nameOf(a[i]) == nameOf(b[j]):
			c.member(path, a[i], b[j])
			i++
			j++
		case i < len(a) && !named(b[j:], a[i]):
			c.add(spanOf(a[i]), path+"."+nameOf(a[i]), "is gone")
			i++
		case j < len(b):
			c.add(spanOf(b[j]), path+"."+nameOf(b[j]), "is new: old peers don't expect it")
			j++
		default:
			i++
		}
	}
}

// limitOf makes no limit the largest one.
func limitOf(n uint64) uint64 {
	if n == 0 {
		return 1<<64 - 1
	}
	return n
}

func (c *comparison) limit(where diag.Span, path, what string, old, now uint64) {
	switch {
	case now < old:
		c.add(where, path, "%s %s, were %s: old peers may send more", count(now), what, count(old))
	case now > old:
		c.add(where, path, "%s %s, were %s: old peers refuse more", count(now), what, count(old))
	}
}

func count(n uint64) string {
	if n == 1<<64-1 {
		return "any number of"
	}
	return fmt.Sprint(n)
}

func nameOf(m types.Member) string {
	switch m := m.(type) {
	case *types.Field:
		return m.Name
	case *types.Select:
		if m.Name != "" {
			return m.Name
		}
		return "select(" + m.On.Name + ")"
	}
	return "padding"
}

func spanOf(m types.Member) diag.Span {
	switch m := m.(type) {
	case *types.Field:
		return m.Span
	case *types.Select:
		return m.Span
	case *types.Pad:
		return m.Span
	}
	return diag.Span{}
}

func named(members []types.Member, m types.Member) bool {
	return slices.ContainsFunc(members, func(x types.Member) bool { return nameOf(x) == nameOf(m) })
}

func (c *comparison) member(path string, old, now types.Member) {
	where := spanOf(now)
	path += "." + nameOf(now)
	switch old := old.(type) {
	case *types.Field:
		if now, ok := now.(*types.Field); ok {
			c.field(path, old, now)
			return
		}
	case *types.Select:
		if now, ok := now.(*types.Select); ok {
			c.selection(path, old, now)
			return
		}
	case *types.Pad:
		if now, ok := now.(*types.Pad); ok {
			if old.To != now.To {
				c.add(where, path, "to a multiple of %d bytes, was %d", now.To, old.To)
			}
			return
		}
	}
	c.add(where, path, "stands where %s was", nameOf(old))
}

func (c *comparison) field(path string, old, now *types.Field) {
	c.typ(now.Span, path, old.Type, now.Type)
	if old.LSB != now.LSB {
		c.add(now.Span, path, "the bits come in the other order")
	}
	if condition(old.If) != condition(now.If) {
		c.add(now.Span, path, "%s, was %s", condition(now.If), condition(old.If))
	}
	switch a, b := old.Const, now.Const; {
	case a != nil && b == nil && !old.Ignore && !now.Hidden():
		c.add(now.Span, path, "is no constant any more: old peers refuse other values than %s", constant(a))
	case a == nil && b != nil && !now.Ignore:
		c.add(now.Span, path, "is constant %s: other values of old peers are refused", constant(b))
	case a != nil && b != nil && (a.Number != b.Number || !bytes.Equal(a.Bytes, b.Bytes)) && !(old.Ignore && now.Ignore):
		c.add(now.Span, path, "%s, was %s", constant(b), constant(a))
	case a != nil && b != nil && old.Ignore && !now.Ignore:
		c.add(now.Span, path, "other values than %s were ignored and are refused now", constant(b))
	}
	if a, b := formula(old.Derived), formula(now.Derived); a != b {
		c.add(now.Span, path, "%s, was %s", b, a)
	}
	if a, b := sum(old.Checksum), sum(now.Checksum); a != b {
		c.add(now.Span, path, "%s, was %s", b, a)
	}
}

func condition(i *types.If) string {
	switch {
	case i == nil:
		return "always there"
	case i.Not:
		return "there unless " + i.Field.Name
	}
	return "there if " + i.Field.Name
}

func constant(k *types.Constant) string {
	if k.Bytes != nil {
		return fmt.Sprintf("0x%x", k.Bytes)
	}
	return fmt.Sprint(k.Number)
}

func formula(d *types.Derived) string {
	if d == nil {
		return "not derived"
	}
	s := fmt.Sprintf("derived: (%d", d.Plus)
	for _, t := range d.Terms {
		what := "size of "
		if t.Count {
			what = "count of "
		}
		of := "the struct"
		if t.Of != nil {
			of = nameOf(t.Of)
		}
		s += fmt.Sprintf(" + %d * %s%s", t.Times, what, of)
	}
	return s + fmt.Sprintf(") / %d", d.Div)
}

func sum(k *types.Checksum) string {
	if k == nil {
		return "no checksum"
	}
	kind := [...]string{"Internet checksum", "CRC-32C", "SHA-256", "MD5"}[k.Kind]
	if k.From == nil {
		return kind + " of the struct"
	}
	return kind + " of " + nameOf(k.From) + " to " + nameOf(k.To)
}

func (c *comparison) selection(path string, old, now *types.Select) {
	if old.On.Name != now.On.Name {
		c.add(now.Span, path, "chosen by %s, was by %s", now.On.Name, old.On.Name)
		return
	}
	for _, a := range old.Arms {
		for _, l := range a.Labels {
			b := now.Arm(l.Value)
			switch {
			case b == nil:
				c.add(a.Span, path, "%s has no case any more", labelName(l))
			case b == now.Default:
				if !sameFields(a, b) {
					c.add(a.Span, path, "%s has no case of its own any more", labelName(l))
				}
			default:
				c.arm(path+"."+labelName(l), a, b)
			}
		}
	}
	if old.Default != nil && now.Default == nil {
		c.add(now.Span, path, "has no default any more: other values of old peers are refused")
	}
	if old.Default == nil && now.Default != nil {
		c.add(now.Span, path, "has a default now: old peers refuse other values")
	}
	if old.Default != nil && now.Default != nil {
		c.arm(path+".default", old.Default, now.Default)
	}
	for _, b := range now.Arms {
		for _, l := range b.Labels {
			switch a := old.Arm(l.Value); {
			case a == nil:
				c.add(b.Span, path, "%s has a case now: old peers refuse it", labelName(l))
			case a == old.Default && !keepsAll(a) && !sameFields(a, b):
				c.add(b.Span, path, "%s has a case now, and the default of old peers reads other bytes", labelName(l))
			}
		}
	}
}

// keepsAll reports whether a default takes whatever bytes there are.
func keepsAll(a *types.Arm) bool {
	if len(a.Fields) != 1 {
		return false
	}
	v, ok := types.Resolve(a.Fields[0].Type).(*types.Vector)
	return ok && v.Length.Kind == types.Greedy && v.Opaque && !v.Text
}

func labelName(l *types.EnumValue) string {
	if l.Name == "" {
		return fmt.Sprint(l.Value)
	}
	return l.Name
}

func sameFields(a, b *types.Arm) bool { return layoutOf(a.Fields) == layoutOf(b.Fields) }

func (c *comparison) arm(path string, a, b *types.Arm) {
	if len(a.Fields) != len(b.Fields) {
		if !sameFields(a, b) {
			c.add(b.Span, path, "%d fields, were %d", len(b.Fields), len(a.Fields))
		}
		return
	}
	for i := range a.Fields {
		c.field(path, a.Fields[i], b.Fields[i])
	}
}
