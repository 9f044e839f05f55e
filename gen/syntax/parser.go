package syntax

import (
	"strconv"
	"strings"

	"sotto/gen/diag"
)

// Parse returns the tree of a source. It reports at most a few errors: after
// one it goes on at the next declaration.
func Parse(src *diag.Source, errs *diag.List) *File {
	p := &parser{tokens: Scan(src, errs), errs: errs, src: src}
	f := &File{Source: src}
	f.Doc = p.fileDoc()
	for p.tok().Kind != EOF {
		if d := p.declOrSkip(); d != nil {
			f.Decls = append(f.Decls, d)
		}
	}
	return f
}

// maxDepth bounds how deep structs, selects and expressions nest in a source,
// so that no text exhausts the stack. The number is arbitrary; people use 3.
const maxDepth = 100

type parser struct {
	src    *diag.Source
	tokens []Token
	at     int
	depth  int
	errs   *diag.List
}

// bailout leaves a declaration after its first error.
type bailout struct{}

func (p *parser) tok() Token { return p.tokens[p.at] }

func (p *parser) peek(n int) Token {
	return p.tokens[min(p.at+n, len(p.tokens)-1)]
}

func (p *parser) take() Token {
	t := p.tokens[p.at]
	if t.Kind != EOF {
		p.at++
	}
	return t
}

func (p *parser) fail(span diag.Span, format string, args ...any) {
	p.errs.Add(diag.Syntax, span, format, args...)
	panic(bailout{})
}

func (p *parser) expect(text, where string) Token {
	t := p.tok()
	if !t.is(text) {
		p.fail(t.Span, "expected %s %s, found %s", text, where, t.describe())
	}
	return p.take()
}

func (p *parser) accept(text string) bool {
	if p.tok().is(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) ident(what string) Ident {
	t := p.tok()
	if t.Kind != Name {
		p.fail(t.Span, "expected %s, found %s", what, t.describe())
	}
	p.at++
	return Ident{t.Text, t.Span}
}

// nest guards recursion; call the result when done.
func (p *parser) nest() func() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok().Span, "nested more than %d deep", maxDepth)
	}
	return func() { p.depth-- }
}

// declOrSkip parses one declaration, or reports what is wrong and skips to
// behind the next semicolon outside braces.
func (p *parser) declOrSkip() (d Decl) {
	start := p.at
	defer func() {
		switch r := recover().(type) {
		case nil:
		case bailout:
			d = nil
			p.depth = 0
			p.skip(start)
		default:
			panic(r)
		}
	}()
	return p.decl()
}

func (p *parser) skip(start int) {
	failed := p.at
	p.at = start
	depth := 0
	for p.tok().Kind != EOF {
		switch t := p.take(); {
		case t.is("{"):
			depth++
		case t.is("}"):
			depth--
		case t.is(";") && depth <= 0 && p.at > failed:
			return
		}
	}
}

func (p *parser) decl() Decl {
	t := p.tok()
	doc := p.lead()
	switch next := p.peek(1); {
	case t.is("enum") && next.is("{"):
		return p.enum(doc)
	case t.is("struct") && next.is("{"):
		p.at += 2
		d := &StructDecl{Doc: doc, Members: p.members("}")}
		p.expect("}", "after the members of a struct")
		d.Name = p.ident("the name of the struct")
		if p.accept("<") {
			d.Param = p.ident("the name of the type parameter")
			p.expect(">", "after the type parameter")
		}
		d.Attrs = p.attrs()
		p.expect(";", "after struct "+d.Name.Name)
		return d
	case t.is("const") && next.Kind == Name && p.peek(2).is("="):
		p.at++
		d := &ConstDecl{Doc: doc, Name: p.ident("the name of the constant")}
		p.expect("=", "after the name of the constant")
		d.Value = p.expr()
		p.expect(";", "after constant "+d.Name.Name)
		return d
	case t.is("import") && next.Kind == String:
		p.at++
		s := p.take()
		p.expect(";", "after import")
		return &ImportDecl{Path: p.unquote(s), Span: s.Span}
	case t.is("extern") && next.Kind == Name && p.peek(2).is(";"):
		p.at++
		d := &ExternDecl{Doc: doc, Name: p.ident("the name of the type")}
		p.expect(";", "after extern "+d.Name.Name)
		return d
	case t.is("extend") && next.Kind == Name && (p.peek(2).is("{") || p.peek(2).is("@")):
		return p.extend()
	case t.Kind == Name || t.is("@"):
		f := p.field(doc, true)
		if f.Value != nil {
			p.errs.Add(diag.Syntax, f.Value.Where(), "a type has no value")
		}
		return &TypeDecl{Field: f}
	}
	p.fail(t.Span, "expected a declaration, found %s", t.describe())
	return nil
}

