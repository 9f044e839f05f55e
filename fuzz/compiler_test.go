package fuzz

import (
	"bytes"
	"go/format"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto/fuzz/grammar"
	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// check compiles one text. Whatever is wrong with it must have a position in it.
func compileText(t *testing.T, text string) *types.Program {
	t.Helper()
	var errs diag.List
	p := types.Check([]*syntax.File{syntax.Parse(&diag.Source{Name: "fuzz.wire", Text: text}, &errs)}, &errs)
	for _, d := range errs.Shown() {
		if d.Message == "" || d.Span.Source == nil || d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(text) {
			t.Errorf("a diagnostic without a position in the text: %v\n%s", d, text)
		}
		_ = d.String()
	}
	if errs.HasErrors() {
		if errs.Err() == nil {
			t.Error("errors, but none to show")
		}
		return nil
	}
	return p
}

// FuzzCompilerText gives any text to the compiler: no panic, and each mistake has a position.
func FuzzCompilerText(f *testing.F) {
	f.Add("struct { uint8 a; opaque b<0..2^16-1>; } X;")
	f.Add("enum { a(1), b(2), (255) } E @closed; struct { E e; select (e) { case a: uint8; case b: struct {}; } body; } X @max(5);")
	f.Add("/* doc */ const A = 2^3-1; opaque H[A]; extend E { c(3), }; import \"x.wire\";")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		f.Add(grammar.Spec(randomBytes(random, 20*i), ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		if p := compileText(t, text); p != nil {
			interpret(t, p, nil, text)
		}
	})
}

// FuzzCompilerGrammar makes a spec out of the input. What compiles is interpreted.
func FuzzCompilerGrammar(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 50 {
		f.Add(randomBytes(random, 10*i), []byte("some bytes to decode"))
	}
	f.Fuzz(func(t *testing.T, choices, in []byte) {
		text := grammar.Spec(choices, "")
		if p := compileText(t, text); p != nil {
			interpret(t, p, in, text)
			if len(in)%16 == 0 { // the backends take a hundred times as long
				emitAll(t, text)
			}
		}
	})
}

// emitAll gives a valid spec to every backend. Two things of it may want the same name in Go; nothing else can go wrong.
// What is Go is so formatted.
func emitAll(t *testing.T, text string) {
	t.Helper()
	sources := []*diag.Source{{Name: "fuzz.wire", Text: text}}
	out, err := gen.Compile(sources, gen.Options{Package: "x", Codecs: "sotto/fuzz/y", Title: "Fuzz", Root: "S0", Emit: gen.Kinds})
	if err != nil && !strings.Contains(err.Error(), "[go-name]") {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, o := range out {
		if !strings.HasSuffix(o.Name, ".go") {
			continue
		}
		want, err := format.Source(o.Text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", o.Name, err, text)
		}
		if diff := cmp.Diff(string(want), string(o.Text)); diff != "" {
			t.Fatalf("%s is not as gofmt writes it (-gofmt +ours):\n%s\n%s", o.Name, diff, text)
		}
	}
}

// TestRandomSpecs sees to it that most of the specs that the grammar gives are valid, and interprets them.
func TestRandomSpecs(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	valid := 0
	const specs = 300
	for range specs {
		text := grammar.Spec(randomBytes(random, 100), "")
		if p := compileText(t, text); p != nil {
			valid++
			interpret(t, p, randomBytes(random, 40), text)
			if valid <= 10 {
				emitAll(t, text)
			}
		}
		if t.Failed() {
			t.Fatal(text)
		}
	}
	if valid < specs/2 {
		t.Errorf("%d of %d specs are valid", valid, specs)
	}
	t.Logf("%d of %d specs are valid", valid, specs)
}

func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// interpret encodes and decodes values of each struct, and decodes the input.
func interpret(t *testing.T, p *types.Program, in []byte, text string) {
	t.Helper()
	for i, s := range p.Structs() {
		if i > 20 {
			return
		}
		for _, size := range []int{0, 4} {
			v := interp.NewSampler(uint64(len(in)), size).Struct(s)
			b, err := interp.Encode(s, v)
			if err != nil {
				continue // a derived length that can't say it
			}
			params := interp.Params(s, v)
			w, err := interp.DecodeAllWith(s, params, b)
			if err != nil {
				t.Fatalf("%s encodes to %x, which does not decode: %v\n%s%s", s.Name, b, err, interp.JSON(s, v), text)
			}
			if !v.Equal(w) {
				t.Fatalf("%s: %x\ngot  %swant %s%s", s.Name, b, interp.JSON(s, w), interp.JSON(s, v), text)
			}
			if len(b) > 0 && !s.Greedy {
				cut(t, s, params, b, text)
			}
		}
		v, n, err := interp.DecodeWith(s, interp.Params(s, interp.NewSampler(uint64(len(in)), 4).Struct(s)), in)
		if err != nil {
			continue
		}
		b, err := interp.Encode(s, v)
		if err != nil {
			t.Fatalf("%s: %x decodes but does not encode: %v\n%s", s.Name, in[:n], err, text)
		}
		if s.NotCanonical == "" && !bytes.Equal(b, in[:n]) {
			t.Fatalf("%s is canonical, but %x encodes to %x\n%s", s.Name, in[:n], b, text)
		}
	}
}

// cut decodes the front of good bytes of a struct that says itself where it ends.
func cut(t *testing.T, s *types.Struct, params map[string]uint64, b []byte, text string) {
	t.Helper()
	for _, n := range []int{0, len(b) / 2, len(b) - 1} {
		_, err := interp.DecodeAllWith(s, params, b[:n])
		e, ok := err.(*interp.Error)
		if !ok || e.Reason != interp.Short {
			t.Fatalf("%s: %x is cut, got %v\n%s", s.Name, b[:n], err, text)
		}
	}
}
