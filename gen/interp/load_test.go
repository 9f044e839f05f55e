package interp_test

import (
	"testing"

	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// compile checks one source, which must be without errors.
func compile(t testing.TB, text string) *types.Program {
	t.Helper()
	var errs diag.List
	p := types.Check([]*syntax.File{syntax.Parse(&diag.Source{Name: "test.wire", Text: text}, &errs)}, &errs)
	if errs.HasErrors() {
		t.Fatal(errs.Err())
	}
	return p
}

// structNamed finds a struct.
func structNamed(t testing.TB, p *types.Program, name string) *types.Struct {
	t.Helper()
	s, ok := p.Lookup(name).(*types.Struct)
	if !ok {
		t.Fatalf("no struct %s", name)
	}
	return s
}