func (p *parser) enum(doc string) Decl {
	p.at += 2
	d := &EnumDecl{Doc: doc, Values: p.enumValues()}
	p.expect("}", "after the values of an enum")
	d.Name = p.ident("the name of the enum")
	d.Attrs = p.attrs()
	p.expect(";", "after enum "+d.Name.Name)
	return d
}

func (p *parser) enumValues() []*EnumValue {
	var out []*EnumValue
	for !p.tok().is("}") {
		v := &EnumValue{Doc: p.lead(), Span: p.tok().Span}
		if !p.tok().is("(") {
			v.Name = p.ident("the name of a value")
		}
		if p.accept("(") {
			v.Value = p.expr()
			if p.accept("..") {
				v.Last = p.expr()
			}
			v.Span = v.Span.To(p.expect(")", "after the value").Span)
		}
		out = append(out, v)
		more := p.accept(",")
		v.Doc = join(v.Doc, p.trail())
		if !more {
			break
		}
	}
	return out
}

func (p *parser) extend() Decl {
	p.at++
	d := &ExtendDecl{Name: p.ident("the name of the declaration to extend")}
	if p.accept("{") {
		switch {
		case p.tok().is("case") || p.tok().is("default"):
			d.Arms = p.arms()
		case p.tok().is("select") && p.peek(1).is("("):
			for p.tok().is("select") && p.peek(1).is("(") {
				d.Selects = append(d.Selects, p.selection(p.lead()).(*Select))
			}
		case p.peek(1).is("(") || p.tok().is("("):
			d.Values = p.enumValues()
		default:
			for !p.tok().is("}") && p.tok().Kind != EOF {
				f := &Field{Doc: p.lead(), Name: p.ident("the name of a field")}
				f.Span = f.Name.Span
				if p.accept("=") {
					f.Value = p.expr()
				}
				f.Attrs = p.attrs()
				p.expect(";", "after the field")
				d.Fields = append(d.Fields, f)
			}
		}
		p.expect("}", "after what is added")
	}
	d.Attrs = p.attrs()
	p.expect(";", "after extend "+d.Name.Name)
	return d
}

// members parses up to the token end, which is not consumed.
func (p *parser) members(end string) []Member {
	defer p.nest()()
	var out []Member
	for !p.tok().is(end) && p.tok().Kind != EOF {
		out = append(out, p.member())
	}
	return out
}

func (p *parser) member() Member {
	doc, t := p.lead(), p.tok()
	switch next := p.peek(1); {
	case t.is("select") && next.is("("):
		return p.selection(doc)
	case t.is("@") && next.is("pad") && p.peek(2).is("("):
		p.at++
		a := p.attr()
		m := &Pad{Doc: doc, Span: a.Span}
		if len(a.Args) != 1 || a.Last != nil {
			p.fail(a.Span, "@pad takes one number: the size to pad to a multiple of")
		}
		m.To = a.Args[0]
		p.expect(";", "after @pad")
		m.Doc = join(m.Doc, p.trail())
		return m
	case t.is("@") && next.is("lsb") && p.peek(2).is("("):
		p.at++
		a := p.attr()
		if len(a.Args) != 1 || a.Last != nil {
			p.fail(a.Span, "@lsb takes one number: the bits of the group")
		}
		p.expect("{", "after @lsb")
		m := &Group{Bits: a.Args[0], Members: p.members("}"), Span: a.Span}
		p.expect("}", "after the fields of the group")
		p.accept(";")
		return m
	}
	return p.field(doc, true)
}

