package interp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"sotto/gen/types"
)

// ParseJSON reads what JSON wrote, or a person in the same form. A field that s doesn't have is an error.
func ParseJSON(s *types.Struct, text []byte) (*Value, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return structFromJSON(s, tree, s.Name, nil)
}

// given are the parameters of the struct that lies in t.
func fromJSON(t types.Type, tree any, path string, given numbers) (*Value, error) {
	bad := func(want string) (*Value, error) {
		return nil, fmt.Errorf("%s: want %s, got %s", path, want, describe(tree))
	}
	switch t := types.Resolve(t).(type) {
	case *types.Int, *types.Varint:
		n, ok := jsonNumber(tree)
		if !ok {
			return bad("a number")
		}
		return &Value{Kind: Uint, Uint: n}, nil
	case *types.Enum:
		if s, ok := tree.(string); ok {
			if e := t.Find(s); e != nil {
				return &Value{Kind: Uint, Uint: e.Value}, nil
			}
		}
		n, ok := jsonNumber(tree)
		if !ok {
			return bad("a name of " + t.Name + " or a number")
		}
		return &Value{Kind: Uint, Uint: n}, nil
	case *types.Extern:
		s, ok := tree.(string)
		if !ok {
			return bad("hex")
		}
		in, err := hex.DecodeString(s)
		return &Value{Kind: Bytes, Bytes: in}, err
	case *types.Optional:
		if tree == nil {
			return &Value{Kind: Absent}, nil
		}
		return fromJSON(t.Elem, tree, path, given)
	case *types.Vector:
		return vectorFromJSON(t, tree, path, given)
	case *types.Struct:
		return structFromJSON(t, tree, path, given)
	}
	panic(fmt.Sprintf("interp: type %T", t))
}

func vectorFromJSON(t *types.Vector, tree any, path string, given numbers) (*Value, error) {
	if t.Opaque {
		s, ok := tree.(string)
		if !ok {
			return nil, fmt.Errorf("%s: want a string, got %s", path, describe(tree))
		}
		if t.Text {
			return &Value{Kind: Text, Bytes: []byte(s)}, nil
		}
		b, err := hex.DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("%s: want hex: %w", path, err)
		}
		return &Value{Kind: Bytes, Bytes: b}, nil
	}
	list, ok := tree.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: want a list, got %s", path, describe(tree))
	}
	v := &Value{Kind: List}
	for i, e := range list {
		w, err := fromJSON(t.Elem, e, fmt.Sprintf("%s[%d]", path, i), given)
		if err != nil {
			return nil, err
		}
		v.List = append(v.List, w)
	}
	return v, nil
}

func structFromJSON(s *types.Struct, tree any, path string, given numbers) (*Value, error) {
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: want an object, got %s", path, describe(tree))
	}
	v := &Value{Kind: Struct}
	if given != nil {
		for _, p := range s.Params {
			v.Fields = append(v.Fields, Field{Name: p.Name, Value: &Value{Kind: Uint, Uint: given[p]}, Hidden: true})
		}
	}
	used := 0
	for f := range shownFields(s, v) {
		sub, there := object[f.Name]
		if f.Param != "" && v.Field(f.Name) != nil {
			continue // its holder has given it
		}
		if !there && f.Param != "" {
			continue // its holder gives it, or it is zero
		}
		if !there {
			if f.If == nil {
				if _, ok := types.Resolve(f.Type).(*types.Optional); !ok {
					return nil, fmt.Errorf("%s: field %s is missing", path, f.Name)
				}
			}
			v.Fields = append(v.Fields, Field{Name: f.Name, Value: &Value{Kind: Absent}})
			continue
		}
		used++
		w, err := fromJSON(f.Type, sub, path+"."+f.Name, bound(f, func(x *types.Field) uint64 { return selector(x, v) }))
		if err != nil {
			return nil, err
		}
		v.Fields = append(v.Fields, Field{Name: f.Name, Value: w})
	}
	if used < len(object) {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if v.Field(name) == nil {
				return nil, fmt.Errorf("%s: no field %s here", path, name)
			}
		}
	}
	return v, nil
}

func jsonNumber(tree any) (uint64, bool) {
	var s string
	switch tree := tree.(type) {
	case json.Number:
		s = tree.String()
	case string:
		s = tree
	case bool:
		if tree {
			return 1, true
		}
		return 0, true
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func describe(tree any) string {
	switch tree := tree.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(tree)
	case json.Number:
		return tree.String()
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprint(tree)
}
