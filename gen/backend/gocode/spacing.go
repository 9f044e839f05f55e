package gocode

import "strings"

// spaced returns a line of a statement, in which there are blanks around := and = and
// behind commas, with the blanks that gofmt puts around operators. It leaves them out
// where an expression is deep: each operator above it and each list of arguments is one
// level, and parentheses take one away. goesOn says that the line is not the first of its
// statement.
func spaced(line string, goesOn bool) string {
	if !deep(line) || strings.HasPrefix(line, "//") || strings.HasSuffix(line, "++") {
		return line
	}
	begin, end := 0, len(line)
	for _, word := range []string{"if ", "for ", "switch ", "case ", "return "} {
		if strings.HasPrefix(line, word) {
			begin = len(word)
		}
	}
	for _, mark := range []string{" {", ":", " ||", ","} {
		if strings.HasSuffix(line, mark) {
			end -= len(mark)
			break
		}
	}
	depth := 1
	if goesOn || line[end:] == " ||" {
		depth = 2
	}
	parts := split(line[begin:end], "; ")
	for i, part := range parts {
		parts[i] = assignment(part, depth)
	}
	return line[:begin] + strings.Join(parts, "; ") + line[end:]
}

// deep reports whether there may be an operator whose blanks depend on where it stands.
func deep(s string) bool {
	return strings.ContainsAny(s, "+-*/%&|^") || strings.Contains(s, "<<") || strings.Contains(s, ">>")
}

// assignment returns an assignment, or a list of expressions, with blanks.
func assignment(s string, depth int) string {
	for _, op := range []string{" := ", " = ", " += "} {
		sides := split(s, op)
		if len(sides) < 2 {
			continue
		}
		if len(split(sides[0], ", ")) > 1 && len(split(sides[1], ", ")) > 1 {
			depth++
		}
		return list(sides[0], depth) + op + list(sides[1], depth)
	}
	return list(s, depth)
}

func list(s string, depth int) string {
	parts := split(s, ", ")
	for i, part := range parts {
		parts[i] = expression(part).text(depth)
	}
	return strings.Join(parts, ", ")
}

// operators are those of Go with two operands, by how tight they bind.
var operators = map[string]int{
	"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
	"+": 4, "-": 4, "|": 4, "^": 4, "*": 5, "/": 5, "%": 5, "<<": 5, ">>": 5, "&": 5, "&^": 5,
}

// A chain is operands with operators between them.
type chain struct {
	operands, operators []string
}

func expression(s string) chain {
	var c chain
	for start, i := 0, 0; ; start = i {
		for i < len(s) && strings.IndexByte(" !*&^-+", s[i]) >= 0 {
			i++ // those with one operand belong to it
		}
		for i < len(s) && strings.IndexByte("!=<>&|^+-*/%", s[i]) < 0 {
			i = skip(s, i)
		}
		c.operands = append(c.operands, strings.TrimSpace(s[start:i]))
		if i == len(s) {
			return c
		}
		op := s[i : i+1]
		if i+1 < len(s) && operators[s[i:i+2]] > 0 {
			op = s[i : i+2]
		}
		c.operators = append(c.operators, op)
		i += len(op)
	}
}

func (c chain) text(depth int) string {
	if len(c.operators) == 0 {
		return operand(c.operands[0], depth)
	}
	at := 0 // the last of those that bind least
	for i, op := range c.operators {
		if operators[op] <= operators[c.operators[at]] {
			at = i
		}
	}
	op := c.operators[at]
	left := chain{c.operands[:at+1], c.operators[:at]}
	right := chain{c.operands[at+1:], c.operators[at+1:]}
	leftDepth := depth + 1
	for _, o := range left.operators {
		if operators[o] == operators[op] {
			leftDepth = depth // a + b + c is one level
		}
	}
	blank := ""
	if operators[op] <= 3 || depth == 1 {
		blank = " "
	}
	return left.text(leftDepth) + blank + op + blank + right.text(depth+1)
}

// operand returns an operand with blanks in what it has between brackets.
func operand(s string, depth int) string {
	if !deep(s) {
		return s
	}
	open := -1
	for i := 0; i < len(s); i = skip(s, i) {
		if strings.IndexByte("([{", s[i]) >= 0 {
			open = i
		}
	}
	if open < 0 {
		return s
	}
	end := skip(s, open) - 1
	before, inside := s[:open], s[open+1:end]
	switch {
	case s[open] == '{':
		inside = literal(inside)
	case s[open] == '[':
		inside = bounds(inside, depth)
		depth = 1
	case open > 0 && (isWord(s[open-1]) || s[open-1] == ')' || s[open-1] == ']'): // a call
		if len(split(inside, ", ")) > 1 {
			depth++
		}
		inside = list(inside, depth)
	default:
		inside = expression(inside).text(max(depth-1, 1))
	}
	return operand(before, depth) + s[open:open+1] + inside + s[end:]
}

// literal returns what stands between the braces of a literal of a struct.
func literal(s string) string {
	parts := split(s, ", ")
	for i, part := range parts {
		if key, value, ok := strings.Cut(part, ": "); ok {
			parts[i] = key + ": " + expression(value).text(1)
		}
	}
	return strings.Join(parts, ", ")
}

// bounds returns what stands between the brackets of an element or a slice.
func bounds(s string, depth int) string {
	parts := split(s, ":")
	n, blanks := 0, false
	for i, part := range parts {
		if part == "" {
			continue
		}
		c := expression(part)
		n++
		blanks = blanks || len(c.operators) > 0
		parts[i] = c.text(depth + 1)
	}
	if depth > 1 || n < 2 || !blanks {
		return strings.Join(parts, ":")
	}
	return strings.TrimSpace(strings.Join(parts, " : "))
}

// split cuts s where sep is in no brackets and no literal.
func split(s, sep string) []string {
	if !strings.Contains(s, sep) {
		return []string{s}
	}
	var out []string
	start := 0
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], sep) {
			out = append(out, s[start:i])
			start = i + len(sep)
			i = start
		} else {
			i = skip(s, i)
		}
	}
	return append(out, s[start:])
}

// skip returns where that ends which begins at s[i]: a literal, something in brackets,
// or one byte.
func skip(s string, i int) int {
	c := s[i]
	i++
	switch c {
	case '"', '\'':
		for ; s[i] != c; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '(', '[', '{':
		for strings.IndexByte(")]}", s[i]) < 0 {
			i = skip(s, i)
		}
		return i + 1
	}
	return i
}
