package interp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

// TestSamplesRoundTrip takes every struct of the protocol: what Samples makes decodes to the same value, survives JSON
// and encodes to the same bytes.
func TestSamplesRoundTrip(t *testing.T) {
	names, err := filepath.Glob("../../spec/*.wire")
	if err != nil {
		t.Fatal(err)
	}
	more, _ := filepath.Glob("../../spec/classic/*.wire")
	var errs diag.List
	var files []*syntax.File
	for _, n := range append(names, more...) {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, syntax.Parse(&diag.Source{Name: n, Text: string(text)}, &errs))
	}
	p := types.Check(files, &errs)
	if errs.HasErrors() {
		t.Fatal(errs.Err())
	}
	for _, s := range p.Structs() {
		samples := interp.Samples(s, 1)
		if len(samples) == 0 {
			t.Errorf("%s: no samples", s.Name)
		}
		for _, sample := range samples {
			text := interp.JSON(s, sample.Value)
			v, err := interp.ParseJSON(s, text)
			if err != nil {
				t.Errorf("%s: %v\n%s", s.Name, err, text)
				continue
			}
			b, err := interp.Encode(s, v)
			if err != nil {
				t.Errorf("%s: %v\n%s", s.Name, err, text)
			}
			if !bytes.Equal(b, sample.Bytes) {
				t.Errorf("%s:\ngot  %x\nwant %x\n%s", s.Name, b, sample.Bytes, text)
			}
			t.Logf("%s %d bytes", s.Name, len(b))
		}
	}
}
