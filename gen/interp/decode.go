package interp

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"sotto/gen/types"
)

// maxDepth bounds how many structs that hold themselves may lie in each other.
const maxDepth = 64

// deeper is the depth inside a struct that lies at the given depth. It counts from 0 where recursion begins.
func deeper(s *types.Struct, depth int) int {
	if s.Recursive {
		return depth + 1
	}
	return -1
}

// Decode reads a value of s from the front of in and says how many bytes it took. The error, if any, is an *Error.
// Parameters of s are zero.
func Decode(s *types.Struct, in []byte) (*Value, int, error) { return DecodeWith(s, nil, in) }

// DecodeWith is Decode with parameters, by the names of the fields that they are in Go and JSON.
func DecodeWith(s *types.Struct, params map[string]uint64, in []byte) (*Value, int, error) {
	r := &reader{in: in, end: 8 * len(in), given: numbers{}}
	for _, p := range s.Params {
		r.given[p] = params[p.Name]
	}
	v, e := decodeStruct(s, r, "", -1)
	if e != nil {
		e.Message = s.Name
		return nil, 0, e
	}
	return v, r.pos / 8, nil
}

// DecodeAll reads a value of s that takes all of in.
func DecodeAll(s *types.Struct, in []byte) (*Value, error) { return DecodeAllWith(s, nil, in) }

// DecodeAllWith is DecodeAll with parameters.
func DecodeAllWith(s *types.Struct, params map[string]uint64, in []byte) (*Value, error) {
	v, n, err := DecodeWith(s, params, in)
	if err != nil {
		return nil, err
	}
	if n < len(in) {
		return nil, &Error{Message: s.Name, Offset: n, Reason: Trailing, Detail: fmt.Sprintf("%d bytes left over", len(in)-n)}
	}
	return v, nil
}

