package types

import (
	"path"
	"slices"

	"sotto/gen/diag"
	"sotto/gen/syntax"
)

// Check gives meaning to the trees of a program. The result is only of use if
// errs has no errors.
func Check(files []*syntax.File, errs *diag.List) *Program {
	c := &checker{errs: errs, names: map[string]*entry{}}
	c.declare(files)
	c.extend(files)
	p := &Program{}
	for _, f := range files {
		out := &File{Name: f.Source.Name, Doc: f.Doc}
		p.Files = append(p.Files, out)
		c.file = out
		for _, d := range f.Decls {
			c.resolveDecl(d)
		}
	}
	if errs.HasErrors() {
		return p // layout would only repeat what is wrong
	}
	c.findCycles(p)
	if errs.HasErrors() {
		return p
	}
	c.bindAll(p)
	if errs.HasErrors() {
		return p
	}
	for _, s := range p.Structs() {
		c.layout(s)
	}
	c.greedyAgain(p.Structs())
	for range 3 { // what holds itself was laid out before all was known of it
		for _, s := range p.Structs() {
			if s.Recursive {
				s.computeSize()
			}
		}
	}
	for _, s := range p.Structs() {
		c.checkVectors(s)
	}
	c.canonical(p)
	return p
}

type checker struct {
	errs   *diag.List
	names  map[string]*entry
	file   *File // that is being resolved; takes the structs made from cases
	laid   map[*Struct]layoutState
	scopes map[*Struct]*scope // for lengths, which are derived when all is known

	pending map[*Field]syntax.Expr // of derived fields: what they are derived from

	declared map[*Struct]map[string]*declaration // by @param
	binds    map[*Field][]*binding               // by @bind
	paths    []lookup
}

// An entry is a declared name.
type entry struct {
	syn   syntax.Decl
	decl  Decl // nil until it is resolved; a struct has its shell at once
	busy  bool // being resolved
	arms  []*syntax.Arm
	attrs []*syntax.Attr
	enum  []*syntax.EnumValue
	set   []*syntax.Field
	lies  []*syntax.Select // what lies in fields of bytes
}

func (c *checker) declare(files []*syntax.File) {
	have := map[string]bool{}
	for _, f := range files {
		have[path.Base(f.Source.Name)] = true
	}
	for _, f := range files {
		for _, d := range f.Decls {
			var id syntax.Ident
			switch d := d.(type) {
			case *syntax.EnumDecl:
				id = d.Name
			case *syntax.StructDecl:
				id = d.Name
				if d.Param.Name != "" && d.Name.Name == "optional" {
					continue // RFC 9420 writes out the one that is built in
				}
			case *syntax.TypeDecl:
				id = d.Field.Name
			case *syntax.ConstDecl:
				id = d.Name
			case *syntax.ExternDecl:
				id = d.Name
			case *syntax.ImportDecl:
				if !have[path.Base(d.Path)] {
					c.errs.Add(diag.Undeclared, d.Span, "%q is not among the sources", d.Path)
				}
				continue
			default:
				continue
			}
			if old := c.names[id.Name]; old != nil {
				c.errs.Add(diag.Duplicate, id.Span, "%s is declared twice", id.Name).
					Note(old.syn.Where(), "the first one is here")
				continue
			}
			e := &entry{syn: d}
			if s, ok := d.(*syntax.StructDecl); ok {
				e.decl = &Struct{Name: id.Name, Doc: s.Doc, Span: id.Span}
			}
			c.names[id.Name] = e
		}
	}
}

// extend hands what extend blocks add to the entries they name.
func (c *checker) extend(files []*syntax.File) {
	for _, f := range files {
		for _, d := range f.Decls {
			x, ok := d.(*syntax.ExtendDecl)
			if !ok {
				continue
			}
			e := c.names[x.Name.Name]
			if e == nil {
				c.errs.Add(diag.Undeclared, x.Name.Span, "nothing is called %s", x.Name.Name)
				continue
			}
			_, isEnum := e.syn.(*syntax.EnumDecl)
			_, isType := e.syn.(*syntax.TypeDecl)
			_, isStruct := e.syn.(*syntax.StructDecl)
			if len(x.Values) > 0 && !isEnum && !isType || len(x.Arms)+len(x.Fields)+len(x.Selects) > 0 && !isStruct {
				c.errs.Add(diag.NotAType, x.Name.Span, "what this adds does not fit the kind of %s", x.Name.Name).
					Note(e.syn.Where(), "it is declared here")
				continue
			}
			e.enum = append(e.enum, x.Values...)
			e.arms = append(e.arms, x.Arms...)
			e.set = append(e.set, x.Fields...)
			e.lies = append(e.lies, x.Selects...)
			e.attrs = append(e.attrs, x.Attrs...)
		}
	}
}