func (p *parser) selection(doc string) Member {
	m := &Select{Doc: doc, Span: p.tok().Span}
	p.at += 2
	m.On = append(m.On, p.words("the field to select on"))
	for p.accept(".") {
		m.On = append(m.On, p.words("a field"))
	}
	p.expect(")", "after the selector")
	p.expect("{", "before the cases")
	m.Arms = p.arms()
	p.expect("}", "after the cases")
	if p.tok().Kind == Name {
		m.Name = p.ident("a name")
	}
	m.Attrs = p.attrs()
	p.expect(";", "after select")
	return m
}

// words parses the name of something outside the bytes, which may have several
// words, as in "select (connection state)". They are joined by underscores.
func (p *parser) words(what string) Ident {
	id := p.ident(what)
	for p.tok().Kind == Name {
		next := p.ident(what)
		id = Ident{id.Name + "_" + next.Name, id.Span.To(next.Span)}
	}
	return id
}

func (p *parser) arms() []*Arm {
	defer p.nest()()
	var out []*Arm
	for p.tok().is("case") || p.tok().is("default") {
		a := &Arm{Doc: p.lead(), Span: p.tok().Span}
		if p.take().is("default") {
			a.Default = true
		} else {
			a.Labels = append(a.Labels, p.expr())
			for p.accept(",") {
				a.Labels = append(a.Labels, p.expr())
			}
		}
		p.expect(":", "after the labels")
		for !p.tok().is("}") && p.tok().Kind != EOF && !p.startsArm() {
			a.Members = append(a.Members, p.armMember())
		}
		if n := len(out); n > 0 && len(out[n-1].Members) == 0 && !out[n-1].Default && !a.Default {
			// "case a: case b: T;" is what "case a, b: T;" is.
			out[n-1].Labels = append(out[n-1].Labels, a.Labels...)
			out[n-1].Doc = join(out[n-1].Doc, a.Doc)
			out[n-1].Members = a.Members
			continue
		}
		out = append(out, a)
	}
	return out
}

// startsArm tells "case x:" from a field of a type called case.
func (p *parser) startsArm() bool {
	return p.tok().is("case") || p.tok().is("default") && p.peek(1).is(":")
}

func (p *parser) armMember() Member {
	if t := p.tok(); t.is("select") && p.peek(1).is("(") {
		return p.selection(p.lead())
	}
	return p.field(p.lead(), false)
}

// field parses a field or, outside a struct, a type declaration. Where named is
// false, as in a case, the name may be missing.
func (p *parser) field(doc string, named bool) *Field {
	f := &Field{Doc: doc, Span: p.tok().Span}
	f.Attrs = p.attrs()
	text := false
	for _, a := range f.Attrs {
		text = text || a.Name == "utf8"
	}
	// "@utf8 name<1..32>" leaves out the type, which can only be opaque.
	if t := p.tok(); text && t.Kind == Name && p.peek(1).Kind != Name && !(p.peek(1).is("<") && p.peek(3).is(">") && p.peek(4).Kind == Name) {
		f.Type = Type{Name: Ident{"opaque", t.Span}}
	} else {
		f.Type = p.typ()
	}
	if p.tok().Kind == Name || named {
		f.Name = p.ident("the name of a field")
	}
	f.Span = f.Span.To(p.peek(-1).Span)
	if t := p.tok(); t.is("[") || t.is("{") || t.is("<") {
		f.Vector = p.vector()
	}
	if p.accept("=") {
		f.Value = p.expr()
	}
	f.Attrs = append(f.Attrs, p.attrs()...)
	p.expect(";", "after "+describeField(f))
	f.Doc = join(f.Doc, p.trail())
	return f
}

func describeField(f *Field) string {
	if f.Name.Name != "" {
		return f.Name.Name
	}
	return f.Type.Name.Name
}

