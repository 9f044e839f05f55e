package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A parameter is an ordinary field of the Go struct. Decoders set it in what they
// hold. Encoders must not change what they encode, so they set it in a copy.

// ref returns an expression for the value of a field, a field inside one or a
// parameter.
func (g *generator) ref(f *types.Field) string {
	if f.Const != nil {
		return fmt.Sprint(f.Const.Number)
	}
	if len(f.Path) == 0 {
		return "m." + g.fieldName(f)
	}
	if last := f.Path[len(f.Path)-1]; last.Const != nil {
		return fmt.Sprint(last.Const.Number)
	}
	names := []string{"m"}
	for _, x := range f.Path {
		names = append(names, g.fieldName(x))
	}
	return strings.Join(names, ".")
}

// given returns an expression for what a parameter is set to.
func (g *generator) given(b types.Bind) string {
	expr := g.ref(b.From)
	if goType := g.goType(b.To.Type); goType != g.goType(b.From.Type) || types.Resolve(b.From.Type) != b.From.Type {
		return fmt.Sprintf("%s(%s)", goType, expr)
	}
	return expr
}

// bindsOf returns what the field that is being written gives to a struct in it.
func (g *generator) bindsOf(s *types.Struct) []types.Bind {
	if len(s.Params) == 0 {
		return nil
	}
	return g.binds
}

// boundCopy returns an expression for src, a struct: itself, or a copy with its
// parameters set.
func (g *generator) boundCopy(s *types.Struct, src string) string {
	if len(s.Params) == 0 {
		return src
	}
	v := g.fresh("bound")
	g.p("%s := %s", v, src)
	for _, b := range g.bindsOf(s) {
		g.p("%s.%s = %s", v, g.fieldName(b.To), g.given(b))
	}
	return v
}
