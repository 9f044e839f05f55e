package interp

import "sotto/gen/types"

// numbers holds the parameters of a struct.
type numbers map[*types.Field]uint64

// Params returns the parameters in a value of s, for DecodeWith.
func Params(s *types.Struct, v *Value) map[string]uint64 {
	params := map[string]uint64{}
	for _, p := range s.Params {
		params[p.Name] = selector(p, v)
	}
	return params
}

// bound computes what a field gives to the struct that lies in it.
func bound(f *types.Field, value func(*types.Field) uint64) numbers {
	given := numbers{}
	for _, b := range f.Binds {
		given[b.To] = value(b.From)
	}
	return given
}

// value is the number that a field, a parameter or a field inside a field has.
func (d *structDecoder) value(f *types.Field) uint64 { return lookUp(f, d.number, d.out) }

func (e *structEncoder) value(f *types.Field) uint64 { return lookUp(f, e.number, e.in) }

func lookUp(f *types.Field, number map[*types.Field]uint64, v *Value) uint64 {
	if f.Path == nil {
		return number[f]
	}
	return selector(f, v)
}
