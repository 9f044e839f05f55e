package syntax

import "sotto/gen/diag"

// File = { Decl } .
type File struct {
	Source *diag.Source
	Doc    string // the comment at the top, if a blank line follows it
	Decls  []Decl
}

// Decl = EnumDecl | StructDecl | TypeDecl | ConstDecl | ImportDecl | ExtendDecl | ExternDecl .
type Decl interface{ Where() diag.Span }

// Ident is a name in a source.
type Ident struct {
	Name string
	Span diag.Span
}

// EnumDecl = "enum" "{" [ EnumValue { "," EnumValue } ] "}" Name { Attr } ";" .
type EnumDecl struct {
	Doc    string
	Name   Ident
	Values []*EnumValue
	Attrs  []*Attr
}

// EnumValue = Name [ "(" Expr [ ".." Expr ] ")" ] | "(" Expr ")" .
type EnumValue struct {
	Doc         string
	Name        Ident // empty: the value only sets the width
	Value, Last Expr  // nil where not given
	Span        diag.Span
}

// StructDecl = "struct" "{" { Member } "}" Name [ "<" Name ">" ] { Attr } ";" .
type StructDecl struct {
	Doc     string
	Name    Ident
	Param   Ident // of optional<T>, which RFC 9420 declares itself
	Members []Member
	Attrs   []*Attr
}

// TypeDecl = { Attr } Type Name [ Vector ] { Attr } ";" .
type TypeDecl struct {
	Field *Field
}

// ConstDecl = "const" Name "=" Expr ";" .
type ConstDecl struct {
	Doc   string
	Name  Ident
	Value Expr
}

// ImportDecl = "import" String ";" .
type ImportDecl struct {
	Path string
	Span diag.Span
}

// ExtendDecl = "extend" Name [ "{" ... "}" ] { Attr } ";" .
//
// What stands in the braces is read as the body of an enum, of a select (case
// arms) or of a struct (constants and attributes for its fields), or it is a select
// that says what lies in a field of bytes.
type ExtendDecl struct {
	Name    Ident
	Values  []*EnumValue
	Arms    []*Arm
	Fields  []*Field
	Selects []*Select // named for the fields whose bytes they are
	Attrs   []*Attr
}

// ExternDecl = "extern" Name ";" .
type ExternDecl struct {
	Doc  string
	Name Ident
}

// Member = Field | Select | Pad | Group .
type Member interface{ Where() diag.Span }

// Field = { Attr } Type [ Name [ Vector ] ] [ "=" Expr ] { Attr } ";" .
type Field struct {
	Doc    string
	Type   Type
	Name   Ident
	Vector *Vector // nil: one value
	Value  Expr    // nil: no constant and nothing derived
	Attrs  []*Attr
	Span   diag.Span
}

// Type = Name [ "<" Type ">" ] | "struct" "{" { Member } "}" .
type Type struct {
	Name    Ident
	Arg     *Type    // of optional<T>
	Struct  bool     // a struct without a name
	Members []Member // of it
}

// Vector = "[" ( ".." | Expr ) "]" | "{" Expr [ ".." Expr [ ":" Type ] ] "}" | "<" ( "V" | Expr ".." Expr [ ":" Type ] ) ">" .
type Vector struct {
	Open     string // "[", "{" or "<"
	Greedy   bool   // [..]
	Varint   bool   // <V>
	Min, Max Expr   // Max alone is nil for one expression
	Prefix   *Type  // nil: from the ceiling
	Span     diag.Span
}

// Select = "select" "(" Name { Name } { "." Name } ")" "{" { Arm } "}" [ Name ] { Attr } ";" .
type Select struct {
	Doc   string
	On    []Ident
	Arms  []*Arm
	Name  Ident
	Attrs []*Attr
	Span  diag.Span
}

// Arm = ( "case" Expr { "," Expr } | "default" ) ":" { Field } .
//
// A case without a member shares those of the case that follows it.
type Arm struct {
	Doc     string
	Default bool
	Labels  []Expr
	Members []Member
	Span    diag.Span
}

// Pad = "@pad" "(" Expr ")" ";" .
type Pad struct {
	Doc  string
	To   Expr
	Span diag.Span
}

// Group = "@lsb" "(" Expr ")" "{" { Field } "}" ";" .
type Group struct {
	Bits    Expr
	Members []Member
	Span    diag.Span
}

// Attr = "@" Name [ "(" Expr [ ".." Expr ] { "," Expr } ")" ] .
type Attr struct {
	Name string
	Args []Expr
	Last Expr // of a range of fields
	Span diag.Span
}

// Expr = Number | String | Name { "." Name } | Name "(" Expr ")" | Attr | Expr op Expr | "(" Expr ")" .
type Expr interface{ Where() diag.Span }

type (
	// NumberExpr is a number.
	NumberExpr struct {
		Value uint64
		Span  diag.Span
	}
	// StringExpr is a string, unquoted.
	StringExpr struct {
		Value string
		Span  diag.Span
	}
	// NameExpr is a name, possibly with dots.
	NameExpr struct {
		Parts []Ident
		Span  diag.Span
	}
	// CallExpr is sizeof(x) or count(x).
	CallExpr struct {
		Func Ident
		Arg  Expr
		Span diag.Span
	}
	// AttrExpr is a checksum.
	AttrExpr struct{ Attr *Attr }
	// BinaryExpr is X Op Y.
	BinaryExpr struct {
		Op   string
		X, Y Expr
	}
	// NotExpr is !X.
	NotExpr struct {
		X    Expr
		Span diag.Span
	}
)

// Where returns the place of each node.
func (d *EnumDecl) Where() diag.Span   { return d.Name.Span }
func (d *StructDecl) Where() diag.Span { return d.Name.Span }
func (d *TypeDecl) Where() diag.Span   { return d.Field.Name.Span }
func (d *ConstDecl) Where() diag.Span  { return d.Name.Span }
func (d *ImportDecl) Where() diag.Span { return d.Span }
func (d *ExtendDecl) Where() diag.Span { return d.Name.Span }
func (d *ExternDecl) Where() diag.Span { return d.Name.Span }
func (m *Field) Where() diag.Span      { return m.Span }
func (m *Select) Where() diag.Span     { return m.Span }
func (m *Pad) Where() diag.Span        { return m.Span }
func (m *Group) Where() diag.Span      { return m.Span }
func (e *NumberExpr) Where() diag.Span { return e.Span }
func (e *StringExpr) Where() diag.Span { return e.Span }
func (e *NameExpr) Where() diag.Span   { return e.Span }
func (e *CallExpr) Where() diag.Span   { return e.Span }
func (e *AttrExpr) Where() diag.Span   { return e.Attr.Span }
func (e *BinaryExpr) Where() diag.Span { return e.X.Where().To(e.Y.Where()) }
func (e *NotExpr) Where() diag.Span    { return e.Span }
