package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
)

// TestGenerated compares the generated files with what the compiler makes now.
func TestGenerated(t *testing.T) {
	names, err := filepath.Glob("*.wire")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*diag.Source
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &diag.Source{Name: name, Text: string(text)})
	}
	made, err := gen.Compile(sources, gen.Options{Package: "examples", Emit: []string{"go", "fuzz"}, Codecs: "sotto/gen/examples"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, o := range made {
		want[o.Name] = true
		if have, err := os.ReadFile(o.Name); err != nil || !bytes.Equal(have, o.Text) {
			t.Errorf("%s is not current (%v); run: go generate ./gen/examples", o.Name, err)
		}
	}
	for _, pattern := range []string{"*_gen.go", "*_gen_test.go"} {
		have, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range have {
			if !want[name] {
				t.Errorf("%s has no source any more; run: go generate ./gen/examples", name)
			}
		}
	}
}
