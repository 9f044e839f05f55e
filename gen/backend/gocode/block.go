package gocode

import (
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A block is a run of fields of fixed size that can't fail but for what one
// condition says.
type block struct {
	fields []slot
	bytes  int
}

// A slot is a field in a block, at a distance in bits.
type slot struct {
	*types.Field
	at, bits int
}

func (s slot) byteAt() int { return s.at / 8 }

// little reports whether the lowest bits of the field come first.
func (s slot) little() bool { return s.LSB || intOf(s.Type).Little }

// A step is what a function does in turn: a block, or one member.
type step struct {
	block  *block
	member types.Member
}

// steps cuts the members of a struct into blocks and single members. A decoder looks
// at a length that confines what follows before what follows, so that the first thing
// that is wrong is the one reported.
func steps(s *types.Struct, decoder bool) []step {
	var out []step
	var run *block
	bits := 0
	flush := func() {
		if run != nil {
			run.bytes = bits / 8
			out = append(out, step{block: run})
			run = nil
		}
		bits = 0
	}
	for _, m := range s.Members {
		f, ok := m.(*types.Field)
		if !ok || !blockable(f) {
			flush()
			out = append(out, step{member: m})
			continue
		}
		if run == nil {
			run = &block{}
		}
		n := int(f.Type.Size().Max)
		run.fields = append(run.fields, slot{f, bits, n})
		bits += n
		if decoder && f.Derived != nil && (f.Derived.Self || late(s, f)) && bits%8 == 0 {
			flush()
		}
	}
	flush()
	return out
}

// blockable reports whether a field can be part of a block.
func blockable(f *types.Field) bool {
	return f.If == nil && !f.Raw && f.ConfinedBy == nil && f.Type.Size().Fixed() && plain(f.Type)
}

// plain reports whether a value of fixed size can be moved without anything that
// can go wrong, but for a closed enum that stands alone.
func plain(t types.Type) bool {
	switch t := types.Resolve(t).(type) {
	case *types.Int, *types.Enum:
		return true
	case *types.Vector:
		if !isArray(t) {
			return false
		}
		switch e := types.Resolve(t.Elem).(type) {
		case *types.Int:
			return true
		case *types.Enum:
			return !e.Closed
		}
	}
	return false
}

// late reports whether a derived field comes after all that it measures.
func late(s *types.Struct, f *types.Field) bool {
	for _, t := range f.Derived.Terms {
		if t.Of == nil {
			return false
		}
		for _, m := range s.Members {
			if m == types.Member(f) {
				return false
			}
			if m == t.Of {
				break
			}
		}
	}
	return true
}

// read returns an expression for the integer of n bits that stands at bit at of
// the byte slice or array b, and the size of its Go type.
func read(b string, at, n int, little bool) (expr string, bits int) {
	first, last := at/8, (at+n-1)/8
	bytes := last - first + 1
	if at%8 == 0 && n%8 == 0 {
		order := "binary.BigEndian"
		if little {
			order = "binary.LittleEndian"
		}
		switch n {
		case 8:
			return fmt.Sprintf("%s[%d]", b, first), 8
		case 16, 32, 64:
			return fmt.Sprintf("%s.Uint%d(%s[%d:%d])", order, n, b, first, last+1), n
		}
	}
	shift := 7 - (at+n-1)%8
	if little {
		shift = at % 8 // of an @lsb group; otherwise 0
	}
	if bytes == 9 {
		return fmt.Sprintf("(binary.BigEndian.Uint64(%s[%d:])<<%d|uint64(%s[%d])>>%d)&(1<<%d-1)", b, first, 8-shift, b, first+8, shift, n), 64
	}
	size := uintBits(8 * bytes)
	var parts []string
	for i := first; i <= last; i++ {
		up := 8 * (last - i)
		if little {
			up = 8 * (i - first)
		}
		part := fmt.Sprintf("%s[%d]", b, i)
		if size > 8 {
			part = fmt.Sprintf("uint%d(%s)", size, part)
		}
		if up > 0 {
			part += fmt.Sprintf("<<%d", up)
		}
		parts = append(parts, part)
	}
	expr = strings.Join(parts, "|")
	if shift > 0 || n != 8*bytes {
		if len(parts) > 1 {
			expr = "(" + expr + ")"
		}
		if shift > 0 {
			expr = fmt.Sprintf("%s>>%d", expr, shift)
		}
		if n+shift != 8*bytes {
			expr = fmt.Sprintf("%s&%#x", expr, uint64(1)<<n-1)
		}
	}
	return expr, size
}

// intOf returns the integer in which a type is written.
func intOf(t types.Type) *types.Int {
	switch t := types.Resolve(t).(type) {
	case *types.Int:
		return t
	case *types.Enum:
		return &t.Int
	}
	return nil
}

// convert returns an expression of Go type goType, from one of uintN.
func convert(goType, expr string, bits int) string {
	switch goType {
	case "bool":
		return "(" + expr + ") != 0"
	case fmt.Sprintf("uint%d", bits):
		return expr
	case "byte":
		if bits == 8 {
			return expr
		}
	}
	return fmt.Sprintf("%s(%s)", goType, expr)
}

// toUint returns an expression of uintN from a Go value of type t.
func (g *generator) toUint(t types.Type, expr string, bits int) string {
	goType := g.underlying(t)
	if goType == "bool" {
		expr = "codec.Bit(" + boolOf(g.goType(t), expr) + ")"
		goType = "uint64"
	}
	if goType == fmt.Sprintf("uint%d", bits) && types.Resolve(t) == t {
		if _, enum := t.(*types.Enum); !enum {
			return expr
		}
	}
	return fmt.Sprintf("uint%d(%s)", bits, expr)
}

func boolOf(goType, expr string) string {
	if goType == "bool" {
		return expr
	}
	return "bool(" + expr + ")"
}

// underlying returns the Go type behind any named one.
func (g *generator) underlying(t types.Type) string {
	switch t := types.Resolve(t).(type) {
	case *types.Enum:
		return fmt.Sprintf("uint%d", uintBits(t.Int.Bits))
	default:
		return g.goType(t)
	}
}
