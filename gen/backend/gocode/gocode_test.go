package gocode_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto/gen"
	"sotto/gen/diag"
)

var update = flag.Bool("update", false, "rewrite the generated files in testdata")

// TestFeatures compiles testdata/features, in which every form of the language
// occurs, and runs the tests that stand beside the result. They are a package of
// their own because they test code that this one writes.
func TestFeatures(t *testing.T) {
	dir := filepath.Join("testdata", "features")
	text, err := os.ReadFile(filepath.Join(dir, "features.wire"))
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := gen.Compile([]*diag.Source{{Name: "features.wire", Text: string(text)}}, gen.Options{Package: "features"})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outputs {
		name := filepath.Join(dir, o.Name)
		if *update {
			if err := os.WriteFile(name, o.Text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(old), string(o.Text)); diff != "" {
			t.Fatalf("%s is not what the compiler writes (-old +new), run: go test ./gen/backend/gocode -update\n%s", name, diff)
		}
	}
	cmd := exec.Command("go", "test", "./"+filepath.ToSlash(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
