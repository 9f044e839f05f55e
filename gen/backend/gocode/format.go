package gocode

import (
	"go/format"
	"strings"
)

// formatted returns a Go file as gofmt writes it. Nine tenths of a file are functions,
// which are of few forms, and to parse and print them was most of a run of the compiler.
// So they are laid out here, by line, and go/format gets the file without them: comments
// and declarations, which have columns to align.
//
// No line of src is indented, and each ends where gofmt ends it.
func formatted(src string) (string, error) {
	const gap = "func _()\n"
	var outline, functions strings.Builder
	functions.Grow(len(src) + len(src)/4)
	var ends []int // of each function in functions
	doc := 0       // where what is above begins, if it is a comment
	for at := 0; at < len(src); {
		end := at + strings.IndexByte(src[at:], '\n') + 1
		line := src[at:end]
		switch {
		case strings.HasPrefix(line, "//"):
			at = end
			continue
		case strings.HasPrefix(line, "func "):
			functions.WriteString(src[doc:end])
			if strings.HasSuffix(line, "{\n") {
				end += writeBody(&functions, src[end:])
			}
			ends = append(ends, functions.Len())
			outline.WriteString(gap)
		default:
			outline.WriteString(src[doc:end])
		}
		at, doc = end, end
	}
	text, err := format.Source([]byte(outline.String()))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.Grow(len(text) + functions.Len())
	start := 0
	for line := range strings.Lines(string(text)) {
		if line != gap {
			out.WriteString(line)
			continue
		}
		out.WriteString(functions.String()[start:ends[0]])
		start, ends = ends[0], ends[1:]
	}
	return out.String(), nil
}

// writeBody writes what is at the front of src, the body of a function with the brace
// that ends it, and returns how long it was.
func writeBody(out *strings.Builder, src string) int {
	depth, indent := 1, 1
	goesOn := false // the line with what the one before began
	for at := 0; ; {
		n := strings.IndexByte(src[at:], '\n')
		line := src[at : at+n]
		at += n + 1
		if strings.HasPrefix(line, "}") {
			depth--
		}
		if depth == 0 {
			out.WriteString("}\n")
			return at
		}
		tabs := indent + 1
		if !goesOn {
			indent = depth
			if strings.HasPrefix(line, "case ") || line == "default:" {
				indent--
			}
			tabs = indent
		}
		for range tabs {
			out.WriteByte('\t')
		}
		out.WriteString(spaced(line, goesOn))
		out.WriteByte('\n')
		if strings.HasSuffix(line, "{") {
			depth++
		}
		goesOn = strings.HasSuffix(line, "||") || strings.HasSuffix(line, ",")
	}
}
