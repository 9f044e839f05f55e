package interp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"sotto/gen/types"
)

// maxExact is the largest integer that every reader of JSON keeps. Larger ones are written as strings.
const maxExact = 1 << 53

// JSON writes a value of s, indented: integers in decimal (as strings above 2^53), bytes in hex, text as text, enums by
// name where they have one, an absent field as null. Hidden fields don't appear. The arm of a select is a field with
// the arm's name.
func JSON(s *types.Struct, v *Value) []byte {
	var b bytes.Buffer
	writeJSON(&b, s, v)
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		panic("interp: " + err.Error())
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func writeJSON(b *bytes.Buffer, t types.Type, v *Value) {
	if v.Kind == Absent {
		b.WriteString("null")
		return
	}
	switch t := types.Resolve(t).(type) {
	case *types.Int, *types.Varint:
		writeNumber(b, v.Uint)
	case *types.Enum:
		for _, e := range t.Values {
			if e.Value == v.Uint && e.Last == v.Uint {
				writeString(b, e.Name)
				return
			}
		}
		writeNumber(b, v.Uint)
	case *types.Extern:
		writeString(b, hex.EncodeToString(v.Bytes))
	case *types.Optional:
		writeJSON(b, t.Elem, v)
	case *types.Vector:
		switch v.Kind {
		case Text:
			writeString(b, string(v.Bytes))
		case Bytes:
			writeString(b, hex.EncodeToString(v.Bytes))
		default:
			b.WriteByte('[')
			for i, e := range v.List {
				if i > 0 {
					b.WriteByte(',')
				}
				writeJSON(b, t.Elem, e)
			}
			b.WriteByte(']')
		}
	case *types.Struct:
		writeStruct(b, t, v)
	}
}

func writeStruct(b *bytes.Buffer, s *types.Struct, v *Value) {
	b.WriteByte('{')
	first := true
	for f := range shownFields(s, v) {
		w := v.Field(f.Name)
		if w == nil || f.If != nil && w.Kind == Absent || f.Param != "" && v.hides(f.Name) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		writeString(b, f.Name)
		b.WriteByte(':')
		writeJSON(b, f.Type, w)
	}
	b.WriteByte('}')
}

// shownFields yields the fields of s that a value has a place for: of a select only the arm that v picks.
func shownFields(s *types.Struct, v *Value) func(yield func(*types.Field) bool) {
	return func(yield func(*types.Field) bool) {
		for _, p := range s.Params {
			if !yield(p) {
				return
			}
		}
		for _, m := range s.Members {
			switch m := m.(type) {
			case *types.Field:
				if !m.Hidden() && !yield(m) {
					return
				}
			case *types.Select:
				arm := m.Arm(selector(m.On, v))
				if arm == nil {
					continue
				}
				for _, f := range arm.Fields {
					if !f.Hidden() && !yield(f) {
						return
					}
				}
			}
		}
	}
}

// selector is the value of a field that a select looks at.
func selector(f *types.Field, v *Value) uint64 {
	for len(f.Path) > 0 { // down to where it stands
		if len(f.Path) == 1 {
			f = f.Path[0]
			break
		}
		if v = v.Field(f.Path[0].Name); v == nil {
			return 0
		}
		f = &types.Field{Name: f.Name, Path: f.Path[1:]}
	}
	if f.Const != nil {
		return f.Const.Number
	}
	if w := v.Field(f.Name); w != nil {
		return w.Uint
	}
	return 0
}

func writeNumber(b *bytes.Buffer, n uint64) {
	if n > maxExact {
		fmt.Fprintf(b, `"%d"`, n)
		return
	}
	fmt.Fprint(b, n)
}

func writeString(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("interp: " + err.Error())
	}
	b.Truncate(b.Len() - 1) // the newline
}