// fail makes the error of a field that starts at the given bit.
func fail(path string, at int, reason Reason, format string, args ...any) *Error {
	return &Error{Field: path, Offset: at / 8, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// A structDecoder remembers what it has read of one struct, for the fields that speak of others.
type structDecoder struct {
	s     *types.Struct
	r     *reader
	path  string
	depth int
	start int // bit where the struct starts
	out   *Value

	number  map[*types.Field]uint64
	count   map[types.Member]int  // elements of vectors
	from    map[types.Member]int  // first bit
	to      map[types.Member]int  // bit behind the last
	done    map[*types.Field]bool // derived fields that have been compared
	derived []*types.Field
}

func decodeStruct(s *types.Struct, r *reader, path string, depth int) (*Value, *Error) {
	if depth = deeper(s, depth); depth > maxDepth {
		return nil, fail(path, r.pos, Range, "structs lie more than %d deep in each other", maxDepth)
	}
	d := &structDecoder{
		s: s, r: r, path: path, depth: depth, start: r.pos,
		out:    &Value{Kind: Struct, At: r.pos},
		number: map[*types.Field]uint64{},
		count:  map[types.Member]int{},
		from:   map[types.Member]int{},
		to:     map[types.Member]int{},
		done:   map[*types.Field]bool{},
	}
	given := r.given
	defer func() { r.given = given }()
	for _, p := range s.Params {
		d.number[p] = given[p]
		d.from[p] = r.pos
		d.out.Fields = append(d.out.Fields, Field{Name: p.Name, Value: &Value{Kind: Uint, Uint: given[p], At: r.pos}, Hidden: path != ""})
	}
	outer := r.end
	for _, m := range s.Members {
		d.from[m] = r.pos
		if err := d.member(m); err != nil {
			return nil, err
		}
		d.to[m] = r.pos
		if err := d.compareDerived(false); err != nil {
			return nil, err
		}
	}
	if s.Length != nil && r.pos != r.end {
		return nil, fail(path, r.pos, Trailing, "%d bytes left over before the end that %s says", r.left()/8, s.Length.Name)
	}
	r.end = outer
	d.to[nil] = r.pos
	if err := d.compareDerived(true); err != nil {
		return nil, err
	}
	if err := d.compareChecksums(); err != nil {
		return nil, err
	}
	if n := uint64(r.pos-d.start) / 8; s.MaxBytes > 0 && n > s.MaxBytes {
		return nil, fail(path, d.start, Range, "%d bytes, more than %d", n, s.MaxBytes)
	}
	d.out.Bits = r.pos - d.start
	return d.out, nil
}

func (d *structDecoder) member(m types.Member) *Error {
	switch m := m.(type) {
	case *types.Field:
		return d.field(m)
	case *types.Select:
		return d.selected(m)
	case *types.Pad:
		return d.pad(m)
	}
	panic(fmt.Sprintf("interp: member %T", m))
}

func (d *structDecoder) add(f *types.Field, v *Value) {
	d.out.Fields = append(d.out.Fields, Field{Name: f.Name, Value: v, Hidden: f.Hidden()})
}

func (d *structDecoder) field(f *types.Field) *Error {
	if f.If != nil && (d.number[f.If.Field] != 0) == f.If.Not {
		d.add(f, &Value{Kind: Absent, At: d.r.pos})
		return nil
	}
	path := join(d.path, f.Name)
	at := d.r.pos
	outer, err := d.confine(f, f.ConfinedBy, f.Tail)
	if err != nil {
		return err
	}
	size := -1
	if v, ok := types.Resolve(f.Type).(*types.Vector); ok && v.Length.Kind == types.ByField {
		size, err = d.measure(v.Length.By, f)
		if err != nil {
			return err
		}
	} else if ok && v.Length.Kind == types.ByParam {
		size = int(min(d.value(v.Length.By), 1<<40))
	}
	d.r.given = bound(f, d.value)
	d.r.lsb = f.LSB
	v, err := decodeType(f.Type, d.r, path, d.depth, size)
	d.r.lsb = false
	if err != nil {
		return err
	}
	if err := d.release(f.ConfinedBy, outer, path); err != nil {
		return err
	}
	d.count[f] = len(v.List)
	if v.Kind == Bytes || v.Kind == Text {
		d.count[f] = len(v.Bytes)
	}
	if v.Kind == Uint {
		d.number[f] = v.Uint
	}
	if !bytes.HasPrefix(v.Bytes, f.Starts) {
		return fail(path, at, Const, "does not begin with %q", f.Starts)
	}
	if c := f.Const; c != nil && !f.Ignore {
		if v.Kind == Uint && v.Uint != c.Number || v.Kind == Bytes && !bytes.Equal(v.Bytes, c.Bytes) {
			return fail(path, at, Const, "not the constant")
		}
	}
	d.add(f, v)
	if f.Derived != nil {
		d.derived = append(d.derived, f)
	}
	if f == d.s.Length {
		return d.endHere(f)
	}
	return nil
}

// endHere lets the struct's region end where its own length field says.
func (d *structDecoder) endHere(f *types.Field) *Error {
	size, err := d.measure(f, nil)
	if err != nil {
		return err
	}
	path := join(d.path, f.Name)
	end := d.start + 8*size
	if end < d.r.pos {
		return fail(path, d.from[f], Range, "a length of %d bytes ends before this field", size)
	}
	if end > d.r.end {
		return fail(path, d.from[f], Short, "a length of %d bytes is %d too many", size, (end-d.r.end)/8)
	}
	d.r.end = end
	return nil
}

// confine narrows the region for a member whose size another field holds, or which leaves room for a tail. It
// returns the end of the region as it was.
func (d *structDecoder) confine(m types.Member, by *types.Field, tail int64) (int, *Error) {
	outer := d.r.end
	if by != nil {
		size, err := d.measure(by, m)
		if err != nil {
			return 0, err
		}
		if 8*size > d.r.left() {
			return 0, fail(join(d.path, memberName(m)), d.r.pos, Short, "%d bytes, %d left", size, d.r.left()/8)
		}
		d.r.end = d.r.pos + 8*size
	} else if tail > 0 {
		// If not even the tail fits, the greedy member is empty and the tail is what is short.
		d.r.end = max(d.r.pos, d.r.end-8*int(tail))
	}
	return outer, nil
}

// release widens the region again. What confines a member must be used up.
func (d *structDecoder) release(by *types.Field, outer int, path string) *Error {
	if by != nil && d.r.left() > 0 {
		return fail(path, d.r.pos, Trailing, "%d bytes left over before the end that %s says", d.r.left()/8, by.Name)
	}
	d.r.end = outer
	return nil
}

func memberName(m types.Member) string {
	switch m := m.(type) {
	case *types.Field:
		return m.Name
	case *types.Select:
		return m.Name
	}
	return ""
}

// measure solves the equation of a derived field for the size or count of one member; nil is the struct itself.
func (d *structDecoder) measure(f *types.Field, m types.Member) (int, *Error) {
	der := f.Derived
	bad := func() (int, *Error) {
		return 0, fail(join(d.path, f.Name), d.from[f], Range, "%d is no possible length", d.number[f])
	}
	if d.number[f] > 1<<32 {
		// More than any input has; what follows computes in 63 bits.
		return 1 << 40, nil
	}
	rest := int64(d.number[f])*der.Div - der.Plus
	var factor int64
	for _, t := range der.Terms {
		if t.Of == m {
			factor += t.Times
		} else {
			rest -= t.Times * d.termValue(t)
		}
	}
	if factor == 0 || rest < 0 || rest%factor != 0 {
		return bad()
	}
	return int(rest / factor), nil
}

// termValue is the size in bytes or the count that a term speaks of.
func (d *structDecoder) termValue(t types.Term) int64 {
	if t.Count {
		return int64(d.count[t.Of])
	}
	if t.Of == nil {
		return int64(d.to[nil]-d.start) / 8
	}
	return int64(d.to[t.Of]-d.from[t.Of]) / 8
}

// compareDerived checks each derived field of which everything that it measures has been read by now. At the end of the
// struct what is not there, in a case that was not selected, has no size.
func (d *structDecoder) compareDerived(end bool) *Error {
	for _, f := range d.derived {
		if d.done[f] {
			continue
		}
		want, known := f.Derived.Plus, true
		for _, t := range f.Derived.Terms {
			if _, ok := d.to[t.Of]; !ok && !end {
				known = false
				break
			}
			want += t.Times * d.termValue(t)
		}
		if !known {
			continue
		}
		d.done[f] = true
		if want%f.Derived.Div != 0 || want < 0 || d.number[f] != uint64(want/f.Derived.Div) {
			return fail(join(d.path, f.Name), d.from[f], Range, "%d does not agree with what it measures", d.number[f])
		}
	}
	return nil
}

func (d *structDecoder) selected(s *types.Select) *Error {
	on := d.value(s.On)
	arm := s.Arm(on)
	if arm == nil {
		at := s.On
		if len(at.Path) > 0 {
			at = at.Path[0]
		}
		return fail(join(d.path, s.On.Name), d.from[at], Enum, "%d selects nothing", on)
	}
	outer, err := d.confine(s, s.ConfinedBy, s.Tail)
	if err != nil {
		return err
	}
	for _, f := range arm.Fields {
		d.from[f] = d.r.pos
		if err := d.field(f); err != nil {
			return err
		}
		d.to[f] = d.r.pos
	}
	return d.release(s.ConfinedBy, outer, d.path)
}

func (d *structDecoder) pad(p *types.Pad) *Error {
	at := d.r.pos
	for (d.r.pos-d.start)%(8*int(p.To)) != 0 {
		if d.r.left() < 8 {
			return fail(join(d.path, "padding"), at, Short, "%d bytes left", d.r.left()/8)
		}
		if b := d.r.bytes(1)[0]; b != 0 {
			return fail(join(d.path, "padding"), at, Const, "not zero")
		}
	}
	d.out.Fields = append(d.out.Fields, Field{Name: "", Value: &Value{Kind: Bytes, At: at, Bits: d.r.pos - at, Bytes: d.r.in[at/8 : d.r.pos/8]}, Hidden: true})
	return nil
}

func (d *structDecoder) compareChecksums() *Error {
	for _, m := range d.s.Members {
		f, ok := m.(*types.Field)
		if !ok || f.Checksum == nil || d.from[f] == d.to[f] {
			continue
		}
		want := checksum(f.Checksum, d.r.in, d.cover(f), d.from[f]/8, d.to[f]/8)
		if got := d.r.in[d.from[f]/8 : d.to[f]/8]; !bytes.Equal(got, want) {
			return fail(join(d.path, f.Name), d.from[f], Checksum, "does not agree with what it covers")
		}
	}
	return nil
}

// cover is the range of bytes that a checksum field covers.
func (d *structDecoder) cover(f *types.Field) [2]int {
	c := f.Checksum
	if c.From == nil {
		return [2]int{d.start / 8, d.to[nil] / 8}
	}
	return [2]int{d.from[c.From] / 8, d.to[c.To] / 8}
}

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
