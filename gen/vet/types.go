package vet

import (
	"fmt"
	"strings"

	"sotto/gen/diag"
	"sotto/gen/types"
)

// typ compares two types of the same place. What has a declaration of the same name in both is compared there.
func (c *comparison) typ(where diag.Span, path string, old, now types.Type) {
	if a, ok := old.(types.Decl); ok {
		if b, ok := now.(types.Decl); ok && a.DeclName() == b.DeclName() {
			s, isStruct := old.(*types.Struct)
			t, isStruct2 := now.(*types.Struct)
			if isStruct && isStruct2 && s.Of != nil && t.Of != nil {
				c.structure(path, s, t) // a case has no declaration of its own
			}
			return
		}
	}
	if layout(old) == layout(now) {
		return
	}
	a, isVector := types.Resolve(old).(*types.Vector)
	b, isVector2 := types.Resolve(now).(*types.Vector)
	if isVector && isVector2 && a.Length.Kind == b.Length.Kind && a.Length.Unit == b.Length.Unit {
		c.vector(where, path, a, b)
		return
	}
	c.add(where, path, "%s, was %s", layout(now), layout(old))
}

func (c *comparison) vector(where diag.Span, path string, a, b *types.Vector) {
	unit := "bytes"
	if a.Length.Unit == types.Elements {
		unit = "elements"
	}
	if a.Length.Kind == types.Prefixed && layout(a.Length.Prefix) != layout(b.Length.Prefix) {
		c.add(where, path, "a length of %s, was %s", layout(b.Length.Prefix), layout(a.Length.Prefix))
	}
	if a.Length.Kind == types.Fixed {
		if a.Length.Min != b.Length.Min {
			c.add(where, path, "%d %s, were %d", b.Length.Min, unit, a.Length.Min)
		}
	} else {
		c.limit(where, path, unit+" at most", a.Length.Max, b.Length.Max)
		switch {
		case b.Length.Min > a.Length.Min:
			c.add(where, path, "at least %d %s, were %d: old peers may send fewer", b.Length.Min, unit, a.Length.Min)
		case b.Length.Min < a.Length.Min:
			c.add(where, path, "at least %d %s, were %d: old peers refuse fewer", b.Length.Min, unit, a.Length.Min)
		}
	}
	if a.Text != b.Text {
		word := map[bool]string{true: "UTF-8", false: "any bytes"}
		c.add(where, path, "%s, were %s", word[b.Text], word[a.Text])
	}
	c.typ(where, path, a.Elem, b.Elem)
}

// layout writes a type as its bytes lie, without names. It is equal for types that can replace each other.
func layout(t types.Type) string {
	w := &writer{busy: map[*types.Struct]bool{}}
	w.typ(t)
	return w.String()
}

func layoutOf(fields []*types.Field) string {
	w := &writer{busy: map[*types.Struct]bool{}}
	for _, f := range fields {
		w.field(f)
	}
	return w.String()
}

type writer struct {
	strings.Builder
	busy map[*types.Struct]bool
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *writer) typ(t types.Type) {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		w.printf("%s", integer(t))
	case *types.Enum:
		w.printf("%s of %s", integer(&t.Int), t.Name)
	case *types.Varint:
		w.printf("%s", [...]string{"varint", "leb128", "varint of MLS"}[t.Form])
		if t.Any {
			w.printf(" of any form")
		}
	case *types.Extern:
		w.printf("extern %s", t.Name)
	case *types.Optional:
		w.printf("optional ")
		w.typ(t.Elem)
	case *types.Vector:
		w.vector(t)
	case *types.Struct:
		if w.busy[t] {
			w.printf("itself")
			return
		}
		w.busy[t] = true
		defer delete(w.busy, t)
		w.printf("{")
		for _, m := range t.Members {
			switch m := m.(type) {
			case *types.Field:
				w.field(m)
			case *types.Select:
				for _, a := range m.AllArms() {
					for _, l := range a.Labels {
						w.printf("%d,", l.Value)
					}
					w.printf(":")
					for _, f := range a.Fields {
						w.field(f)
					}
				}
			case *types.Pad:
				w.printf("pad %d; ", m.To)
			}
		}
		w.printf("}")
	}
}

func (w *writer) field(f *types.Field) {
	w.typ(f.Type)
	if f.LSB {
		w.printf(" lowest first")
	}
	if f.Const != nil {
		w.printf(" = %s", constant(f.Const))
	}
	if f.If != nil {
		w.printf(" %s", condition(f.If))
	}
	if f.Derived != nil {
		w.printf(" %s", formula(f.Derived))
	}
	w.printf("; ")
}

func (w *writer) vector(t *types.Vector) {
	l := t.Length
	unit := "bytes"
	if l.Unit == types.Elements {
		unit = "elements"
	}
	switch l.Kind {
	case types.Fixed:
		w.printf("%d %s", l.Min, unit)
	case types.Prefixed:
		w.printf("%d..%d %s behind ", l.Min, l.Max, unit)
		w.typ(l.Prefix)
	case types.Greedy:
		w.printf("the rest")
	case types.ByField, types.ByParam:
		w.printf("%s as a field says", unit)
	}
	switch {
	case t.Text:
		w.printf(" of UTF-8")
	case !t.Opaque:
		w.printf(" of ")
		w.typ(t.Elem)
	}
}
