package interp

import (
	"bytes"
	"fmt"
)

// A Kind says which part of a Value counts.
type Kind uint8

const (
	Absent Kind = iota // an optional that is not there
	Uint               // integers, bits, enums, varints
	Bytes              // opaque
	Text               // @utf8
	List               // vectors of anything but bytes
	Struct
)

// A Value is what some bytes of a message say: a leaf, a list or a struct. It knows where it was read, so that
// dissectors and tests of truncation can ask for it.
type Value struct {
	Kind   Kind
	Uint   uint64
	Bytes  []byte // of Bytes and Text
	List   []*Value
	Fields []Field // of Struct, in the order of the declaration

	// Where a decoder read it, in bits from the start of the input. Zero in a value that was not decoded.
	At, Bits int

	// Prefix is the length or the count that stands before a vector, nil where none does.
	Prefix *Value
}

// A Field is one member of a struct.
type Field struct {
	Name  string
	Value *Value

	// Hidden is set for what says nothing new and so does not stand in the Go struct: constants, derived lengths,
	// checksums, padding. An encoder computes these and ignores what is here.
	Hidden bool
}

// Field gives the member of that name, nil if there is none.
func (v *Value) Field(name string) *Value {
	for _, f := range v.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// hides reports whether the member of that name is hidden.
func (v *Value) hides(name string) bool {
	for _, f := range v.Fields {
		if f.Name == name {
			return f.Hidden
		}
	}
	return false
}

// Equal reports whether both say the same. Positions and hidden fields don't count.
func (v *Value) Equal(w *Value) bool {
	if v == nil || w == nil {
		return v == w
	}
	if v.Kind != w.Kind {
		return false
	}
	switch v.Kind {
	case Uint:
		return v.Uint == w.Uint
	case Bytes, Text:
		return bytes.Equal(v.Bytes, w.Bytes)
	case List:
		if len(v.List) != len(w.List) {
			return false
		}
		for i := range v.List {
			if !v.List[i].Equal(w.List[i]) {
				return false
			}
		}
	case Struct:
		a, b := v.shown(), w.shown()
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i].Name != b[i].Name || !a[i].Value.Equal(b[i].Value) {
				return false
			}
		}
	}
	return true
}

// shown lists the fields that are not hidden.
func (v *Value) shown() []Field {
	var shown []Field
	for _, f := range v.Fields {
		if !f.Hidden {
			shown = append(shown, f)
		}
	}
	return shown
}

// Walk visits v and all that lies in it in order of position, with the path of each: "acks[2].end".
func (v *Value) Walk(visit func(path string, v *Value)) { v.walk("", visit) }

func (v *Value) walk(path string, visit func(string, *Value)) {
	visit(path, v)
	if v.Prefix != nil {
		visit(path, v.Prefix)
	}
	for i, e := range v.List {
		e.walk(fmt.Sprintf("%s[%d]", path, i), visit)
	}
	for _, f := range v.Fields {
		f.Value.walk(join(path, f.Name), visit)
	}
}
