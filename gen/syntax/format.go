package syntax

import (
	"strings"
	"unicode/utf8"

	"sotto/gen/diag"
)

// Format returns a source in the one form that the repository keeps: four spaces
// for each level, one space where words need one, at most one blank line, comments
// behind code aligned. It keeps the line breaks of the author, and every comment.
// A source that doesn't parse is returned as it is.
func Format(src *diag.Source) string {
	errs := &diag.List{}
	Parse(src, errs)
	if errs.HasErrors() {
		return src.Text
	}
	return layLines(cutLines(Scan(src, errs)))
}

// A line is what stands in one line of the output.
type line struct {
	blank   bool // a blank line stands before it
	depth   int
	code    string
	comment string // behind the code, or alone
}

// cutLines puts tokens and comments into lines.
func cutLines(tokens []Token) []line {
	f := &formatter{}
	for i, t := range tokens {
		for _, c := range t.Comments {
			f.comment(c, t, i == 0)
		}
		if t.Kind == EOF {
			break
		}
		if t.Line > f.last || len(f.lines) == 0 {
			f.begin(t.Line, t)
		}
		f.token(t)
	}
	return f.lines
}

type formatter struct {
	lines  []line
	last   int     // source line of the last thing written
	prev   []Token // tokens so far
	braces []brace
	vector int // open brackets of vectors
}

// A brace is an open brace that indents.
type brace struct{ arms bool } // of a select

func (f *formatter) begin(at int, t Token) {
	l := line{depth: len(f.braces), blank: len(f.lines) > 0 && at > f.last+1}
	if n := len(f.prev); n > 0 && t.Kind != EOF {
		p := f.prev[n-1]
		ended := p.Kind == Punct && strings.Contains(";{},:", p.Text)
		if !ended && !t.is("}") {
			l.depth++ // the line goes on
		}
	}
	if n := len(f.braces); n > 0 && f.braces[n-1].arms && !t.is("case") && !t.is("default") && !t.is("}") {
		l.depth++ // a field of an arm
	}
	if t.is("}") {
		l.depth--
		l.blank = false
	}
	if n := len(f.prev); n > 0 && f.prev[n-1].is("{") && len(f.lines) > 0 && f.lines[len(f.lines)-1].comment == "" {
		l.blank = false
	}
	f.lines = append(f.lines, l)
	f.last = at
}

func (f *formatter) comment(c Comment, next Token, top bool) {
	text := c.Text
	if c.Line == f.last && len(f.lines) > 0 && f.lines[len(f.lines)-1].comment == "" && next.Line > c.LastLine {
		f.lines[len(f.lines)-1].comment = text
		f.last = c.LastLine
		return
	}
	if next.Line == c.LastLine && next.Kind != EOF && strings.HasPrefix(text, "/*") {
		if c.Line > f.last || len(f.lines) == 0 {
			f.begin(c.Line, next)
		}
		l := &f.lines[len(f.lines)-1]
		if l.code != "" {
			l.code += " "
		}
		l.code += text
		f.last = c.LastLine
		return
	}
	f.begin(c.Line, Token{Kind: EOF, Text: "//"})
	l := &f.lines[len(f.lines)-1]
	if n := len(f.braces); n > 0 && f.braces[n-1].arms && (next.is("case") || next.is("default") || next.is("}")) {
		l.depth--
	}
	l.comment = text
	f.last = c.LastLine
}

func (f *formatter) token(t Token) {
	l := &f.lines[len(f.lines)-1]
	if l.code != "" && f.spaced(t) {
		l.code += " "
	}
	l.code += t.Text
	f.last = t.Line
	switch {
	case t.is("[") || t.is("<"):
		f.vector++
	case (t.is("]") || t.is(">")) && f.vector > 0:
		f.vector--
	case t.is("{") && f.isVector():
		f.vector++
	case t.is("{"):
		f.braces = append(f.braces, brace{f.opensArms()})
	case t.is("}") && f.vector > 0:
		f.vector--
	case t.is("}") && len(f.braces) > 0:
		f.braces = f.braces[:len(f.braces)-1]
	}
	f.prev = append(f.prev, t)
}

