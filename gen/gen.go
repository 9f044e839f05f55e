package gen

import (
	"errors"
	"sync"

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
	Lua    string   // lua: more of it, for what the types don't say
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
	out, errs := Diagnose(sources, o)
	return out, errs.Err()
}

// Diagnose is Compile with the diagnostics themselves, warnings too.
func Diagnose(sources []*diag.Source, o Options) ([]Output, *diag.List) {
	if o.Runtime == "" {
		o.Runtime = "sotto/wire/codec"
	}
	if len(o.Emit) == 0 {
		o.Emit = []string{"go"}
	}
	p, errs := Check(sources)
	if errs.HasErrors() {
		return nil, errs
	}
	// No backend changes the program, so all can work at the same time.
	made, failed := make([][]Output, len(o.Emit)), make([]error, len(o.Emit))
	var kinds sync.WaitGroup
	for i, kind := range o.Emit {
		kinds.Go(func() { made[i], failed[i] = emit(kind, p, o) })
	}
	kinds.Wait()
	var out []Output
	seen := map[string]bool{}
	for i, files := range made {
		err := failed[i]
		var clash *gocode.Clash
		switch {
		case errors.As(err, &clash):
			errs.Add(diag.GoName, clash.Second.Where(), "%s is called %s in Go, which is taken", clash.Second.DeclName(), clash.Name).
				Note(clash.First.Where(), "by %s", clash.First.DeclName())
			return nil, errs
		case err != nil:
			errs.Add(diag.Output, diag.Span{}, "%v", err)
			return nil, errs
		}
		for _, f := range files {
			if seen[f.Name] {
				errs.Add(diag.Output, diag.Span{}, "two sources would both become %s", f.Name)
				return nil, errs
			}
			seen[f.Name] = true
		}
		out = append(out, files...)
	}
	return out, errs
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
