package syntax

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"sotto/gen/diag"
)

var update = flag.Bool("update", false, "rewrite what testdata expects")

func TestFormat(t *testing.T) {
	const name = "testdata/format.txtar"
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	in, want := string(archive.Files[0].Data), string(archive.Files[1].Data)
	got := Format(&diag.Source{Name: "in", Text: in})
	if *update {
		archive.Files[1].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(archive), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got), -update rewrites it:\n%s", diff)
	}
	if again := Format(&diag.Source{Name: "out", Text: got}); again != got {
		t.Errorf("formatting twice differs:\n%s", cmp.Diff(got, again))
	}
}

// Formatting changes no token and loses no comment.
func FuzzFormat(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/format.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(archive.Files[0].Data))
	f.Add("struct { uint8 a; /* x */ } A; // y\n/* z */")
	f.Add("struct {\n /* a */ uint8 /* b */ x /* c */\n; } A;")
	f.Fuzz(func(t *testing.T, text string) {
		words := func(text string) (tokens, comments string) {
			errs := &diag.List{}
			var a, b strings.Builder
			for _, tok := range Scan(&diag.Source{Name: "x", Text: text}, errs) {
				a.WriteString(tok.Text + "\n")
				for _, c := range tok.Comments {
					b.WriteString(strings.Join(strings.Fields(c.Text), " ") + "\n")
				}
			}
			return a.String(), b.String()
		}
		src := &diag.Source{Name: "x", Text: text}
		errs := &diag.List{}
		if Parse(src, errs); errs.HasErrors() {
			return
		}
		once := Format(src)
		t1, c1 := words(text)
		t2, c2 := words(once)
		if t1 != t2 || c1 != c2 {
			t.Errorf("%q\nbecomes\n%q", text, once)
		}
		if twice := Format(&diag.Source{Name: "x", Text: once}); twice != once {
			t.Errorf("%q\nthen\n%q\nthen\n%q", text, once, twice)
		}
	})
}

// A comment above a declaration documents it if no blank line stands between, and
// so does one behind a field.
func TestDocs(t *testing.T) {
	errs := &diag.List{}
	f := Parse(&diag.Source{Name: "x", Text: `// The file.

// Not part of it.

/*
 * A is documented.
 *
 *     indented
 */
struct {
    // above
    uint8 a; // behind
    uint8 b; /* one */
    uint8 c;
} A;
enum {
    x(1), // ex
    y(2) // why
} E;
`}, errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	s := f.Decls[0].(*StructDecl)
	e := f.Decls[1].(*EnumDecl)
	got := []string{f.Doc, s.Doc}
	for _, m := range s.Members {
		got = append(got, m.(*Field).Doc)
	}
	for _, v := range e.Values {
		got = append(got, v.Doc)
	}
	want := []string{"The file.", "A is documented.\n\n    indented", "above\nbehind", "one", "", "ex", "why"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
