package gen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
)

// TestErrors compiles each program in testdata/errors. It must be told exactly
// what its comments say: // ERROR "rx" stands on the line of a diagnostic whose
// message matches the expression. The name of the file is the code that it
// documents, and a digit where one program doesn't do.
func TestErrors(t *testing.T) {
	names, err := filepath.Glob("testdata/errors/*.wire")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[diag.Code]bool{}
	for _, name := range names {
		code := diag.Code(strings.TrimRight(strings.TrimSuffix(filepath.Base(name), ".wire"), "0123456789"))
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := expected(t, string(text))
			for _, d := range diagnose(&diag.Source{Name: filepath.Base(name), Text: string(text)}) {
				line, _ := d.Span.Source.Position(d.Span.Start)
				rx, ok := want[line]
				switch {
				case !ok:
					t.Errorf("unexpected:\n%s", d)
				case !rx.MatchString(d.Message):
					t.Errorf("line %d: got %q, want %q", line, d.Message, rx)
				}
				delete(want, line)
				if d.Code == code {
					documented[code] = true
				}
			}
			for line, rx := range want {
				t.Errorf("line %d: nothing said, want %q", line, rx)
			}
		})
	}
	for _, c := range diag.Codes {
		if !documented[c] {
			t.Errorf("no program in testdata/errors is told %s", c)
		}
	}
}

// diagnose returns what a run shows.
func diagnose(s *diag.Source) []*diag.Diagnostic {
	_, list := gen.Diagnose([]*diag.Source{s}, gen.Options{Package: "p"})
	return list.Shown()
}

var errorComment = regexp.MustCompile(`// ERROR ("(?:[^"\\]|\\.)*")`)

func expected(t *testing.T, text string) map[int]*regexp.Regexp {
	t.Helper()
	want := map[int]*regexp.Regexp{}
	for i, line := range strings.Split(text, "\n") {
		m := errorComment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		// The quotes are those of the comment; what is in them is the expression,
		// in which \" is a quote.
		rx, err := regexp.Compile(strings.ReplaceAll(m[1][1:len(m[1])-1], `\"`, `"`))
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		want[i+1] = rx
	}
	return want
}

// The whole of what a person sees: message, line, caret, note.
func TestDiagnosticText(t *testing.T) {
	src := &diag.Source{Name: "a.wire", Text: "struct {\n\tuint8 size;\n\topaque size<0..9>;\n} A;\n"}
	_, list := gen.Check([]*diag.Source{src})
	want := `a.wire:3:9: A has two fields called size [duplicate]
	` + "\t" + `opaque size<0..9>;
	` + "\t" + `       ^^^^
a.wire:2:8: note: the first one is here
	` + "\t" + `uint8 size;
	` + "\t" + `      ^^^^`
	if got := list.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", strconv.Quote(got), strconv.Quote(want))
	}
}

// At most one diagnostic for a line and ten for a run, in the order of the text.
func TestDiagnosticLimits(t *testing.T) {
	src := &diag.Source{Name: "a.wire", Text: "struct { A a; B b; } X;\n" + strings.Repeat("struct {\n Z z;\n} X;\n", 20)}
	_, list := gen.Check([]*diag.Source{src})
	shown := list.Shown()
	if len(shown) != diag.Limit {
		t.Errorf("%d diagnostics, want %d", len(shown), diag.Limit)
	}
	last := 0
	for _, d := range shown {
		line, _ := src.Position(d.Span.Start)
		if line <= last {
			t.Errorf("line %d after line %d", line, last)
		}
		last = line
	}
}
