package interp

import (
	"math/rand/v2"

	"sotto/gen/types"
)

// A Sampler makes values that encode, for vectors and seeds. Equal seeds give equal values.
type Sampler struct {
	random *rand.Rand
	size   int // how many bytes or elements a vector gets at most, more or less

	// force picks an arm of the outermost struct's selects instead of chance; nil for none.
	force *types.Arm

	given numbers // the parameters of the struct that is made next
	exact int     // the length that a parameter gives to the vector that is made next, or negative
}

// NewSampler makes a sampler of values whose vectors have up to about size bytes or elements. With size 0 all is as
// small and as near to zero as the type allows.
func NewSampler(seed uint64, size int) *Sampler {
	return &Sampler{random: rand.New(rand.NewPCG(seed, 0x5077)), size: size, exact: -1}
}

// Samples gives values of s and their bytes: the smallest, two for each arm of a select, and two larger ones. Values that do
// not encode, because a derived length cannot say their size, are left out.
func Samples(s *types.Struct, seed uint64) []Sampled {
	var all []Sampled
	add := func(size int, arm *types.Arm) {
		// Chance may miss what a derived length can say, so it gets several tries.
		for try := range uint64(20) {
			sampler := NewSampler(seed+try, size)
			sampler.force = arm
			v := sampler.Struct(s)
			b, err := Encode(s, v)
			if err != nil {
				continue
			}
			// Decoded again the value knows where its parts stand.
			v, err = DecodeAllWith(s, Params(s, v), b)
			if err == nil && !contains(all, b) {
				all = append(all, Sampled{v, b})
				return
			}
		}
	}
	add(0, nil)
	for _, m := range s.Members {
		if sel, ok := m.(*types.Select); ok {
			for _, arm := range sel.AllArms() {
				add(0, arm)
				add(5, arm)
			}
		}
	}
	add(5, nil)
	add(40, nil)
	return all
}

// A Sampled is a value and what it encodes to.
type Sampled struct {
	Value *Value
	Bytes []byte
}

func contains(all []Sampled, b []byte) bool {
	for _, s := range all {
		if string(s.Bytes) == string(b) {
			return true
		}
	}
	return false
}

// Struct makes a value of s.
func (p *Sampler) Struct(s *types.Struct) *Value { return p.structure(s, 0) }

func (p *Sampler) structure(s *types.Struct, depth int) *Value {
	v := &Value{Kind: Struct}
	force := p.force
	p.force = nil
	given := p.given
	defer func() { p.given = given }()
	for _, f := range s.Params {
		n := given[f]
		if depth == 0 {
			n = p.parameter(f)
		}
		v.Fields = append(v.Fields, Field{Name: f.Name, Value: &Value{Kind: Uint, Uint: n}, Hidden: depth > 0})
		if depth == 0 {
			p.steer(s, f, v, force)
		}
	}
	for _, m := range s.Members {
		switch m := m.(type) {
		case *types.Field:
			p.field(m, v, depth)
			p.steer(s, m, v, force)
		case *types.Select:
			if arm := m.Arm(selector(m.On, v)); arm != nil {
				for _, f := range arm.Fields {
					p.field(f, v, depth)
				}
			}
		}
	}
	return v
}

func (p *Sampler) field(f *types.Field, v *Value, depth int) {
	if f.Hidden() {
		return
	}
	w := &Value{Kind: Absent}
	if f.If == nil || (selector(f.If.Field, v) != 0) != f.If.Not {
		look := func(x *types.Field) uint64 { return selector(x, v) }
		p.given = bound(f, look)
		if t, ok := types.Resolve(f.Type).(*types.Vector); ok && t.Length.Kind == types.ByParam {
			p.exact = int(min(look(t.Length.By), 1<<16))
		}
		w = p.value(f.Type, depth)
		w.Bytes = append(f.Starts[:len(f.Starts):len(f.Starts)], w.Bytes...)
	}
	v.Fields = append(v.Fields, Field{Name: f.Name, Value: w})
}

// steer gives the field that was just made a value that a select can use: of the forced arm, or of any arm.
func (p *Sampler) steer(s *types.Struct, f *types.Field, v *Value, force *types.Arm) {
	for _, m := range s.Members {
		sel, ok := m.(*types.Select)
		if !ok || sel.On != f || f.Hidden() {
			continue
		}
		w := v.Field(f.Name)
		arm := force
		if arm == nil || !holds(sel, arm) {
			if sel.Arm(w.Uint) != nil && p.size > 0 {
				continue
			}
			if len(sel.Arms) == 0 {
				continue
			}
			arm = sel.Arms[0]
			if p.size > 0 {
				arm = sel.Arms[p.random.IntN(len(sel.Arms))]
			}
		}
		if arm == sel.Default {
			if n, ok := unused(sel, f); ok {
				w.Uint = n
			}
			continue
		}
		w.Uint = arm.Labels[0].Value
	}
}

