package markdown_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sotto/gen/backend/markdown"
	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

var update = flag.Bool("update", false, "rewrite what is wanted")

// TestDocument compares the document of each source in testdata with the one beside it.
func TestDocument(t *testing.T) {
	names, err := filepath.Glob("testdata/*.wire")
	if err != nil || len(names) == 0 {
		t.Fatal("no sources", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var errs diag.List
		src := &diag.Source{Name: filepath.Base(name), Text: string(text)}
		p := types.Check([]*syntax.File{syntax.Parse(src, &errs)}, &errs)
		if err := errs.Err(); err != nil {
			t.Fatal(err)
		}
		got := string(markdown.Document(p, "Title"))
		golden := strings.TrimSuffix(name, ".wire") + ".md"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range max(len(gotLines), len(wantLines)) {
			if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
				t.Errorf("%s:%d (-update rewrites it):\ngot  %q\nwant %q", golden, i+1, gotLines[i:min(i+1, len(gotLines))], wantLines[i:min(i+1, len(wantLines))])
				break
			}
		}
	}
}
