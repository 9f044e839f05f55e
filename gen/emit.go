package gen

import (
	"fmt"
	"path"
	"strings"

	"sotto/gen/backend/dissector"
	"sotto/gen/backend/fuzzcode"
	"sotto/gen/backend/gocode"
	"sotto/gen/backend/markdown"
	"sotto/gen/backend/vectors"
	"sotto/gen/types"
)

// Kinds are what a program can be compiled to, by the word that Options.Emit
// takes.
var Kinds = []string{"go", "fuzz", "doc", "lua", "vectors"}

// emit returns the files of one kind.
func emit(kind string, p *types.Program, o Options) ([]Output, error) {
	var out []Output
	switch kind {
	case "go":
		files, err := gocode.Generate(p, o.Package, o.Runtime)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			out = append(out, Output{f.Name, f.Text})
		}
	case "fuzz":
		pkg := o.Package
		if path.Base(o.Codecs) == pkg {
			pkg += "_test" // the tests stand beside the codecs
		}
		files, err := fuzzcode.Generate(p, pkg, o.Codecs, o.Runtime)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			out = append(out, Output{f.Name, f.Text})
		}
	case "doc":
		out = append(out, Output{"PROTOCOL.md", markdown.Document(p, o.Title)})
	case "lua":
		proto := protoName(o.Title)
		if proto == "" {
			return nil, fmt.Errorf("the title %q has no letters, of which Wireshark makes the name of the protocol", o.Title)
		}
		if _, ok := p.Lookup(o.Root).(*types.Struct); !ok {
			return nil, fmt.Errorf("no struct is called %s, which a datagram is said to be", o.Root)
		}
		out = append(out, Output{"dissector.lua", dissector.Script(p, proto, o.Title, o.Root, o.Port, o.Lua)})
	case "vectors":
		for _, f := range p.Files {
			name := strings.TrimSuffix(path.Base(f.Name), ".wire") + ".txtar"
			out = append(out, Output{name, vectors.File(f)})
		}
	default:
		return nil, fmt.Errorf("nothing is called %q; there are %s", kind, strings.Join(Kinds, ", "))
	}
	return out, nil
}

// protoName makes of a title what Wireshark takes for the name of a protocol: small
// letters and digits.
func protoName(title string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(title))
}