func (p *parser) typ() Type {
	defer p.nest()()
	if t := p.tok(); t.is("struct") && p.peek(1).is("{") {
		p.at += 2
		typ := Type{Name: Ident{"struct", t.Span}, Struct: true, Members: p.members("}")}
		p.expect("}", "after the members of a struct")
		return typ
	}
	typ := Type{Name: p.ident("a type")}
	if p.tok().is("<") && p.peek(1).Kind == Name && (p.peek(2).is(">") && p.peek(3).Kind == Name || p.peek(2).is("<")) {
		p.at++
		arg := p.typ()
		typ.Arg = &arg
		p.expect(">", "after the type argument")
	}
	return typ
}

func (p *parser) vector() *Vector {
	open := p.take()
	v := &Vector{Open: open.Text}
	closing := map[string]string{"[": "]", "{": "}", "<": ">"}[open.Text]
	switch {
	case open.is("[") && p.accept(".."):
		v.Greedy = true
	case open.is("<") && p.tok().is("V") && p.peek(1).is(">"):
		p.at++
		v.Varint = true
	default:
		v.Min = p.expr()
		if !open.is("[") && p.accept("..") {
			v.Max = p.expr()
			if p.accept(":") {
				t := p.typ()
				v.Prefix = &t
			}
		}
	}
	v.Span = open.Span.To(p.expect(closing, "after the length").Span)
	return v
}

func (p *parser) attrs() []*Attr {
	var out []*Attr
	for p.tok().is("@") {
		out = append(out, p.attr())
	}
	return out
}

func (p *parser) attr() *Attr {
	start := p.tok().Span
	p.accept("@")
	name := p.ident("the name of an attribute")
	a := &Attr{Name: name.Name, Span: start.To(name.Span)}
	if p.accept("(") {
		for !p.tok().is(")") {
			a.Args = append(a.Args, p.expr())
			if p.accept("..") {
				a.Last = p.expr()
				break
			}
			if !p.accept(",") {
				break
			}
		}
		a.Span = a.Span.To(p.expect(")", "after the arguments of @"+a.Name).Span)
	}
	return a
}

// lead returns the comment that ends on the line before the next token, as
// text. A comment that has no blank line between it and the token documents it.
func (p *parser) lead() string {
	t := p.tok()
	line := t.Line
	var parts []string
	for i := len(t.Comments) - 1; i >= 0; i-- {
		c := t.Comments[i]
		if c.LastLine < line-1 || p.at > 0 && c.Line == p.tokens[p.at-1].Line {
			break
		}
		parts = append([]string{plain(c.Text)}, parts...)
		line = c.Line
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

// trail returns the comment on the rest of the line of the token before.
func (p *parser) trail() string {
	if p.at == 0 {
		return ""
	}
	var parts []string
	line := p.tokens[p.at-1].Line
	t := p.tok()
	for _, c := range t.Comments {
		if c.Line != line || t.Line == line {
			break
		}
		parts = append(parts, plain(c.Text))
		line = c.LastLine
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

// fileDoc returns the comment at the top of a file if it is not that of the
// first declaration.
func (p *parser) fileDoc() string {
	t := p.tok()
	var parts []string
	for i, c := range t.Comments {
		if i > 0 && c.Line > t.Comments[i-1].LastLine+1 {
			return strings.TrimSpace(strings.Join(parts, "\n"))
		}
		parts = append(parts, plain(c.Text))
	}
	if n := len(t.Comments); n > 0 && (t.Kind == EOF || t.Line > t.Comments[n-1].LastLine+1) {
		return strings.TrimSpace(strings.Join(parts, "\n"))
	}
	return ""
}

// plain returns the words of a comment without its marks and margin.
func plain(c string) string {
	if rest, ok := strings.CutPrefix(c, "//"); ok {
		return strings.TrimPrefix(rest, " ")
	}
	c = strings.TrimSuffix(strings.TrimPrefix(c, "/*"), "*/")
	lines := strings.Split(c, "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "*" {
			line = ""
		}
		lines[i] = strings.TrimPrefix(line, "* ")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

func (p *parser) unquote(t Token) string {
	s, err := strconv.Unquote(t.Text)
	if err != nil {
		p.fail(t.Span, "the string has a bad escape")
	}
	return s
}
