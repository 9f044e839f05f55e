package fuzz

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sotto/gen/backend/vectors"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

// TestVectors gives every vector of the spec to the generated code and to the interpreter.
func TestVectors(t *testing.T) {
	structs := map[string]*types.Struct{}
	for _, s := range specProgram().Structs() {
		structs[s.Name] = s
	}
	targets := map[string]*target{}
	for _, table := range allTargets {
		for i := range table {
			targets[table[i].name] = &table[i]
		}
	}
	names, err := filepath.Glob("../spec/vectors/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := vectors.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range all {
			v := &all[i]
			s, c := structs[v.Type], targets[v.Type]
			if s == nil || c == nil {
				t.Errorf("%s: no type %s", name, v.Type)
				continue
			}
			if v.Fields != nil {
				acceptVector(t, s, c, v)
			} else {
				refuseVector(t, s, c, v)
			}
		}
	}
}

// acceptVector goes from the fields to the bytes by the interpreter, and from the bytes to the bytes by generated code.
func acceptVector(t *testing.T, s *types.Struct, c *target, v *vectors.Vector) {
	t.Helper()
	value, err := interp.ParseJSON(s, v.Fields)
	if err != nil {
		t.Errorf("%s %s: %v", v.Type, v.Fields, err)
		return
	}
	if b, err := interp.Encode(s, value); err != nil || !bytes.Equal(b, v.Bytes) {
		t.Errorf("%s %s:\ngot  %x, %v\nwant %x", v.Type, v.Fields, b, err, v.Bytes)
	}
	if !check(t, c, v.Bytes) {
		t.Errorf("%s %x: refused", v.Type, v.Bytes)
	}
}

func refuseVector(t *testing.T, s *types.Struct, c *target, v *vectors.Vector) {
	t.Helper()
	_, err := interp.DecodeAll(s, v.Bytes)
	var ie *interp.Error
	if !errors.As(err, &ie) || ie.Reason != v.Reason || ie.Offset != v.Offset || ie.Field != v.Field {
		t.Errorf("%s %x: got %v, want %s at byte %d: %s", v.Type, v.Bytes, err, v.Reason, v.Offset, v.Field)
	}
	err = c.make().UnmarshalBinary(v.Bytes)
	var ce *codec.Error
	if !errors.As(err, &ce) || !errors.Is(err, reasons[v.Reason]) || ce.Offset != v.Offset || ce.Field != v.Field {
		t.Errorf("%s %x: got %v, want %s at byte %d: %s", v.Type, v.Bytes, err, v.Reason, v.Offset, v.Field)
	}
}
