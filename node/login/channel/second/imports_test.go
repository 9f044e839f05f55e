package second

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports keeps the second implementation apart from the first: only the
// harness, which starts the server, may import anything of this module.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name == "harness_test.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(path, "/")
			standard := first != "sotto" && !strings.Contains(first, ".")
			if !standard && !strings.HasPrefix(path, "golang.org/x/crypto/") && !strings.HasPrefix(path, "github.com/cloudflare/circl/") {
				t.Errorf("%s imports %s: what it does must come from the document", name, path)
			}
		}
	}
}
