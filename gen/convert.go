package gen

import (
	"fmt"
	"maps"
	"slices"

	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/gen/vet"
)

// Decode says in JSON what bytes of a struct say. No Go toolchain is needed: the
// interpreter walks the checked sources.
//
// params are the parameters of the struct, by the names that they have in what is
// returned.
func Decode(sources []*diag.Source, name string, params map[string]uint64, in []byte) ([]byte, error) {
	s, err := structNamed(sources, name)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Params {
		if _, ok := params[p.Name]; !ok {
			return nil, fmt.Errorf("%s needs the parameter %s", name, p.Name)
		}
	}
	for _, given := range slices.Sorted(maps.Keys(params)) {
		if !slices.ContainsFunc(s.Params, func(p *types.Field) bool { return p.Name == given }) {
			return nil, fmt.Errorf("%s has no parameter %s", name, given)
		}
	}
	v, err := interp.DecodeAllWith(s, params, in)
	if err != nil {
		return nil, err
	}
	return interp.JSON(s, v), nil
}

// Encode is the way back from what Decode writes.
func Encode(sources []*diag.Source, name string, text []byte) ([]byte, error) {
	s, err := structNamed(sources, name)
	if err != nil {
		return nil, err
	}
	v, err := interp.ParseJSON(s, text)
	if err != nil {
		return nil, err
	}
	return interp.Encode(s, v)
}

func structNamed(sources []*diag.Source, name string) (*types.Struct, error) {
	p, errs := Check(sources)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	s, ok := p.Lookup(name).(*types.Struct)
	if !ok {
		return nil, fmt.Errorf("no struct is called %s", name)
	}
	return s, nil
}

// Vet names every change from one version of a program to another that breaks a
// peer, with its place.
func Vet(before, after []*diag.Source) ([]string, error) {
	p, errs := Check(before)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	q, errs := Check(after)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	var out []string
	for _, c := range vet.Compare(p, q) {
		out = append(out, c.String())
	}
	return out, nil
}
