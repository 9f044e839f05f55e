package markdown

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// structCells lists what the bit diagram of s shows.
func structCells(s *types.Struct) []cell {
	var cells []cell
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Field:
			cells = append(cells, fieldCells(m)...)
		case *types.Select:
			cells = append(cells, selectCell(m))
		case *types.Pad:
			cells = append(cells, cell{name: "padding", vary: true, note: fmt.Sprintf("to a multiple of %d bytes", m.To)})
		}
	}
	return cells
}

func fieldCells(f *types.Field) []cell {
	c := cell{name: f.Name}
	if f.Const != nil && f.Const.Bytes == nil {
		c.tiny = fmt.Sprint(f.Const.Number)
		c.note = c.tiny
	}
	if f.If != nil {
		c.note = "if " + called(f.If.Field)
		if f.If.Not {
			c.note = "unless " + called(f.If.Field)
		}
	}
	size := f.Type.Size()
	if size.Fixed() && f.If == nil {
		if size.Max == 0 {
			return nil
		}
		c.bits = int(size.Max)
		if size.Max > 64 && c.note == "" {
			c.note = fmt.Sprintf("%d bytes", size.Max/8)
		}
		return []cell{c}
	}
	c.vary = true
	v, ok := types.Resolve(f.Type).(*types.Vector)
	switch {
	case f.If != nil:
	case ok && v.Length.Kind == types.Prefixed:
		c.note = limits(v)
		if p := v.Length.Prefix.Size(); p.Fixed() {
			return []cell{{name: f.Name + " length", bits: int(p.Max), tiny: "length"}, c}
		}
	case ok && v.Length.Kind == types.Greedy:
		c.note = "the rest"
	case ok && (v.Length.Kind == types.ByField || v.Length.Kind == types.ByParam):
		c.note = called(v.Length.By) + " says how long"
	default:
		c.note = kind(f.Type)
	}
	return []cell{c}
}

func kind(t types.Type) string {
	switch t := t.(type) {
	case *types.Varint:
		if t.Form == types.LEB128 {
			return "LEB128"
		}
		return "varint"
	case *types.Optional:
		return "optional"
	case types.Decl:
		return t.DeclName()
	}
	return ""
}

func limits(v *types.Vector) string {
	unit := "bytes"
	if v.Length.Unit == types.Elements {
		unit = "elements"
	}
	return fmt.Sprintf("%d..%d %s", v.Length.Min, v.Length.Max, unit)
}

// selectCell is one cell for all arms: the diagram of each arm stands with its own type.
func selectCell(s *types.Select) cell {
	c := cell{name: s.Name, note: "by " + called(s.On), vary: true}
	if c.name == "" {
		c.name = strings.Join(armNames(s), " | ")
	}
	if len(c.label()) > 2*rowBits-1 {
		c.name, c.note = "depends on "+called(s.On), ""
	}
	return c
}

func armNames(s *types.Select) []string {
	var names []string
	for _, a := range append(s.Arms[:len(s.Arms):len(s.Arms)], s.Default) {
		if a == nil {
			continue
		}
		name := "nothing"
		if len(a.Fields) > 0 {
			name = a.Fields[0].Name
			if d, ok := a.Fields[0].Type.(types.Decl); ok {
				name = d.DeclName()
			}
		}
		names = append(names, name)
	}
	return names
}
