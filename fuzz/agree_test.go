package fuzz

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sotto/fuzz/grammar"
	"sotto/gen"
	"sotto/gen/diag"
)

// randomOracle is oracle_test.go for the packages that TestRandomSpecsAgree makes.
const randomOracle = `package randomtest

import (
	"errors"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

var reasons = map[interp.Reason]error{
	interp.Short: codec.ErrShort, interp.Trailing: codec.ErrTrailing, interp.Range: codec.ErrRange, interp.Const: codec.ErrConst,
	interp.Enum: codec.ErrEnum, interp.Checksum: codec.ErrChecksum, interp.NotCanonical: codec.ErrNotCanonical, interp.UTF8: codec.ErrUTF8,
}

func init() {
	p, errs := gen.Check([]*diag.Source{{Name: "random.wire", Text: source}})
	if err := errs.Err(); err != nil {
		panic(err)
	}
	structs := map[string]*types.Struct{}
	for _, s := range p.Structs() {
		structs[s.Name] = s
	}
	oracle = func(t *testing.T, c *target, in []byte) (int, error, int) {
		_, n, err := interp.DecodeWith(structs[c.name], c.params, in)
		var e *interp.Error
		if errors.As(err, &e) {
			return 0, reasons[e.Reason], e.Offset
		}
		return n, nil, 0
	}
}

// TestSpoiled changes every seed in every byte.
func TestSpoiled(t *testing.T) {
	for _, table := range allTargets {
		for i := range table {
			for j := range table[i].seeds {
				in := table[i].seeds[j].bytes(t)
				for k, b := range in {
					for _, c := range []byte{0, 0xff, b ^ 1, b ^ 0x80, b + 1, b - 1} {
						in[k] = c
						check(t, &table[i], in)
						checkShort(t, &table[i], in)
					}
					in[k] = b
				}
			}
		}
	}
}

// checkShort gives what was spoiled without its last byte.
func checkShort(t *testing.T, c *target, in []byte) { check(t, c, in[:len(in)-1]) }
`

// randomSeed makes other specs when it is changed; those of any must agree.
var randomSeed = flag.Uint64("random.seed", 7, "seed of the specs of TestRandomSpecsAgree")

// TestRandomSpecsAgree compiles a batch of random specs to Go, in one build, and lets the generated tests compare the
// codecs with the interpreter. It is no fuzz target because Go gives up a call that takes ten seconds, which a build may.
// To fuzz it, change the seed:
//
//	for i in $(seq 1 100); do go test -run TestRandomSpecsAgree ./fuzz -random.seed $i || break; done
func TestRandomSpecsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a package")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	agree(t, root, *randomSeed, 14)
}

// agree builds and tests the codecs of some random specs. Nothing is written into the repository: the packages
// stand in an overlay.
func agree(t *testing.T, root string, seed uint64, specs int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 8))
	var text strings.Builder
	for i := 0; i < specs; {
		one := grammar.Spec(randomBytes(random, 40+random.IntN(160)), fmt.Sprintf("R%d", i))
		if p := compileText(t, one); p != nil {
			text.WriteString(one)
			i++
		}
	}
	dir := t.TempDir()
	overlay := map[string]string{}
	add := func(folder, name string, text []byte) {
		real := filepath.Join(dir, folder+"_"+name)
		if err := os.WriteFile(real, text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(root, "fuzz", folder, name)] = real
	}
	sources := []*diag.Source{{Name: "random.wire", Text: text.String()}}
	for folder, o := range map[string]gen.Options{
		"randomwire": {Package: "randomwire", Emit: []string{"go"}},
		"randomtest": {Package: "randomtest", Emit: []string{"fuzz"}, Codecs: "sotto/fuzz/randomwire"},
	} {
		outputs, err := gen.Compile(sources, o)
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		for _, out := range outputs {
			add(folder, out.Name, out.Text)
		}
	}
	add("randomtest", "oracle_test.go", []byte(randomOracle))
	add("randomtest", "source_test.go", fmt.Appendf(nil, "package randomtest\n\nconst source = %q\n", text.String()))
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "random.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", binary, "./fuzz/randomtest")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.6000s\n%s", err, out, text.String())
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil {
		t.Errorf("%v\n%.6000s\n%s", err, out, text.String())
	}
}
