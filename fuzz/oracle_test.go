package fuzz

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

// reasons gives the sentinel of generated code for a reason of the interpreter.
var reasons = map[interp.Reason]error{
	interp.Short: codec.ErrShort, interp.Trailing: codec.ErrTrailing, interp.Range: codec.ErrRange, interp.Const: codec.ErrConst,
	interp.Enum: codec.ErrEnum, interp.Checksum: codec.ErrChecksum, interp.NotCanonical: codec.ErrNotCanonical, interp.UTF8: codec.ErrUTF8,
}

// The oracle of the generated tests is the interpreter over the same sources.
func init() {
	p := specProgram()
	structs := map[string]*types.Struct{}
	for _, s := range p.Structs() {
		structs[s.Name] = s
	}
	oracle = func(t *testing.T, c *target, in []byte) (int, error, int) {
		_, n, err := interp.DecodeWith(structs[c.name], c.params, in)
		var e *interp.Error
		if errors.As(err, &e) {
			return 0, reasons[e.Reason], e.Offset
		}
		return n, nil, 0
	}
}

// specProgram compiles the sources of the protocol.
func specProgram() *types.Program {
	var sources []*diag.Source
	for _, pattern := range []string{"../spec/classic/*.wire", "../spec/*.wire"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			panic(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				panic(err)
			}
			sources = append(sources, &diag.Source{Name: name, Text: string(text)})
		}
	}
	p, errs := gen.Check(sources)
	if err := errs.Err(); err != nil {
		panic(err)
	}
	return p
}
