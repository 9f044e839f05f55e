package types

import (
	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// group resolves an @lsb group, whose fields become fields of the struct.
func (c *checker) group(s *Struct, sc *scope, g *syntax.Group, e *entry) {
	size, ok := c.number(g.Bits)
	if ok && size != 8 && size != 16 && size != 32 && size != 64 {
		c.errs.Add(diag.BadWidth, g.Span, "a group has 8, 16, 32 or 64 bits, not %d", size)
		ok = false
	}
	used := uint64(0)
	for _, m := range g.Members {
		in, isField := m.(*syntax.Field)
		if !isField {
			c.errs.Add(diag.BadWidth, m.Where(), "only integers and enums can stand in a group of bits")
			ok = false
			continue
		}
		if e != nil {
			in = c.constantFor(in, e)
		}
		f := c.field(sc, in)
		if f == nil {
			ok = false
			continue
		}
		bits, little := int64(0), false
		switch t := Resolve(f.Type).(type) {
		case *Int:
			bits, little = int64(t.Bits), t.Little
		case *Enum:
			bits, little = int64(t.Int.Bits), t.Int.Little
		}
		if bits == 0 || little || f.If != nil || f.Raw || f.Checksum != nil || f.Derived != nil {
			c.errs.Add(diag.BadWidth, f.Span, "only integers and enums that are always there can stand in a group of bits, plain or constant")
			ok = false
			continue
		}
		f.LSB = true
		used += uint64(bits)
		s.Members = append(s.Members, f)
	}
	if ok && used != size {
		c.errs.Add(diag.Unaligned, g.Span, "the fields of the group have %d bits, not %d", used, size)
	}
}
