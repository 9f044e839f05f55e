package gen

import (
	"fmt"
	"path"

	"sotto/gen/backend/gocode"
	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// Options say what to write.
type Options struct {
	Package string // of the Go code
	Runtime string // import path of the codec package; empty for this module's
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
	files, err := gocode.Generate(p, o.Package, o.Runtime)
	if err != nil {
		return nil, err
	}
	var out []Output
	for _, f := range files {
		out = append(out, Output{path.Clean(f.Name), f.Text})
	}
	return out, nil
}