// before returns the n-th token before the next, from 1.
func (f *formatter) before(n int) Token {
	if n > len(f.prev) {
		return Token{Kind: EOF}
	}
	return f.prev[len(f.prev)-n]
}

// isVector tells the brace of "T x{n}" from those that hold declarations.
func (f *formatter) isVector() bool {
	p := f.before(1)
	return p.Kind == Name && !p.is("struct") && !p.is("enum") && !f.before(2).is("extend")
}

// opensArms reports whether the brace that comes next holds cases.
func (f *formatter) opensArms() bool {
	if !f.before(1).is(")") {
		return false
	}
	for i := 2; ; i++ {
		switch t := f.before(i); {
		case t.is("("):
			return f.before(i + 1).is("select")
		case t.Kind == EOF:
			return false
		}
	}
}

// spaced reports whether a space stands before t.
func (f *formatter) spaced(t Token) bool {
	p := f.before(1)
	switch {
	case t.is(";"), t.is(","), t.is(")"), t.is("]"), t.is("."), t.is(".."), p.is("("), p.is("["), p.is("."), p.is(".."), p.is("!"), p.is("@"):
		return false
	case t.is("<"), t.is("["), t.is(">"), p.is("<"):
		return false
	case t.is("^"), p.is("^"):
		return false
	case t.is(":"):
		return f.vector > 0
	case t.is("{"):
		return !f.isVector()
	case t.is("}"):
		return f.vector == 0 && !p.is("{")
	case p.is("{"):
		return f.vector == 0
	case t.is("("):
		return p.is("select") || p.Kind == Punct && !p.is("@") && (f.vector == 0 || !operator(p))
	case f.vector > 0 && (operator(t) || operator(p)):
		return false
	}
	return true
}

func operator(t Token) bool {
	return t.Kind == Punct && strings.Contains("+-*/", t.Text)
}

// layLines writes the lines out.
func layLines(lines []line) string {
	var b strings.Builder
	for i := range lines {
		l := &lines[i]
		if l.blank {
			b.WriteByte('\n')
		}
		indent := strings.Repeat("    ", max(0, l.depth))
		switch {
		case l.code == "":
			b.WriteString(block(l.comment, indent))
		case l.comment == "":
			b.WriteString(indent + l.code)
		default:
			text := indent + l.code
			b.WriteString(text)
			b.WriteString(strings.Repeat(" ", commentColumn(lines, i)-width(text)))
			b.WriteString(l.comment)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// commentColumn returns where the comment of line i begins: behind the longest
// of the lines with a comment around it.
func commentColumn(lines []line, i int) int {
	from, to := i, i+1
	for from > 0 && !lines[from].blank && lines[from-1].code != "" {
		from--
	}
	for to < len(lines) && !lines[to].blank && lines[to].code != "" {
		to++
	}
	column := 0
	for _, l := range lines[from:to] {
		if l.comment != "" {
			column = max(column, 4*max(0, l.depth)+width(l.code)+1)
		}
	}
	return column
}

func width(s string) int { return utf8.RuneCountInString(s) }

// block indents a comment that stands alone. Lines of a block comment that begin
// with a star are put under the first star; others keep what they have.
func block(c, indent string) string {
	lines := strings.Split(c, "\n")
	for i, l := range lines {
		l = strings.TrimRight(l, " \t\r")
		if trimmed := strings.TrimLeft(l, " \t"); i > 0 && strings.HasPrefix(trimmed, "*") {
			l = indent + " " + trimmed
		} else if i == 0 {
			l = indent + l
		}
		lines[i] = l
	}
	return strings.Join(lines, "\n")
}