// resolveDecl resolves a declaration and puts it into the file, in place.
func (c *checker) resolveDecl(d syntax.Decl) {
	var name string
	switch d := d.(type) {
	case *syntax.EnumDecl:
		name = d.Name.Name
	case *syntax.StructDecl:
		name = d.Name.Name
	case *syntax.TypeDecl:
		name = d.Field.Name.Name
	case *syntax.ConstDecl:
		name = d.Name.Name
	case *syntax.ExternDecl:
		name = d.Name.Name
	default:
		return
	}
	e := c.names[name]
	if e == nil || e.syn != d {
		return // a duplicate, or optional<T>
	}
	if s, ok := e.decl.(*Struct); ok {
		c.file.Decls = append(c.file.Decls, s)
		c.structBody(s, e)
		return
	}
	if r := c.resolve(e); r != nil {
		c.file.Decls = append(c.file.Decls, r)
	}
}

// resolve returns the declaration behind an entry, resolving it if need be. It
// is nil where that has failed.
func (c *checker) resolve(e *entry) Decl {
	if e.decl != nil {
		return e.decl
	}
	if e.busy {
		c.errs.Add(diag.Cycle, e.syn.Where(), "the declaration needs itself")
		return nil
	}
	e.busy = true
	defer func() { e.busy = false }()
	switch d := e.syn.(type) {
	case *syntax.EnumDecl:
		e.decl = c.enum(d, e)
	case *syntax.ConstDecl:
		v, _ := c.number(d.Value)
		e.decl = &Const{Name: d.Name.Name, Doc: d.Doc, Value: v, Span: d.Name.Span}
	case *syntax.ExternDecl:
		e.decl = &Extern{Name: d.Name.Name, Doc: d.Doc, Span: d.Name.Span}
	case *syntax.TypeDecl:
		f := d.Field
		if len(e.enum) > 0 {
			e.decl = c.named(d, e)
			return e.decl
		}
		a := &Alias{Name: f.Name.Name, Doc: f.Doc, Span: f.Name.Span}
		t, _ := c.fieldType(f, nil)
		if t == nil {
			return nil
		}
		a.Type = t
		for _, at := range f.Attrs {
			switch at.Name {
			case "secret":
				a.Secret = true
			case "utf8", "any":
			default:
				c.badAttr(at, "a type")
			}
		}
		e.decl = a
	}
	return e.decl
}

func (c *checker) badAttr(a *syntax.Attr, place string) {
	c.errs.Add(diag.BadAttribute, a.Span, "@%s has no meaning on %s", a.Name, place)
}

// structBody resolves the members of a struct.
func (c *checker) structBody(s *Struct, e *entry) {
	d := e.syn.(*syntax.StructDecl)
	for _, a := range append(slices.Clone(d.Attrs), e.attrs...) {
		if a.Name == "param" {
			c.declareParam(s, a)
			continue
		}
		if a.Name != "max" || len(a.Args) != 1 {
			c.badAttr(a, "a struct")
			continue
		}
		if v, ok := c.number(a.Args[0]); ok {
			s.MaxBytes = v
		}
	}
	c.members(s, d.Members, e, nil)
}

// findCycles marks the structs that can hold themselves, and refuses those that
// hold themselves by value.
func (c *checker) findCycles(p *Program) {
	for _, s := range p.Structs() {
		if reaches(s, s, true, map[*Struct]bool{}) {
			c.errs.Add(diag.Cycle, s.Span, "a %s holds itself, so no value of it is finite", s.Name)
			continue
		}
		s.Recursive = reaches(s, s, false, map[*Struct]bool{})
	}
}

// reaches reports whether a value of from holds one of to, by value only or
// also through vectors and optional values.
func reaches(from, to *Struct, byValue bool, seen map[*Struct]bool) bool {
	var visit func(t Type) bool
	visit = func(t Type) bool {
		switch t := t.(type) {
		case *Alias:
			return visit(t.Type)
		case *Vector:
			return (!byValue || t.Length.Kind == Fixed) && visit(t.Elem)
		case *Optional:
			return !byValue && visit(t.Elem)
		case *Struct:
			if t == to {
				return true
			}
			if seen[t] {
				return false
			}
			seen[t] = true
			return reaches(t, to, byValue, seen)
		}
		return false
	}
	for f := range from.AllFields() {
		if visit(f.Type) {
			return true
		}
	}
	return false
}