func holds(s *types.Select, arm *types.Arm) bool {
	if s.Default == arm {
		return true
	}
	for _, a := range s.Arms {
		if a == arm {
			return true
		}
	}
	return false
}

// unused finds a value of the selector that picks the default.
func unused(s *types.Select, f *types.Field) (uint64, bool) {
	enum, closed := s.Enum, false
	if enum != nil {
		closed = enum.Closed
	}
	limit := uint64(1) << min(f.Type.Size().Max, 16)
	for n := range limit {
		if s.Arm(n) == s.Default && (!closed || enum.Knows(n)) {
			return n, true
		}
	}
	return 0, false
}

func (p *Sampler) value(t types.Type, depth int) *Value {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		return &Value{Kind: Uint, Uint: p.number(t.Bits)}
	case *types.Enum:
		if len(t.Values) == 0 {
			return &Value{Kind: Uint}
		}
		i := 0
		if p.size > 0 {
			i = p.random.IntN(len(t.Values))
		}
		return &Value{Kind: Uint, Uint: t.Values[i].Value}
	case *types.Varint:
		return &Value{Kind: Uint, Uint: min(p.number(p.varintBits()), t.Max())}
	case *types.Optional:
		if p.size == 0 || depth > 2 || p.random.IntN(2) == 0 {
			return &Value{Kind: Absent}
		}
		return p.value(t.Elem, depth)
	case *types.Vector:
		return p.vector(t, depth)
	case *types.Struct:
		return p.structure(t, depth+1)
	}
	return &Value{Kind: Absent}
}

// parameter chooses a value for a parameter. Most are lengths, so it is small.
func (p *Sampler) parameter(f *types.Field) uint64 {
	if _, ok := types.Resolve(f.Type).(*types.Enum); ok || p.size == 0 {
		return p.value(f.Type, 0).Uint
	}
	return p.random.Uint64N(uint64(p.size) + 1)
}

func (p *Sampler) number(bits int) uint64 {
	if p.size == 0 {
		return 0
	}
	return p.random.Uint64() >> (64 - bits)
}

// varintBits chooses among the sizes that a varint may have.
func (p *Sampler) varintBits() int {
	return []int{6, 14, 30, 62}[p.random.IntN(4)]
}

// letters are of one to four bytes in UTF-8.
var letters = []rune("abcdefghijklmnopqrstuvwxyzéßж漢🙂")

func (p *Sampler) vector(t *types.Vector, depth int) *Value {
	n := int(min(p.wanted(t, depth), 1<<16))
	switch {
	case t.Text:
		v := &Value{Kind: Text}
		for len(v.Bytes) < n {
			if add := []byte(string(letters[p.random.IntN(len(letters))])); p.size > 0 && len(v.Bytes)+len(add) <= n {
				v.Bytes = append(v.Bytes, add...)
			} else {
				v.Bytes = append(v.Bytes, 'a')
			}
		}
		return v
	case t.Opaque:
		v := &Value{Kind: Bytes, Bytes: make([]byte, n)}
		if p.size > 0 {
			for i := range v.Bytes {
				v.Bytes[i] = byte(p.random.Uint32())
			}
		}
		return v
	}
	v := &Value{Kind: List}
	byElements := t.Length.Unit == types.Elements
	for bytes := 0; byElements && len(v.List) < n || !byElements && bytes < n; {
		e := p.value(t.Elem, depth)
		w := &writer{given: p.given}
		if encodeType(t.Elem, e, w, "", depth) != nil || w.bits == 0 {
			break
		}
		bytes += w.bits / 8
		if !byElements && uint64(bytes) > t.Length.Max {
			break
		}
		v.List = append(v.List, e)
	}
	return v
}

// wanted is how many bytes or elements a vector gets.
func (p *Sampler) wanted(t *types.Vector, depth int) uint64 {
	l := t.Length
	if n := p.exact; n >= 0 {
		p.exact = -1
		return uint64(n)
	}
	if l.Kind == types.Fixed || p.size == 0 || depth > 2 {
		return l.Min
	}
	size := uint64(p.size)
	if l.Unit == types.Elements || !t.Opaque {
		size = min(size, 4)
	}
	return l.Min + min(p.random.Uint64N(size+1), l.Max-l.Min)
}
