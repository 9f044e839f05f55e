package interp

import (
	"bytes"

	"sotto/gen/types"
)

// Encode writes a value of s. The error, if any, is an *Error. Parameters of s are fields of v.
func Encode(s *types.Struct, v *Value) ([]byte, error) {
	w := &writer{given: numbers{}}
	for _, p := range s.Params {
		w.given[p] = selector(p, v)
	}
	if e := encodeStruct(s, v, w, "", -1); e != nil {
		e.Message = s.Name
		return nil, e
	}
	return w.out, nil
}

// A structEncoder remembers what it has written of one struct, for the fields that are computed from others.
type structEncoder struct {
	w     *writer
	path  string
	depth int
	start int // bit where the struct starts
	in    *Value
	fill  []*types.Field       // derived and checksum fields, in order
	width map[*types.Field]int // bytes of a derived varint

	number map[*types.Field]uint64
	count  map[types.Member]int
	from   map[types.Member]int
	to     map[types.Member]int
}

// encodeStruct writes s. How many bytes a derived varint takes is known only when its value is, and that may depend on
// other varints: so each begins with one byte, and all is written again with more until nothing is too small.
func encodeStruct(s *types.Struct, v *Value, w *writer, path string, depth int) *Error {
	if v.Kind != Struct {
		return fail(path, w.bits, Range, "not a struct")
	}
	if depth = deeper(s, depth); depth > maxDepth {
		return fail(path, w.bits, Range, "structs lie more than %d deep in each other", maxDepth)
	}
	before := *w
	for width := map[*types.Field]int{}; ; {
		e := &structEncoder{
			w: w, path: path, depth: depth, start: w.bits, in: v, width: width,
			number: map[*types.Field]uint64{},
			count:  map[types.Member]int{},
			from:   map[types.Member]int{},
			to:     map[types.Member]int{},
		}
		for _, p := range s.Params {
			e.number[p] = before.given[p]
			e.from[p] = w.bits
		}
		for _, m := range s.Members {
			if err := e.member(m); err != nil {
				return err
			}
		}
		w.given = before.given
		e.to[nil] = w.bits
		again, err := e.fillIn()
		if err != nil {
			return err
		}
		if !again {
			if n := uint64(w.bits-e.start) / 8; s.MaxBytes > 0 && n > s.MaxBytes {
				return fail(path, e.start, Range, "%d bytes, more than %d", n, s.MaxBytes)
			}
			return nil
		}
		*w = writer{out: before.out[:len(before.out):len(before.out)], bits: before.bits, given: before.given}
	}
}

func (e *structEncoder) member(m types.Member) *Error {
	e.from[m] = e.w.bits
	defer func() { e.to[m] = e.w.bits }()
	switch m := m.(type) {
	case *types.Field:
		return e.field(m)
	case *types.Select:
		arm := m.Arm(e.value(m.On))
		if arm == nil {
			return fail(join(e.path, m.On.Name), e.w.bits, Enum, "%d selects nothing", e.value(m.On))
		}
		for _, f := range arm.Fields {
			if err := e.member(f); err != nil {
				return err
			}
		}
	case *types.Pad:
		for (e.w.bits-e.start)%(8*int(m.To)) != 0 {
			e.w.put(0, 8)
		}
	}
	return nil
}

