package opaque

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudflare/circl/oprf"
	"golang.org/x/tools/txtar"

	"sotto/wire"
)

// readVectors reads a file of testdata: what stands in each section.
func readVectors(t *testing.T, file string) map[string][]byte {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	for _, f := range archive.Files {
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
		if err != nil {
			t.Fatalf("%s: %s: %v", file, f.Name, err)
		}
		found[f.Name] = b
	}
	return found
}

// The OPRF itself, through the functions of both sides.
func TestRFC9497(t *testing.T) {
	v := readVectors(t, "rfc9497.txtar")
	key, err := oprf.DeriveKey(suite, oprf.BaseMode, v["Seed"], v["KeyInfo"])
	if err != nil {
		t.Fatal(err)
	}
	if got := mustEncode(t, key); !bytes.Equal(got, v["skSm"]) {
		t.Errorf("key = %x, want %x", got, v["skSm"])
	}
	for _, n := range []string{"1", "2"} {
		b, blinded, err := blind(bytes.NewReader(v[n+" Blind"]), v[n+" Input"])
		if err != nil {
			t.Fatal(err)
		}
		if want := wire.OpaqueElement(v[n+" BlindedElement"]); blinded != want {
			t.Errorf("%s: blinded = %x, want %x", n, blinded, want)
		}
		element, err := decodeElement(blinded)
		if err != nil {
			t.Fatal(err)
		}
		evaluated, err := evaluate(key, element)
		if err != nil {
			t.Fatal(err)
		}
		if want := wire.OpaqueElement(v[n+" EvaluationElement"]); evaluated != want {
			t.Errorf("%s: evaluated = %x, want %x", n, evaluated, want)
		}
		var output hash
		if _, err := b.finish(evaluated, func(oprf [64]byte) [64]byte { output = oprf; return oprf }); err != nil {
			t.Fatal(err)
		}
		if want := hash(v[n+" Output"]); output != want {
			t.Errorf("%s: output = %x, want %x", n, output, want)
		}
	}
}
