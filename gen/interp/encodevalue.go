package interp

import (
	"fmt"
	"unicode/utf8"

	"sotto/gen/types"
)

func encodeType(t types.Type, v *Value, w *writer, path string, depth int) *Error {
	switch t := t.(type) {
	case *types.Alias:
		return encodeType(t.Type, v, w, path, depth)
	case *types.Int:
		return encodeInt(t, v, w, path)
	case *types.Enum:
		if v.Kind == Uint && t.Closed && !t.Knows(v.Uint) {
			return fail(path, w.bits, Enum, "%d is no %s", v.Uint, t.Name)
		}
		return encodeInt(&t.Int, v, w, path)
	case *types.Varint:
		return encodeVarint(t, v, w, path)
	case *types.Optional:
		if v.Kind == Absent {
			w.put(0, 8)
			return nil
		}
		w.put(1, 8)
		return encodeType(t.Elem, v, w, path, depth)
	case *types.Extern:
		if t.Length == nil {
			return fail(path, w.bits, Extern, "only Go code knows what a %s is", t.Name)
		}
		if n, reason := t.Length(v.Bytes); v.Kind != Bytes || reason != "" || n != len(v.Bytes) {
			return fail(path, w.bits, Range, "no %s", t.Name)
		}
		w.bytes(v.Bytes)
		return nil
	case *types.Vector:
		return encodeVector(t, v, w, path, depth)
	case *types.Struct:
		return encodeStruct(t, v, w, path, depth)
	}
	panic(fmt.Sprintf("interp: type %T", t))
}

func encodeInt(t *types.Int, v *Value, w *writer, path string) *Error {
	if v.Kind != Uint {
		return fail(path, w.bits, Range, "not a number")
	}
	if t.Bits < 64 && v.Uint>>t.Bits != 0 {
		return fail(path, w.bits, Range, "%d does not fit in %d bits", v.Uint, t.Bits)
	}
	n := v.Uint
	if t.Little {
		n = reverse(n, t.Bits/8)
	}
	w.put(n, t.Bits)
	return nil
}

func encodeVarint(t *types.Varint, v *Value, w *writer, path string) *Error {
	if v.Kind != Uint {
		return fail(path, w.bits, Range, "not a number")
	}
	if v.Uint > t.Max() {
		return fail(path, w.bits, Range, "%d does not fit in a varint", v.Uint)
	}
	size := varintSize(t.Form, v.Uint)
	if t.Form == types.LEB128 {
		n := v.Uint
		for range size - 1 {
			w.put(n&0x7f|0x80, 8)
			n >>= 7
		}
		w.put(n, 8)
		return nil
	}
	for log := 0; ; log++ {
		if size == 1<<log {
			w.put(uint64(log), 2)
			w.put(v.Uint, 8*size-2)
			return nil
		}
	}
}

func encodeVector(t *types.Vector, v *Value, w *writer, path string, depth int) *Error {
	l := t.Length
	at := w.bits
	content := &writer{given: w.given}
	elements := len(v.List)
	switch {
	case t.Opaque && (v.Kind == Bytes || v.Kind == Text):
		if t.Text && !utf8.Valid(v.Bytes) {
			return fail(path, at, UTF8, "not valid UTF-8")
		}
		content.bytes(v.Bytes)
		elements = len(v.Bytes)
	case !t.Opaque && v.Kind == List:
		for i, e := range v.List {
			if err := encodeType(t.Elem, e, content, fmt.Sprintf("%s[%d]", path, i), depth); err != nil {
				return err
			}
		}
	default:
		return fail(path, at, Range, "not a vector of the right kind")
	}
	n := uint64(content.bits / 8)
	if l.Unit == types.Elements {
		n = uint64(elements)
	}
	if l.Kind != types.ByField && l.Kind != types.ByParam && (n < l.Min || n > l.Max) {
		return fail(path, at, Range, "a length of %d, not in %d..%d", n, l.Min, l.Max)
	}
	if l.Kind == types.Prefixed {
		if err := encodeType(l.Prefix, &Value{Kind: Uint, Uint: n}, w, path, depth); err != nil {
			return err
		}
	}
	for r := (&reader{in: content.out, end: content.bits}); r.left() > 0; {
		w.put(r.bits(1), 1)
	}
	return nil
}