func (e *structEncoder) field(f *types.Field) *Error {
	if f.If != nil && (e.number[f.If.Field] != 0) == f.If.Not {
		return nil
	}
	path := join(e.path, f.Name)
	switch {
	case f.Const != nil && f.Const.Bytes != nil:
		e.w.bytes(f.Const.Bytes)
		return nil
	case f.LSB:
		return e.low(f, path)
	case f.Const != nil:
		e.number[f] = f.Const.Number
		return encodeType(f.Type, &Value{Kind: Uint, Uint: f.Const.Number}, e.w, path, e.depth)
	case f.Derived != nil || f.Checksum != nil:
		e.fill = append(e.fill, f)
		e.reserve(f)
		return nil
	}
	v := e.in.Field(f.Name)
	if v == nil {
		return fail(path, e.w.bits, Range, "has no value")
	}
	if v.Kind == Uint {
		e.number[f] = v.Uint
	}
	e.count[f] = len(v.List) + len(v.Bytes)
	if !bytes.HasPrefix(v.Bytes, f.Starts) {
		return fail(path, e.w.bits, Const, "does not begin with %q", f.Starts)
	}
	at := e.w.bits
	e.w.given = bound(f, e.value)
	if err := encodeType(f.Type, v, e.w, path, e.depth); err != nil {
		return err
	}
	if t, ok := types.Resolve(f.Type).(*types.Vector); ok && t.Length.Kind == types.ByParam {
		n := e.w.bits/8 - at/8
		if t.Length.Unit == types.Elements {
			n = e.count[f]
		}
		if want := e.value(t.Length.By); uint64(n) != want {
			return fail(path, at, Range, "a length of %d, not %d", n, want)
		}
	}
	return nil
}

// low writes a field of an @lsb group.
func (e *structEncoder) low(f *types.Field, path string) *Error {
	v := e.in.Field(f.Name)
	if f.Const != nil {
		v = &Value{Kind: Uint, Uint: f.Const.Number}
	}
	if v == nil {
		return fail(path, e.w.bits, Range, "has no value")
	}
	// What is wrong with the value is the same in any order of bits.
	if err := encodeType(f.Type, v, &writer{bits: e.w.bits / 8 * 8, out: make([]byte, e.w.bits/8)}, path, e.depth); err != nil {
		return err
	}
	e.number[f] = v.Uint
	e.w.putLow(v.Uint, int(f.Type.Size().Max))
	return nil
}

// reserve writes zeros where fillIn will put the value.
func (e *structEncoder) reserve(f *types.Field) {
	bits := int(f.Type.Size().Max)
	if _, ok := types.Resolve(f.Type).(*types.Varint); ok {
		e.width[f] = max(e.width[f], 1)
		bits = 8 * e.width[f]
	}
	for range bits {
		e.w.put(0, 1)
	}
}

// fillIn writes the derived fields and then the checksums, which cover them. It reports whether a varint needs more
// room than was kept.
func (e *structEncoder) fillIn() (again bool, err *Error) {
	for _, f := range e.fill {
		if f.Derived == nil {
			continue
		}
		n := f.Derived.Plus
		for _, t := range f.Derived.Terms {
			n += t.Times * e.termValue(t)
		}
		path := join(e.path, f.Name)
		if n < 0 || n%f.Derived.Div != 0 {
			return false, fail(path, e.from[f], Range, "%d is no multiple of %d", n, f.Derived.Div)
		}
		w := &writer{}
		if err := encodeType(f.Type, &Value{Kind: Uint, Uint: uint64(n / f.Derived.Div)}, w, path, e.depth); err != nil {
			return false, err
		}
		if w.bits > e.to[f]-e.from[f] {
			e.width[f] = w.bits / 8
			return true, nil
		}
		e.overwrite(f, w)
	}
	for _, f := range e.fill {
		if f.Checksum == nil {
			continue
		}
		cover := [2]int{e.start / 8, e.w.bits / 8}
		if c := f.Checksum; c.From != nil {
			cover = [2]int{e.from[c.From] / 8, e.to[c.To] / 8}
		}
		from, to := e.from[f]/8, e.to[f]/8
		copy(e.w.out[from:to], checksum(f.Checksum, e.w.out, cover, from, to))
	}
	return false, nil
}

func (e *structEncoder) termValue(t types.Term) int64 {
	if t.Count {
		return int64(e.count[t.Of])
	}
	from := e.start
	if t.Of != nil {
		from = e.from[t.Of]
	}
	return int64(e.to[t.Of]-from) / 8
}

// overwrite puts bits where zeros were kept for them.
func (e *structEncoder) overwrite(f *types.Field, w *writer) {
	r := &reader{in: w.out, end: w.bits}
	for at := e.from[f]; at < e.to[f]; at++ {
		e.w.out[at/8] |= byte(r.bits(1)) << (7 - at%8)
	}
}
