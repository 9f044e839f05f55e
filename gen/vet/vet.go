package vet

import (
	"fmt"

	"sotto/gen/diag"
	"sotto/gen/types"
)

// A Change is one way in which two versions don't understand each other.
type Change struct {
	Where   diag.Span // in the new version, or in the old one for what is gone
	Path    string    // "Packet.length"
	Message string
}

func (c Change) String() string { return fmt.Sprintf("%s: %s: %s", c.Where, c.Path, c.Message) }

// Compare lists the changes from one version to the other that break a peer, in the order of the old declarations.
func Compare(before, after *types.Program) []Change {
	c := &comparison{}
	for _, f := range before.Files {
		for _, d := range f.Decls {
			c.decl(d, after.Lookup(d.DeclName()))
		}
	}
	return c.changes
}

type comparison struct {
	changes []Change
}

func (c *comparison) add(where diag.Span, path, format string, args ...any) {
	c.changes = append(c.changes, Change{where, path, fmt.Sprintf(format, args...)})
}

func (c *comparison) decl(old, now types.Decl) {
	name := old.DeclName()
	switch old := old.(type) {
	case *types.Const:
		return // what it changes shows where it is used
	case *types.Struct:
		if old.Of != nil {
			return // a case, compared with its struct
		}
		if now == nil {
			c.add(old.Span, name, "is gone")
			return
		}
		now, ok := now.(*types.Struct)
		if !ok {
			c.add(old.Span, name, "is no struct any more")
			return
		}
		c.structure(name, old, now)
	case *types.Enum:
		if now, ok := now.(*types.Enum); ok {
			c.enum(name, old, now)
		} else if now != nil {
			c.add(now.Where(), name, "is no enum any more")
		}
		// An enum that is gone shows in the fields that had it.
	case *types.Alias:
		if now, ok := now.(*types.Alias); ok {
			c.typ(now.Span, name, old.Type, now.Type)
		}
	}
}

func (c *comparison) enum(name string, old, now *types.Enum) {
	if old.Int != now.Int {
		c.add(now.Span, name, "%s, was %s", integer(&now.Int), integer(&old.Int))
	}
	if old.Closed && !now.Closed {
		c.add(now.Span, name, "open, was closed: old peers refuse values that they don't know")
	}
	if !old.Closed && now.Closed {
		c.add(now.Span, name, "closed, was open: values that old peers may send are refused")
	}
	for _, v := range old.Values {
		w := now.Find(v.Name)
		switch {
		case w != nil && (w.Value != v.Value || w.Last != v.Last):
			c.add(w.Span, name+"."+v.Name, "%s, was %s", number(w), number(v))
		case w == nil && now.Closed && !now.Knows(v.Value):
			c.add(v.Span, name+"."+v.Name, "is gone, so %s is refused", number(v))
		}
	}
	for _, w := range now.Values {
		if old.Find(w.Name) != nil {
			continue
		}
		for _, v := range old.Values {
			if v.Value <= w.Last && w.Value <= v.Last && now.Find(v.Name) != nil {
				c.add(w.Span, name+"."+w.Name, "%s, which is %s", number(w), v.Name)
			}
		}
		if old.Closed && !old.Knows(w.Value) {
			c.add(w.Span, name+"."+w.Name, "is new, and old peers refuse %s", number(w))
		}
	}
}

func number(v *types.EnumValue) string {
	if v.Last > v.Value {
		return fmt.Sprintf("%d..%d", v.Value, v.Last)
	}
	return fmt.Sprint(v.Value)
}

func integer(i *types.Int) string {
	s := fmt.Sprintf("%d bits", i.Bits)
	if i.Little {
		s += " little-endian"
	}
	return s
}
