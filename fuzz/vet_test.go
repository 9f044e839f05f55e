package fuzz

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sotto/fuzz/grammar"
	"sotto/gen/backend/vectors"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/gen/vet"
)

// TestVet changes one choice of a random spec. Where vet says that the two versions understand each other, each reads what
// the other writes; and a version understands itself.
func TestVet(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	same, changed := 0, 0
	for range 400 {
		choices := randomBytes(random, 30+random.IntN(60))
		text := grammar.Spec(choices, "")
		other := slices.Clone(choices)
		other[random.IntN(len(other))]++
		otherText := grammar.Spec(other, "")
		p, q := compileText(t, text), compileText(t, otherText)
		if p == nil || q == nil {
			continue
		}
		if changes := vet.Compare(p, p); len(changes) > 0 {
			t.Fatalf("a spec against itself: %v\n%s", changes[0], text)
		}
		if len(vet.Compare(p, q)) > 0 {
			changed++
			continue
		}
		if text != otherText {
			same++
		}
		understands(t, q, p, text, otherText)
		if !strings.Contains(text, "default") {
			// Of values that it doesn't know an old peer has no more than samples.
			understands(t, p, q, otherText, text)
		}
	}
	t.Logf("%d changes that break a peer, %d that don't", changed, same)
	if same == 0 || changed == 0 {
		t.Error("the changes are all of one kind")
	}
}

// understands gives what one version writes to the other. Structs that the other does not have are new.
func understands(t *testing.T, writer, reader *types.Program, readerText, writerText string) {
	t.Helper()
	for _, s := range writer.Structs() {
		r, ok := reader.Lookup(s.Name).(*types.Struct)
		if !ok || s.Of != nil {
			continue
		}
		for _, sample := range vectors.Samples(s) {
			if _, err := interp.DecodeAllWith(r, interp.Params(s, sample.Value), sample.Bytes); err != nil {
				t.Fatalf("vet sees no change, but %x is refused: %v\nwriter:\n%s\nreader:\n%s", sample.Bytes, err, writerText, readerText)
			}
		}
	}
}
