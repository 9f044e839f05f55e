package interp

import (
	"fmt"
	"unicode/utf8"

	"sotto/gen/types"
)

// decodeType reads one value. size is how many bytes or elements a vector has whose length stands in another field, else -1.
func decodeType(t types.Type, r *reader, path string, depth, size int) (*Value, *Error) {
	at := r.pos
	v, err := decodeValue(t, r, path, depth, size)
	if err != nil {
		return nil, err
	}
	v.At, v.Bits = at, r.pos-at
	return v, nil
}

func decodeValue(t types.Type, r *reader, path string, depth, size int) (*Value, *Error) {
	switch t := t.(type) {
	case *types.Alias:
		return decodeType(t.Type, r, path, depth, size)
	case *types.Int:
		return decodeInt(t, r, path)
	case *types.Enum:
		at := r.pos
		v, err := decodeInt(&t.Int, r, path)
		if err == nil && t.Closed && !t.Knows(v.Uint) {
			return nil, fail(path, at, Enum, "%d is no %s", v.Uint, t.Name)
		}
		return v, err
	case *types.Varint:
		return decodeVarint(t, r, path)
	case *types.Optional:
		at := r.pos
		if r.left() < 8 {
			return nil, fail(path, at, Short, "no room for its presence")
		}
		switch r.bits(8) {
		case 0:
			return &Value{Kind: Absent}, nil
		case 1:
			return decodeType(t.Elem, r, path, depth, size)
		}
		return nil, fail(path, at, Range, "presence is neither 0 nor 1")
	case *types.Extern:
		at := r.pos
		if t.Length == nil {
			return nil, fail(path, at, Extern, "only Go code knows where a %s ends", t.Name)
		}
		n, reason := t.Length(r.in[r.pos/8 : r.end/8])
		switch {
		case reason != "":
			return nil, fail(path, at, Reason(reason), "no %s", t.Name)
		case n > r.left()/8:
			return nil, fail(path, at, Short, "%d bytes, %d left", n, r.left()/8)
		case n < 1:
			return nil, fail(path, at, Range, "no bytes")
		}
		return &Value{Kind: Bytes, Bytes: r.bytes(n)}, nil
	case *types.Vector:
		return decodeVector(t, r, path, depth, size)
	case *types.Struct:
		return decodeStruct(t, r, path, depth)
	}
	panic(fmt.Sprintf("interp: type %T", t))
}

func decodeInt(t *types.Int, r *reader, path string) (*Value, *Error) {
	if r.left() < t.Bits {
		return nil, fail(path, r.pos, Short, "%d bits, %d left", t.Bits, r.left())
	}
	if r.lsb {
		return &Value{Kind: Uint, Uint: r.low(t.Bits)}, nil
	}
	n := r.bits(t.Bits)
	if t.Little {
		n = reverse(n, t.Bits/8)
	}
	return &Value{Kind: Uint, Uint: n}, nil
}

func decodeVarint(t *types.Varint, r *reader, path string) (*Value, *Error) {
	at := r.pos
	short := fail(path, at, Short, "the varint does not fit")
	if r.left() < 8 {
		return nil, short
	}
	var n uint64
	switch t.Form {
	case types.QUIC, types.MLS:
		size := 1 << r.bits(2)
		if t.Form == types.MLS && size > 4 {
			return nil, fail(path, at, Range, "a length of more than 30 bits")
		}
		if r.left() < 8*size-2 {
			return nil, short
		}
		n = r.bits(8*size - 2)
	case types.LEB128:
		for shift := 0; ; shift += 7 {
			if r.left() < 8 {
				return nil, short
			}
			b := r.bits(8)
			if shift > 63 || shift == 63 && b > 1 && b < 0x80 {
				return nil, fail(path, at, Range, "more than 64 bits")
			}
			n |= b & 0x7f << shift
			if b < 0x80 {
				break
			}
		}
	}
	if w := varintSize(t.Form, n); !t.Any && r.pos-at != 8*w {
		return nil, fail(path, at, NotCanonical, "%d bytes for a number that needs %d", (r.pos-at)/8, w)
	}
	return &Value{Kind: Uint, Uint: n}, nil
}

// varintSize is the size in bytes of the shortest form.
func varintSize(form types.VarintForm, n uint64) int {
	if form == types.LEB128 {
		size := 1
		for ; n >= 0x80; n >>= 7 {
			size++
		}
		return size
	}
	for size := 1; ; size *= 2 {
		if n < 1<<(8*size-2) {
			return size
		}
	}
}

func decodeVector(t *types.Vector, r *reader, path string, depth, size int) (*Value, *Error) {
	at := r.pos
	l := t.Length
	v := &Value{Kind: List}
	var n int // bytes or elements, as l.Unit says
	switch l.Kind {
	case types.Fixed:
		n = int(l.Min)
	case types.ByField, types.ByParam:
		n = size
	case types.Greedy:
		n = r.left() / 8
	case types.Prefixed:
		prefix, err := decodeType(l.Prefix, r, path, depth, -1)
		if err != nil {
			return nil, err
		}
		v.Prefix = prefix
		if prefix.Uint < l.Min || prefix.Uint > l.Max {
			return nil, fail(path, at, Range, "a length of %d, not in %d..%d", prefix.Uint, l.Min, l.Max)
		}
		n = int(min(prefix.Uint, 1<<40))
	}
	if l.Unit == types.Bytes || l.Kind == types.Greedy || t.Bytewise() {
		return v, decodeRegion(t, v, r, path, depth, at, n)
	}
	for i := range n {
		e, err := decodeType(t.Elem, r, fmt.Sprintf("%s[%d]", path, i), depth, -1)
		if err != nil {
			return nil, err
		}
		v.List = append(v.List, e)
	}
	return v, nil
}

// decodeRegion reads the elements that fill n bytes.
func decodeRegion(t *types.Vector, v *Value, r *reader, path string, depth, at, n int) *Error {
	if r.left() < 8*n {
		return fail(path, at, Short, "%d bytes, %d left", n, r.left()/8)
	}
	if t.Opaque {
		v.Kind, v.Bytes = Bytes, r.bytes(n)
		if t.Text {
			v.Kind = Text
			if !utf8.Valid(v.Bytes) {
				return fail(path, at, UTF8, "not valid UTF-8")
			}
		}
		return nil
	}
	outer := r.end
	r.end = r.pos + 8*n
	for r.left() > 0 {
		before := r.pos
		e, err := decodeType(t.Elem, r, fmt.Sprintf("%s[%d]", path, len(v.List)), depth, -1)
		if err != nil {
			return err
		}
		if r.pos == before {
			return fail(path, at, Range, "elements without bytes")
		}
		v.List = append(v.List, e)
	}
	r.end = outer
	return nil
}
