package gocode

import (
	"fmt"
	"strings"
	"unicode"

	"sotto/gen/types"
)

// A Clash says that two declarations would have the same name in Go.
type Clash struct {
	First, Second types.Decl
	Name          string
}

func (c *Clash) Error() string {
	return fmt.Sprintf("%v: %s and %s are both called %s in Go", c.Second.Where(), c.First.DeclName(), c.Second.DeclName(), c.Name)
}

// names holds the Go name of each declaration.
type names struct {
	byDecl map[types.Decl]string
}

func newNames(p *types.Program) (*names, error) {
	n := &names{map[types.Decl]string{}}
	taken := map[string]types.Decl{}
	take := func(name string, d types.Decl) error {
		if old, ok := taken[name]; ok {
			return &Clash{First: old, Second: d, Name: name}
		}
		taken[name] = d
		return nil
	}
	for _, f := range p.Files {
		for _, d := range f.Decls {
			name := camel(d.DeclName())
			n.byDecl[d] = name
			if err := take(name, d); err != nil {
				return nil, err
			}
			if e, ok := d.(*types.Enum); ok {
				for _, v := range e.Values {
					if err := take(name+camel(v.Name), d); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return n, nil
}

// GoName returns the Go name of a declaration, for backends that write Go which
// uses this one.
func GoName(d types.Decl) string { return camel(d.DeclName()) }

// GoField returns the name of a field in the Go struct.
func GoField(f *types.Field) string {
	name := camel(f.Name)
	if methods[name] {
		return name + "_"
	}
	return name
}

func (n *names) of(d types.Decl) string { return n.byDecl[d] }

// camel turns some_name into SomeName. A name without small letters is taken for
// words in capitals: MAX_SIZE becomes MaxSize.
func camel(name string) string {
	shout := len(name) > 1 && strings.ContainsRune(name, '_') && !strings.ContainsFunc(name, unicode.IsLower) ||
		len(name) > 3 && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsUpper(r) })
	var b strings.Builder
	digit := false
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "'", "_"), "_") {
		if part == "" {
			continue
		}
		if shout {
			part = strings.ToLower(part)
		}
		if digit && unicode.IsDigit(rune(part[0])) {
			b.WriteByte('_') // 1_2 is not 12
		}
		digit = unicode.IsDigit(rune(part[len(part)-1]))
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// Methods that every struct has; a field can't have their names.
var methods = map[string]bool{
	"Size": true, "AppendBinary": true, "MarshalBinary": true,
	"UnmarshalBinary": true, "Decode": true, "String": true,
}

// fieldName returns the name of a field in the Go struct.
func (g *generator) fieldName(f *types.Field) string {
	return GoField(f)
}

// Names that generated functions use for themselves.
var reserved = map[string]bool{
	"b": true, "in": true, "m": true, "n": true, "k": true, "p": true, "v": true, "i": true, "at": true,
	"err": true, "start": true, "depth": true, "raw": true, "codec": true, "binary": true, "slices": true, "utf8": true,
	"break": true, "case": true, "chan": true, "const": true, "continue": true, "default": true, "defer": true,
	"else": true, "fallthrough": true, "for": true, "func": true, "go": true, "goto": true, "if": true,
	"import": true, "interface": true, "map": true, "package": true, "range": true, "return": true,
	"select": true, "struct": true, "switch": true, "type": true, "var": true,
	"len": true, "append": true, "uint64": true, "uint32": true, "uint16": true, "uint8": true, "int": true,
	"byte": true, "string": true, "true": true, "false": true, "nil": true, "error": true, "bool": true,
	"copy": true, "new": true, "make": true, "int64": true, "clear": true,
	"list": true, "rest": true, "values": true, "sum": true, "bytes": true, "want": true, "ok": true, "on": true,
	"count": true, "bound": true,
}

// local returns the name of a local variable for a field.
func local(name string) string {
	name = camel(name)
	name = strings.ToLower(name[:1]) + name[1:]
	if reserved[name] || len(name) <= 2 {
		return name + "Field"
	}
	for _, suffix := range []string{"At", "Size", "End", "Bytes", "Raw", "From"} {
		if strings.HasSuffix(name, suffix) {
			return name + "Field" // bodySize is what is known of body
		}
	}
	return name
}

// uintBits returns the size of the Go integer that holds n bits.
func uintBits(n int) int {
	switch {
	case n <= 8:
		return 8
	case n <= 16:
		return 16
	case n <= 32:
		return 32
	}
	return 64
}

// lengthFunc is the function, written by a person, that says where a value of an extern type
// ends.
func lengthFunc(t *types.Extern) string { return GoName(t) + "Length" }

// goType returns the Go type of a value of t.
func (g *generator) goType(t types.Type) string {
	switch t := t.(type) {
	case *types.Int:
		if t.Bits == 1 {
			return "bool"
		}
		return fmt.Sprintf("uint%d", uintBits(t.Bits))
	case *types.Varint:
		return "uint64"
	case *types.Enum:
		return g.names.of(t)
	case *types.Alias:
		return g.names.of(t)
	case *types.Struct:
		return g.names.of(t)
	case *types.Extern:
		return g.names.of(t)
	case *types.Optional:
		return "*" + g.goType(t.Elem)
	case *types.Vector:
		switch {
		case t.Text:
			return "string"
		case isArray(t):
			return fmt.Sprintf("[%d]%s", t.Length.Min, g.elemType(t))
		}
		return "[]" + g.elemType(t)
	}
	panic(fmt.Sprintf("gocode: no Go type for %T", t))
}

func (g *generator) elemType(t *types.Vector) string {
	if t.Opaque {
		return "byte"
	}
	return g.goType(t.Elem)
}

// isArray reports whether a vector is an array in Go.
func isArray(t *types.Vector) bool {
	l := t.Length
	return l.Kind == types.Fixed && !t.Text && (l.Unit == types.Elements || t.Bytewise())
}
