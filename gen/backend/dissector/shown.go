package dissector

import (
	"encoding/hex"
	"fmt"
	"strings"

	"sotto/gen/interp"
	"sotto/gen/types"
)

// A Shown is one field of the tree that a dissector makes: its full name, and its value in decimal, or in hex for bytes
// and text. Structs have none.
type Shown struct{ Name, Value string }

func (s Shown) String() string { return s.Name + "=" + s.Value }

// Tree lists what the dissector shows of a value that was decoded, in order: what the interpreter says, in the words of
// Wireshark. Tests compare it with what Wireshark says.
func Tree(proto string, s *types.Struct, v *interp.Value) []Shown {
	t := tree{proto: proto + "."}
	t.add(strings.ToLower(s.Name), "")
	t.fields(s, v)
	return t.out
}

type tree struct {
	proto string
	out   []Shown
}

func (t *tree) add(name, value string) { t.out = append(t.out, Shown{t.proto + name, value}) }

func (t *tree) fields(s *types.Struct, v *interp.Value) {
	byName := map[string]*types.Field{}
	for f := range s.AllFields() {
		byName[f.Name] = f
	}
	for _, f := range v.Fields {
		if d := byName[f.Name]; d != nil { // neither padding nor a parameter
			t.value(key(s, f.Name), d.Type, f.Value)
		}
	}
}

func (t *tree) value(name string, typ types.Type, v *interp.Value) {
	if o, ok := types.Resolve(typ).(*types.Optional); ok {
		if v.Kind == interp.Absent {
			t.add(name+"_present", "0")
			return
		}
		t.add(name+"_present", "1")
		t.value(name, o.Elem, v)
		return
	}
	if v.Prefix != nil {
		t.add(name+"_length", fmt.Sprint(v.Prefix.Uint))
	}
	switch v.Kind {
	case interp.Uint:
		t.add(name, fmt.Sprint(v.Uint))
	case interp.Bytes, interp.Text:
		if len(v.Bytes) > 0 {
			t.add(name, hex.EncodeToString(v.Bytes))
		}
	case interp.List:
		vector := types.Resolve(typ).(*types.Vector)
		for _, e := range v.List {
			t.value(name+item(vector), vector.Elem, e)
		}
	case interp.Struct:
		t.add(name, "")
		t.fields(types.Resolve(typ).(*types.Struct), v)
	}
}
