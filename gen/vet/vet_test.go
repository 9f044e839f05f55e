package vet_test

import (
	"testing"

	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
	"sotto/gen/vet"
)

func compile(t *testing.T, name, text string) *types.Program {
	t.Helper()
	var errs diag.List
	p := types.Check([]*syntax.File{syntax.Parse(&diag.Source{Name: name, Text: text}, &errs)}, &errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompare(t *testing.T) {
	tests := []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", `struct { uint8 a; } M;`, `struct { uint8 a; } M;`, nil},
		{"renamed field", `struct { uint8 a; } M;`, `struct { uint8 b; } M;`, nil},
		{"new struct", `struct { uint8 a; } M;`, `struct { uint8 a; } M; struct {} N;`, nil},
		{"renamed nested struct", `struct { uint8 a; } A; struct { A x; } M;`, `struct { uint8 a; } A; struct { uint8 b; } B; struct { B x; } M;`, nil},
		{"struct gone", `struct { uint8 a; } M;`, ``, []string{`old:1:21: M: is gone`}},
		{"wider", `struct { uint8 a; } M;`, `struct { uint16 a; } M;`, []string{`new:1:17: M.a: 16 bits, was 8 bits`}},
		{"other end first", `struct { uint16 a; } M;`, `struct { uint16le a; } M;`, []string{`new:1:19: M.a: 16 bits little-endian, was 16 bits`}},
		{"new field", `struct { uint8 a; } M;`, `struct { uint8 a; uint8 b; } M;`, []string{`new:1:25: M.b: is new: old peers don't expect it`}},
		{"field gone", `struct { uint8 a; uint8 b; uint8 c; } M;`, `struct { uint8 a; uint8 c; } M;`, []string{`old:1:25: M.b: is gone`}},
		{"fields changed places", `struct { uint8 a; uint16 b; } M;`, `struct { uint16 b; uint8 a; } M;`,
			[]string{`new:1:17: M.b: 16 bits, was 8 bits`, `new:1:26: M.a: 8 bits, was 16 bits`}},
		{"constant", `struct { uint8 v = 1; } M;`, `struct { uint8 v = 2; } M;`, []string{`new:1:16: M.v: 2, was 1`}},
		{"constant ignored", `struct { uint8 v = 1; } M;`, `struct { uint8 v = 1 @ignore; } M;`, nil},
		{"limits", `struct { opaque a<1..9>; } M;`, `struct { opaque a<0..8>; } M;`, []string{
			`new:1:17: M.a: 8 bytes at most, were 9: old peers may send more`, `new:1:17: M.a: at least 0 bytes, were 1: old peers refuse fewer`}},
		{"prefix", `struct { opaque a<0..255>; } M;`, `struct { opaque a<0..256>; } M;`, []string{
			`new:1:17: M.a: a length of 16 bits, was 8 bits`, `new:1:17: M.a: 256 bytes at most, were 255: old peers refuse more`}},
		{"text", `struct { opaque a<0..9>; } M;`, `struct { @utf8 a<0..9>; } M;`, []string{`new:1:16: M.a: UTF-8, were any bytes`}},
		{"max", `struct { opaque a[..]; } M;`, `struct { opaque a[..]; } M @max(9);`, []string{`new:1:26: M: 9 bytes at most, were any number of: old peers may send more`}},
		{"new value, open", `enum { a(1), (255) } E;`, `enum { a(1), b(2), (255) } E;`, nil},
		{"new value, closed", `enum { a(1), (255) } E @closed;`, `enum { a(1), b(2), (255) } E @closed;`, []string{`new:1:14: E.b: is new, and old peers refuse 2`}},
		{"other number", `enum { a(1), (255) } E;`, `enum { a(3), (255) } E;`, []string{`new:1:8: E.a: 3, was 1`}},
		{"width", `enum { a(1), (255) } E;`, `enum { a(1), (256) } E;`, []string{`new:1:22: E: 16 bits, was 8 bits`}},
		{"case", `enum { a(1), b(2), (255) } E @closed; struct { E e; select (e) { case a: uint8; case b: uint8; }; } M;`,
			`enum { a(1), b(2), (255) } E @closed; struct { E e; select (e) { case a: uint16; case b: uint8; }; } M;`,
			[]string{`new:1:66: M.select(e).a: 16 bits, was 8 bits`}},
		{"new case where there was a default", `enum { a(1), (255) } E; struct { E e; select (e) { case a: uint8; default: opaque u[..]; }; } M;`,
			`enum { a(1), b(2), (255) } E; struct { E e; select (e) { case a: uint8; case b: uint8; default: opaque u[..]; }; } M;`, nil},
		{"new case where the default had no bytes", `enum { a(1), (255) } E; struct { E e; select (e) { case a: uint8; default: struct {}; }; } M;`,
			`enum { a(1), b(2), (255) } E; struct { E e; select (e) { case a: uint8; case b: uint8; default: struct {}; }; } M;`,
			[]string{`new:1:73: M.select(e): b has a case now, and the default of old peers reads other bytes`}},
		{"derived", `struct { uint8 n = sizeof(M); opaque a[..]; } M;`, `struct { uint8 n = sizeof(a); opaque a[..]; } M;`,
			[]string{`new:1:16: M.n: derived: (0 + 1 * size of a) / 1, was derived: (0 + 1 * size of the struct) / 1`}},
		{"checksum", `struct { opaque s[4] = @md5(a); opaque a[..]; } M;`, `struct { opaque s[4] = @sha256(a); opaque a[..]; } M;`,
			[]string{`new:1:17: M.s: SHA-256 of a to a, was MD5 of a to a`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range vet.Compare(compile(t, "old", tt.before), compile(t, "new", tt.after)) {
				got = append(got, c.String())
			}
			for i := range max(len(got), len(tt.want)) {
				if i >= len(got) || i >= len(tt.want) || got[i] != tt.want[i] {
					t.Errorf("%d:\ngot  %q\nwant %q", i, got[min(i, len(got)):], tt.want[min(i, len(tt.want)):])
					break
				}
			}
		})
	}
}
