package gen

import (
	"fmt"

	"sotto/gen/backend/gocode"
	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// Options say what to write.
type Options struct {
	Package string // of the Go code
	Runtime string // import path of the codec package; empty for this module's

	Emit   []string // kinds of output, of Kinds; only "go" if empty
	Codecs string   // fuzz: import path of the Go code
	Title  string   // doc, lua: what the protocol is called
	Root   string   // lua: the struct that a datagram is
	Port   int      // lua: the UDP port
}

// An Output is a file to write.
type Output struct {
	Name string // relative to the output folder
	Text []byte
}

// Check parses and checks the sources, which are one program. The program is
// only of use if the list has no errors.
func Check(sources []*diag.Source) (*types.Program, *diag.List) {
	errs := &diag.List{}
	var files []*syntax.File
	for _, s := range sources {
		files = append(files, syntax.Parse(s, errs))
	}
	if errs.HasErrors() {
		return nil, errs // names would be missing where a declaration did not parse
	}
	return types.Check(files, errs), errs
}

// Compile returns the files for a program, in the order of the sources. The
// error shows all diagnostics, if there are errors among them.
func Compile(sources []*diag.Source, o Options) ([]Output, error) {
	if o.Runtime == "" {
		o.Runtime = "sotto/wire/codec"
	}
	p, errs := Check(sources)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, s := range sources {
		name := gocode.FileName(s.Name)
		if old, ok := seen[name]; ok {
			return nil, fmt.Errorf("%s and %s would both become %s", old, s.Name, name)
		}
		seen[name] = s.Name
	}
	if len(o.Emit) == 0 {
		o.Emit = []string{"go"}
	}
	var out []Output
	for _, kind := range o.Emit {
		files, err := emit(kind, p, o)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// Format returns a source in the form that the repository keeps, or an error
// that shows why it can't be parsed.
func Format(s *diag.Source) (string, error) {
	errs := &diag.List{}
	syntax.Parse(s, errs)
	if err := errs.Err(); err != nil {
		return "", err
	}
	return syntax.Format(s), nil
}
