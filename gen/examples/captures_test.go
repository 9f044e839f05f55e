package examples_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/examples"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

// structs holds the checked specs, for the interpreter.
var structs = map[string]*types.Struct{}

func init() {
	names, err := filepath.Glob("*.wire")
	if err != nil {
		panic(err)
	}
	var sources []*diag.Source
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sources = append(sources, &diag.Source{Name: name, Text: string(text)})
	}
	p, errs := gen.Check(sources)
	if err := errs.Err(); err != nil {
		panic(err)
	}
	for _, s := range p.Structs() {
		structs[s.Name] = s
	}
	p.Lookup("DomainName").(*types.Extern).Length = func(b []byte) (int, string) {
		n, err := examples.DomainNameLength(b)
		switch {
		case errors.Is(err, codec.ErrShort):
			return 0, string(interp.Short)
		case err != nil:
			return 0, string(interp.Range)
		}
		return n, ""
	}
	reasons := map[interp.Reason]error{
		interp.Short: codec.ErrShort, interp.Trailing: codec.ErrTrailing, interp.Range: codec.ErrRange, interp.Const: codec.ErrConst,
		interp.Enum: codec.ErrEnum, interp.Checksum: codec.ErrChecksum, interp.NotCanonical: codec.ErrNotCanonical, interp.UTF8: codec.ErrUTF8,
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

// TestCaptures decodes each capture and encodes it to the same bytes, with generated code and with the interpreter, and
// cuts it at every byte.
func TestCaptures(t *testing.T) {
	targets := map[string]*target{}
	for _, table := range allTargets {
		for i := range table {
			targets[table[i].name] = &table[i]
		}
	}
	text, err := os.ReadFile("captures.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range strings.Split(string(text), "\n-- ")[1:] {
		head, digits, _ := strings.Cut(section, " --\n")
		name, _, ok := strings.Cut(head, ": ")
		in, err := hex.DecodeString(strings.ReplaceAll(digits, "\n", ""))
		c, s := targets[name], structs[name]
		if !ok || err != nil || c == nil || s == nil {
			t.Fatalf("%s: %v", head, err)
		}
		t.Run(head, func(t *testing.T) {
			v, err := interp.DecodeAll(s, in)
			if err != nil {
				t.Fatal(err)
			}
			out, err := interp.Encode(s, v)
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("interpreter:\ngot  %x, %v\nwant %x", out, err, in)
			}
			if !check(t, c, in) {
				t.Errorf("refused: %v", c.make().UnmarshalBinary(in))
			}
			m := c.make()
			if err := m.UnmarshalBinary(in); err != nil {
				t.Fatal(err)
			}
			if out, err := m.MarshalBinary(); err != nil || !bytes.Equal(out, in) {
				t.Errorf("generated code:\ngot  %x, %v\nwant %x", out, err, in)
			}
			for n := range in {
				checkCut(t, c, in[:n])
			}
		})
	}
}

// TestDomainName resolves the names of the DNS answer among the captures.
func TestDomainName(t *testing.T) {
	message, err := hex.DecodeString("abcd81800001000200000000" + "03777777076578616d706c6503636f6d00" + "00010001" +
		"c00c000500010000003c0006036e6577c010" + "c02d000100010000003c0004c0000201")
	if err != nil {
		t.Fatal(err)
	}
	var m examples.DnsMessage
	if err := m.UnmarshalBinary(message); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name examples.DomainName
		want string
	}{
		{m.Questions[0].Name, "www.example.com."},
		{m.Answers[0].Name, "www.example.com."},
		{m.Answers[0].Ns.Target, "new.example.com."},
		{m.Answers[1].Name, "new.example.com."},
	} {
		if got, err := tt.name.In(message); err != nil || got != tt.want {
			t.Errorf("%x: got %q, %v, want %q", []byte(tt.name), got, err, tt.want)
		}
	}
	// A pointer to itself has no end.
	if got, err := examples.DomainName([]byte{0xc0, 0x0c}).In([]byte("............\xc0\x0c")); err == nil {
		t.Errorf("a pointer to itself gave %q", got)
	}
}
