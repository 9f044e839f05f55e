package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hello.wire")
	source := `enum { hi(1), bye(2), (255) } Kind; struct { Kind kind; uint64 big; @utf8 name<0..9>; opaque rest[..]; } Hello;`
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	const hex = "02ffffffffffffffff03c3a961abcd"
	const json = `{
  "kind": "bye",
  "big": "18446744073709551615",
  "name": "éa",
  "rest": "abcd"
}
`
	tests := []struct{ name, command, in, out, err string }{
		{"hex", "decode", hex, json, ""},
		{"spaces", "decode", "02 ffffffff ffffffff\n03 c3a961 abcd\n", json, ""},
		{"bytes", "decode", "\x02\xff\xff\xff\xff\xff\xff\xff\xff\x03\xc3\xa9a\xab\xcd", json, ""},
		{"odd", "decode", "020", "", "odd length"},
		{"short", "decode", "0200", "", "Hello.big at byte 1: short"},
		{"back", "encode", json, hex + "\n", ""},
		{"missing", "encode", `{"kind": 1}`, "", "field big is missing"},
		{"unknown", "encode", `{"kind": "bye", "big": 1, "name": "", "rest": "", "more": 1}`, "", "no field more here"},
		{"no JSON", "encode", `{`, "", "no JSON"},
		{"too large", "encode", `{"kind": 300, "big": 1, "name": "", "rest": ""}`, "", "Hello.kind at byte 0: range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := run([]string{tt.command, "-type", "Hello", file}, strings.NewReader(tt.in), &out, &out)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.out {
				t.Errorf("got  %s\nwant %s", out.String(), tt.out)
			}
		})
	}
}

func TestVet(t *testing.T) {
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before.wire"), filepath.Join(dir, "after.wire")
	for name, text := range map[string]string{before: "struct { uint8 a; } M;", after: "struct { uint16 a; } M;"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	err := run([]string{"vet", before, after}, nil, &out, &out)
	if want := filepath.ToSlash(after) + ":1:17: M.a: 16 bits, was 8 bits\n"; err == nil || out.String() != want {
		t.Errorf("got %v, %s\nwant %s", err, out.String(), want)
	}
	out.Reset()
	if err := run([]string{"vet", before, before}, nil, &out, &out); err != nil || out.String() != "" {
		t.Errorf("got %v, %s", err, out.String())
	}
}
