package gocode

import (
	"bytes"
	"fmt"
	"strings"

	"sotto/gen/types"
)

// A function is a method that is being written.
type function struct {
	s      *types.Struct
	name   string       // of the message, quoted
	start  int          // of its body in g.buf
	scopes []scope      // variables in view, innermost last
	after  bytes.Buffer // functions to put behind this one
	blocks int
	inside bool // in bytes that a length has cut out
}

type scope map[string]bool

// begin starts a function, whose body is written next; end wraps it.
func (g *generator) begin(s *types.Struct) {
	g.fn = &function{s: s, name: fmt.Sprintf("%q", g.names.of(s)), start: g.buf.Len(), scopes: []scope{{}}}
}

// enter notes whether a cursor is over bytes that a length has cut out. Call the
// result when done with it.
func (g *generator) enter(c cursor) (leave func()) {
	was := g.fn.inside
	g.fn.inside = was || c.name != "b"
	return func() { g.fn.inside = was }
}

// end puts the body into a function with the given head. Lines of prologue whose
// first word the body does not use are left out.
func (g *generator) end(head string, prologue ...string) {
	body := string(g.buf.Bytes()[g.fn.start:])
	g.buf.Truncate(g.fn.start)
	g.p("%s {", head)
	for _, line := range prologue {
		if usesWord(body, strings.Fields(strings.TrimPrefix(line, "var "))[0]) {
			g.p("%s", line)
		}
	}
	g.buf.WriteString(body)
	g.p("}\n")
	g.buf.Write(g.fn.after.Bytes())
	g.fn = nil
}

// usesWord reports whether a Go text uses an identifier.
func usesWord(text, word string) bool {
	for rest := text; ; {
		i := strings.Index(rest, word)
		if i < 0 {
			return false
		}
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = rest[i-1]
		}
		if j := i + len(word); j < len(rest) {
			after = rest[j]
		}
		if !isWord(before) && before != '.' && before != '"' && !isWord(after) {
			return true
		}
		rest = rest[i+len(word):]
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func (g *generator) push() { g.fn.scopes = append(g.fn.scopes, scope{}) }
func (g *generator) pop()  { g.fn.scopes = g.fn.scopes[:len(g.fn.scopes)-1] }

func (f *function) sees(name string) bool {
	for _, s := range f.scopes {
		if s[name] {
			return true
		}
	}
	return false
}

// set assigns to variables, declaring them if one is not in view.
func (g *generator) set(names, expr string) {
	op := "="
	for name := range strings.SplitSeq(names, ", ") {
		if !g.fn.sees(name) {
			op = ":="
		}
	}
	if op == ":=" {
		for name := range strings.SplitSeq(names, ", ") {
			g.fn.scopes[len(g.fn.scopes)-1][name] = true
		}
	}
	g.p("%s %s %s", names, op, expr)
}

// fresh returns a variable name that is not in view, and declares it.
func (g *generator) fresh(name string) string {
	for i, try := 2, name; ; i++ {
		if !g.fn.sees(try) {
			g.fn.scopes[len(g.fn.scopes)-1][try] = true
			return try
		}
		try = fmt.Sprintf("%s%d", name, i)
	}
}
