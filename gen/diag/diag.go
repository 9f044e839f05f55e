package diag

import (
	"fmt"
	"sort"
	"strings"
)

// A Source is one .wire file, held in memory.
type Source struct {
	Name string // as it is shown to people, with slashes
	Text string
}

// Position returns the line and column, both from 1, of a byte offset. Columns
// count bytes.
func (s *Source) Position(offset int) (line, column int) {
	before := s.Text[:min(offset, len(s.Text))]
	line = strings.Count(before, "\n") + 1
	return line, len(before) - strings.LastIndexByte(before, '\n')
}

// line returns the text of the line that holds offset, without its newline.
func (s *Source) line(offset int) string {
	offset = min(offset, len(s.Text))
	start := strings.LastIndexByte(s.Text[:offset], '\n') + 1
	rest := s.Text[start:]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	return strings.TrimSuffix(rest, "\r")
}

// A Span is a half-open range of bytes in a source.
type Span struct {
	Source     *Source
	Start, End int
}

// String returns file:line:col.
func (s Span) String() string {
	if s.Source == nil {
		return "-"
	}
	line, column := s.Source.Position(s.Start)
	return fmt.Sprintf("%s:%d:%d", s.Source.Name, line, column)
}

// To returns the span from the start of s to the end of t.
func (s Span) To(t Span) Span {
	s.End = max(s.End, t.End)
	return s
}

// A Note points at a second place, such as the earlier declaration.
type Note struct {
	Span    Span
	Message string
}

// A Diagnostic is one thing that is wrong with a source.
type Diagnostic struct {
	Code    Code
	Span    Span
	Message string // lower case, no period; says the thing and the reason
	Notes   []Note
	Warning bool // the program compiles all the same
}

// String returns the diagnostic as it is printed: the message, the line with a
// caret below it, then the notes, without a final newline.
func (d *Diagnostic) String() string {
	if d.Code == Output {
		return d.Message // no place, no program that shows it
	}
	var b strings.Builder
	kind := ""
	if d.Warning {
		kind = "warning: "
	}
	fmt.Fprintf(&b, "%s: %s%s [%s]", d.Span, kind, d.Message, d.Code)
	caret(&b, d.Span)
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "\n%s: note: %s", n.Span, n.Message)
		caret(&b, n.Span)
	}
	return b.String()
}

// caret writes the line of s and, below it, carets under the part in s.
func caret(b *strings.Builder, s Span) {
	if s.Source == nil {
		return
	}
	line := s.Source.line(s.Start)
	_, column := s.Source.Position(s.Start)
	width := max(1, min(s.End-s.Start, len(line)-column+1))
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, line[:min(column-1, len(line))])
	fmt.Fprintf(b, "\n\t%s\n\t%s%s", line, indent, strings.Repeat("^", width))
}

// A List collects diagnostics.
type List struct {
	all []*Diagnostic
}

// Add appends a diagnostic. Its notes may be added to the result.
func (l *List) Add(code Code, span Span, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Code: code, Span: span, Message: fmt.Sprintf(format, args...)}
	l.all = append(l.all, d)
	return d
}

// Note adds a second place to d.
func (d *Diagnostic) Note(span Span, format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, Note{span, fmt.Sprintf(format, args...)})
	return d
}

// HasErrors reports whether l holds anything that is not a warning.
func (l *List) HasErrors() bool {
	for _, d := range l.all {
		if !d.Warning {
			return true
		}
	}
	return false
}

// Limit is how many diagnostics one run shows. Ten is what fits on a screen
// with its carets; whoever has more will run the compiler again anyway.
const Limit = 10

// Shown returns what a run shows: sorted by place, at most one for each line,
// and at most Limit. An error wins over a warning on the same line.
func (l *List) Shown() []*Diagnostic {
	type place struct {
		source *Source
		line   int
	}
	at := func(d *Diagnostic) place {
		if d.Span.Source == nil {
			return place{}
		}
		line, _ := d.Span.Source.Position(d.Span.Start)
		return place{d.Span.Source, line}
	}
	name := func(d *Diagnostic) string {
		if d.Span.Source == nil {
			return ""
		}
		return d.Span.Source.Name
	}
	sorted := append([]*Diagnostic(nil), l.all...)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if name(a) != name(b) {
			return name(a) < name(b)
		}
		if a, b := at(a).line, at(b).line; a != b {
			return a < b
		}
		if a.Warning != b.Warning {
			return b.Warning
		}
		return a.Span.Start < b.Span.Start
	})
	var out []*Diagnostic
	seen := map[place]bool{}
	for _, d := range sorted {
		if p := at(d); !seen[p] && len(out) < Limit {
			seen[p] = true
			out = append(out, d)
		}
	}
	return out
}

// Err returns nil if nothing is wrong, or what is shown as one error.
func (l *List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return &failure{l.String()}
}

type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// String returns what is shown, one diagnostic after another, each line ended.
func (l *List) String() string {
	var b strings.Builder
	for _, d := range l.Shown() {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}
