package gocode

import (
	"fmt"
	"go/format"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFormatted lays out statements with random expressions as gofmt does.
func TestFormatted(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(1, 2))}
	var src strings.Builder
	src.WriteString("package p\n\n")
	for range 100 {
		src.WriteString("// f has an operator in every line.\nfunc f() {\n")
		for range 10 {
			src.WriteString(w.statement())
		}
		src.WriteString("}\n\n")
	}
	want, err := format.Source([]byte(src.String()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := formatted(src.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-gofmt +ours)\n%s", diff)
	}
}

// A writer writes Go that means nothing.
type writer struct{ *rand.Rand }

func (w writer) statement() string {
	e := w.expression
	if w.IntN(3) > 0 {
		return fmt.Sprintf("m.X = %s\n", e(3))
	}
	switch w.IntN(7) {
	case 0:
		return fmt.Sprintf("if !ok && %s != 0 || %s < 1 {\nx += %s\n} else {\ny, z = %s, %s\n}\n", e(3), e(3), e(2), e(2), e(2))
	case 1:
		return fmt.Sprintf("if %s > 3 ||\n%s < 5 ||\n!E(%s).known() {\ny := %s\n}\n", e(2), e(1), e(2), e(3))
	case 2:
		return fmt.Sprintf("if v, err := f(%s, %s); n < %s {\nreturn %s, %s\n}\n", e(2), e(2), e(2), e(2), e(2))
	case 3:
		return fmt.Sprintf("for v := b[%s:%s]; len(v) >= %s; v = v[%s:] {\nn++\n}\n", e(1), e(1), e(2), e(1))
	case 4:
		return fmt.Sprintf("switch {\ncase %s, %s:\nreturn s{Of: &x, Have: %s, Also: %s}\ndefault:\nf(%s)\n}\n", e(2), e(2), e(2), e(1), e(3))
	case 5:
		return fmt.Sprintf("switch x {\ncase a,\nb,\nc:\nreturn %s\n}\n", e(3))
	default:
		return fmt.Sprintf("x = append(x, %q, '}', %s)\n", "a+b {%s, '\"", e(2))
	}
}

// expression returns one with at most so many more inside each other.
func (w writer) expression(depth int) string {
	var b strings.Builder
	for i := range 1 + w.IntN(4) {
		if i > 0 {
			op := []string{"+", "-", "*", "/", "%", "|", "^", "&", "<<", ">>", "&^"}
			b.WriteString(op[w.IntN(len(op))])
		}
		b.WriteString(w.operand(depth))
	}
	return b.String()
}

func (w writer) operand(depth int) string {
	if depth == 0 {
		return []string{"a", "12", "m.Length", "'\\''", `"+"`}[w.IntN(5)]
	}
	switch e := func() string { return w.expression(depth - 1) }; w.IntN(9) {
	case 0:
		return "uint32(" + e() + ")"
	case 1:
		return "f(" + e() + ", " + e() + ")"
	case 2:
		return "(x+" + e() + ")"
	case 3:
		return "b[" + e() + "]"
	case 4:
		return "b[" + e() + ":" + e() + "]"
	case 5:
		return "b[:" + e() + ":" + e() + "]"
	case 6:
		return "!E(" + e() + ").known()"
	case 7:
		return "(*[12]byte)(" + e() + "[" + e() + ":])"
	}
	return w.operand(0)
}
