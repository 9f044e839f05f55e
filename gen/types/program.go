package types

import (
	"math"

	"sotto/gen/diag"
)

// A Program is a set of checked sources that share one name space.
type Program struct {
	Files []*File // in the order they were given
}

// A File is one checked source. Its declarations keep their order.
type File struct {
	Name  string // of the source
	Doc   string
	Decls []Decl
}

// A Decl is *Struct, *Enum, *Alias, *Extern or *Const.
type Decl interface {
	DeclName() string
	Where() diag.Span
}

// Structs returns every declared struct in order. A struct that was made from
// the fields of a case follows the one that holds it.
func (p *Program) Structs() []*Struct {
	var out []*Struct
	for _, f := range p.Files {
		for _, d := range f.Decls {
			if s, ok := d.(*Struct); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// Lookup returns the declaration of that name, or nil.
func (p *Program) Lookup(name string) Decl {
	for _, f := range p.Files {
		for _, d := range f.Decls {
			if d.DeclName() == name {
				return d
			}
		}
	}
	return nil
}

// A Const is a named number.
type Const struct {
	Name, Doc string
	Value     uint64
	Span      diag.Span
}

// A Type is *Int, *Enum, *Varint, *Alias, *Vector, *Optional, *Extern or *Struct.
type Type interface {
	// Size returns how many bits the encoding may take.
	Size() Size
}

// Unlimited is the size of what only its region bounds.
const Unlimited = math.MaxInt64

// A Size is a closed range of sizes in bits. Sums stop at Unlimited.
type Size struct{ Min, Max int64 }

// Fixed reports whether all values have the same size.
func (s Size) Fixed() bool { return s.Min == s.Max && s.Max != Unlimited }

// Bytes returns the size in bytes, rounded up.
func (s Size) Bytes() Size {
	out := Size{(s.Min + 7) / 8, Unlimited}
	if s.Max != Unlimited {
		out.Max = (s.Max + 7) / 8
	}
	return out
}

// An Int is an unsigned integer of 1 to 64 bits, most significant byte and bit
// first unless Little.
type Int struct {
	Bits   int
	Little bool // only where Bits is a multiple of 8
}

// A Varint is an integer that says its own size. The largest value is Max.
type Varint struct {
	Form VarintForm
	Any  bool // longer forms than the shortest are accepted; then not canonical
}

// A VarintForm is a way to write a varint.
type VarintForm uint8

// The forms.
const (
	QUIC   VarintForm = iota // RFC 9000 section 16: 1, 2, 4 or 8 bytes
	LEB128                   // little-endian groups of seven bits, at most 10 bytes
	MLS                      // RFC 9420 section 2.1.2: as QUIC, at most 4 bytes
)

// Max returns the largest value that fits.
func (v *Varint) Max() uint64 {
	switch v.Form {
	case QUIC:
		return 1<<62 - 1
	case MLS:
		return 1<<30 - 1
	}
	return math.MaxUint64
}

// An Enum is a named set of values in an integer.
type Enum struct {
	Name, Doc string
	Int       Int // how it is written
	Closed    bool
	Values    []*EnumValue // in the order written, without the (max) that sets the width
	Span      diag.Span
}

// An EnumValue is one name of an enum; it stands for a range if Last > Value.
type EnumValue struct {
	Name, Doc   string
	Value, Last uint64
	Span        diag.Span
}

// Find returns the value of that name, or nil.
func (e *Enum) Find(name string) *EnumValue {
	for _, v := range e.Values {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Knows reports whether n has a name.
func (e *Enum) Knows(n uint64) bool {
	for _, v := range e.Values {
		if v.Value <= n && n <= v.Last {
			return true
		}
	}
	return false
}

// An Alias is a named type that is not a struct or an enum: "opaque Hash[32];".
type Alias struct {
	Name, Doc string
	Type      Type
	Secret    bool
	Span      diag.Span
}

// An Extern is a type of which only Go code knows where a value ends: "extern
// DomainName;". A value is its bytes.
type Extern struct {
	Name, Doc string
	Span      diag.Span

	// Length says how many bytes at the front of b a value takes, at least one, or
	// why there is none: a reason of package interp. It is nil in a program that has
	// just been checked; who wants the interpreter to read such values sets it.
	Length func(b []byte) (n int, reason string)
}

// A Vector is a run of elements.
type Vector struct {
	Elem   Type
	Opaque bool // Elem is a byte without meaning of its own: declared opaque
	Text   bool // Opaque, and valid UTF-8
	Length Length
}

// Bytewise reports whether the elements are single bytes, opaque or uint8.
func (v *Vector) Bytewise() bool {
	i, ok := Resolve(v.Elem).(*Int)
	return ok && i.Bits == 8
}

// A Length says how many elements or bytes a vector has.
type Length struct {
	Kind LengthKind
	Unit Unit // of Min, Max, the prefix and By

	Min, Max uint64 // Fixed: equal. Prefixed: the limits. Otherwise 0 and MaxUint64
	Prefix   Type   // Prefixed: *Int or *Varint
	By       *Field // ByField: the earlier field that holds the length; it is Derived. ByParam: what gives it
}

// A LengthKind is where a length comes from.
type LengthKind uint8

// The kinds.
const (
	Fixed    LengthKind = iota // [n] {n}
	Prefixed                   // <a..b> <V> {a..b}
	Greedy                     // [..]: what is left of the region
	ByField                    // [field] {field}
	ByParam                    // [name] {name}: a parameter, or a field inside another one
)

// A Unit is what a length counts.
type Unit uint8

// The units.
const (
	Bytes Unit = iota
	Elements
)

// An Optional is a byte 0, or a byte 1 and a value.
type Optional struct{ Elem Type }

// A Struct is a sequence of members.
type Struct struct {
	Name, Doc string
	Params    []*Field // what is not in the bytes: the holder or the caller gives it
	Members   []Member
	MaxBytes  uint64 // of @max; 0 without it
	Span      diag.Span

	// Of is set for a struct made from the fields of a case.
	Of *Struct

	// Length is the derived field that holds the size of this very struct, or
	// nil. The region ends where it says.
	Length *Field

	// Recursive reports whether a value can hold another one of its type.
	Recursive bool

	// Greedy reports whether the struct takes all of its region.
	Greedy bool

	// NotCanonical says why bytes that decode may re-encode to others, naming
	// the field; empty if the struct is canonical.
	NotCanonical string

	size Size
}

// Fields returns the direct fields, in order, without those in selects.
func (s *Struct) Fields() []*Field {
	var out []*Field
	for _, m := range s.Members {
		if f, ok := m.(*Field); ok {
			out = append(out, f)
		}
	}
	return out
}

// A Member is *Field, *Select or *Pad.
type Member interface{ member() }

// A Field is a named part of a struct.
type Field struct {
	Name, Doc string
	Type      Type
	Span      diag.Span

	Const    *Constant // a constant, not in the Go struct
	Derived  *Derived  // a length, not in the Go struct
	Checksum *Checksum // not in the Go struct
	If       *If       // nil: always there

	Ignore bool // Const is written, but any value is accepted; then not canonical
	Raw    bool // the bytes that were decoded are kept beside the value
	Secret bool // never shown

	// Param is the name of a parameter as the source has it, "Handshake.msg_type";
	// empty for what is in the bytes.
	Param string
	// Path is set for a stand-in: a field inside a field and so on, from an earlier
	// member of the struct down to the one that is meant.
	Path []*Field
	// Binds are the parameters of the struct that lies in the field, all of them, and
	// what gives them.
	Binds []Bind

	// Starts is what the bytes of the field begin with.
	Starts []byte

	// ConfinedBy is the derived field that holds the size of this one in
	// bytes, or nil. The field is decoded in a region of exactly that size.
	ConfinedBy *Field

	// LSB says that the field stands in an @lsb group: it takes its bits from the
	// least significant one of a byte up, and goes on at the lowest of the next.
	LSB bool

	// Offset is the distance in bits from the start of the struct if all before
	// it has a fixed size, and -1 otherwise.
	Offset int64
	// Tail is the size in bytes of what follows a greedy field in its struct.
	Tail int64
}

// A Bind gives a parameter of a held struct the value of a field or parameter of
// the struct that holds it.
type Bind struct{ To, From *Field }

// Hidden reports whether the field has no place in the Go struct.
func (f *Field) Hidden() bool { return f.Const != nil || f.Derived != nil || f.Checksum != nil }

// A Constant is the constant value of a field: Number for an integer or enum,
// Bytes for a vector of bytes.
type Constant struct {
	Number uint64
	Bytes  []byte
}

// A Derived is a length that the encoder fills in and the decoder checks:
//
//	value * Div = Plus + the sum of Times * (size or count) over the terms
//
// A division that leaves a rest is an error when encoding.
type Derived struct {
	Terms []Term
	Plus  int64
	Div   int64 // at least 1

	// Confines is the field or select whose region the value sets: the term
	// that does not say itself where it ends. It is the struct itself if Self.
	// Neither is set where all terms say it; then the value is checked after
	// the last of them.
	Confines Member
	Self     bool
}

// A Term is Times * sizeof(Of) or Times * count(Of). Terms of fixed size are
// folded into Plus.
type Term struct {
	Times int64
	Count bool
	Of    Member // *Field or *Select, nil for the struct itself
}

// A Checksum is a function of the bytes of some members, in which the checksum
// field itself counts as zero.
type Checksum struct {
	Kind     ChecksumKind
	From, To Member // first and last member; both nil for the whole struct
}

// A ChecksumKind is a function.
type ChecksumKind uint8

// The kinds. A result longer than the field is cut to its first bytes.
const (
	Internet ChecksumKind = iota // RFC 1071: 2 bytes
	CRC32C                       // RFC 3720: 4 bytes, big-endian
	SHA256                       // 32 bytes
	MD5                          // 16 bytes; for old formats only
)

// An If is the condition of a field.
type If struct {
	Field *Field // an earlier integer or enum of the same struct
	Not   bool   // the field must be zero rather than not zero
}

// A Select is a union: the value of On picks one arm.
type Select struct {
	Name, Doc string // Name is empty for most; it serves sizeof
	On        *Field // an earlier integer or enum field of the same struct, a stand-in for one inside it, or a parameter
	Enum      *Enum  // the type of On, or nil if that is an integer
	Arms      []*Arm // without the default
	Default   *Arm   // nil: values without an arm are refused with an enum error
	Span      diag.Span

	ConfinedBy *Field // as in Field
	Offset     int64
	Tail       int64
}

// Arm returns the arm for a value of the selector, or nil.
func (s *Select) Arm(n uint64) *Arm {
	for _, a := range s.Arms {
		for _, l := range a.Labels {
			if l.Value <= n && n <= l.Last {
				return a
			}
		}
	}
	return s.Default
}

// An Arm is one case. "case a: T;" has one field, named a, of type T. A case
// with fields of its own has one field, named after its first label, whose type
// is a struct made of them. "case a: struct {};" has none. The fields of the
// default stand in the enclosing struct under their own names.
type Arm struct {
	Doc    string
	Labels []*EnumValue // empty for the default; Name is "" for a number
	Fields []*Field
	Span   diag.Span
}

// A Pad is zero bytes up to a multiple of To bytes from the struct's start.
type Pad struct {
	To   int64
	Doc  string
	Span diag.Span
}

func (*Field) member()  {}
func (*Select) member() {}
func (*Pad) member()    {}

// DeclName and Where make declarations of the types.
func (d *Const) DeclName() string  { return d.Name }
func (d *Enum) DeclName() string   { return d.Name }
func (d *Alias) DeclName() string  { return d.Name }
func (d *Extern) DeclName() string { return d.Name }
func (d *Struct) DeclName() string { return d.Name }
func (d *Const) Where() diag.Span  { return d.Span }
func (d *Enum) Where() diag.Span   { return d.Span }
func (d *Alias) Where() diag.Span  { return d.Span }
func (d *Extern) Where() diag.Span { return d.Span }
func (d *Struct) Where() diag.Span { return d.Span }

// Resolve returns the type behind any aliases.
func Resolve(t Type) Type {
	for {
		a, ok := t.(*Alias)
		if !ok {
			return t
		}
		t = a.Type
	}
}

// IsGreedy reports whether a value of t takes all of its region.
func IsGreedy(t Type) bool {
	switch t := Resolve(t).(type) {
	case *Vector:
		return t.Length.Kind == Greedy
	case *Optional:
		return IsGreedy(t.Elem)
	case *Struct:
		return t.Greedy
	}
	return false
}
