package gen_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"sotto/gen"
	"sotto/gen/diag"
)

var update = flag.Bool("update", false, "rewrite what testdata/golden expects")

// TestGolden compiles the .wire files of each archive in testdata/golden, and
// compares the result with the other files in it. Which outputs are made, the
// names of these say: x_gen.go, PROTOCOL.md and so on.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var sources []*diag.Source
			want := map[string]string{}
			for _, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".wire") {
					sources = append(sources, &diag.Source{Name: f.Name, Text: string(f.Data)})
				} else {
					want[f.Name] = string(f.Data)
				}
			}
			outputs, err := gen.Compile(sources, gen.Options{Package: "golden"})
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return !strings.HasSuffix(f.Name, ".wire") })
				for _, o := range outputs {
					archive.Files = append(archive.Files, txtar.File{Name: o.Name, Data: o.Text})
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			got := map[string]string{}
			for _, o := range outputs {
				got[o.Name] = string(o.Text)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got), go test ./gen -update rewrites it:\n%s", diff)
			}
		})
	}
}

// Equal input gives equal bytes, whatever the order of maps.
func TestSameBytes(t *testing.T) {
	text, err := os.ReadFile("backend/gocode/testdata/features/features.wire")
	if err != nil {
		t.Fatal(err)
	}
	var first []gen.Output
	for range 3 {
		out, err := gen.Compile([]*diag.Source{{Name: "features.wire", Text: string(text)}}, gen.Options{Package: "p"})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = out
		}
		if diff := cmp.Diff(first, out); diff != "" {
			t.Fatal(diff)
		}
	}
}
