package interp

import (
	"bytes"
	"fmt"

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
