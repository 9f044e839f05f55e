package markdown

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// describe names a type for a table, with links to what has a section of its own.
func describe(t types.Type) string {
	switch t := t.(type) {
	case *types.Int:
		return integer(t)
	case *types.Enum:
		return link(t) + ", " + bits(t.Int.Bits)
	case *types.Alias:
		return link(t) + ", " + describe(t.Type)
	case *types.Varint:
		return varint(t)
	case *types.Optional:
		return "one byte: 0, or 1 and then " + describe(t.Elem)
	case *types.Struct, *types.Extern:
		return link(t.(types.Decl))
	case *types.Vector:
		return vector(t)
	}
	return fmt.Sprint(t)
}

func integer(t *types.Int) string {
	if t.Little {
		return bits(t.Bits) + ", little-endian"
	}
	return bits(t.Bits)
}

func varint(t *types.Varint) string {
	name := map[types.VarintForm]string{
		types.QUIC:   "varint (RFC 9000)",
		types.LEB128: "LEB128",
		types.MLS:    "varint (RFC 9420)",
	}[t.Form]
	if t.Any {
		return name + ", longer forms accepted"
	}
	return name
}

func vector(t *types.Vector) string {
	l := t.Length
	unit := "bytes"
	if l.Unit == types.Elements {
		unit = "elements"
	}
	what := ""
	if !t.Opaque {
		what = " of " + describe(t.Elem)
	} else if t.Text {
		what = " of UTF-8"
	}
	switch l.Kind {
	case types.Fixed:
		return fmt.Sprintf("%d %s%s", l.Min, unit, what)
	case types.Prefixed:
		return fmt.Sprintf("%s of length, then %d to %d %s%s", prefix(l.Prefix), l.Min, l.Max, unit, what)
	case types.ByField, types.ByParam:
		return fmt.Sprintf("as many %s as `%s` says%s", unit, called(l.By), what)
	}
	return "the rest" + what
}

func prefix(t types.Type) string {
	if v, ok := types.Resolve(t).(*types.Varint); ok {
		return varint(v)
	}
	return describe(t)
}

func bits(n int) string {
	switch {
	case n == 1:
		return "1 bit"
	case n == 8:
		return "1 byte"
	case n%8 == 0:
		return fmt.Sprintf("%d bytes", n/8)
	}
	return fmt.Sprintf("%d bits", n)
}

// link points at the section of a declaration. The anchor is what GitHub and others make of the heading.
func link(d types.Decl) string {
	return "[" + d.DeclName() + "](#" + strings.ToLower(d.DeclName()) + ")"
}

func capital(s string) string {
	if s == "" || s[0] == '[' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// called is the name of a field, of a parameter as the source has it.
func called(f *types.Field) string {
	if f.Param != "" {
		return f.Param
	}
	return f.Name
}
