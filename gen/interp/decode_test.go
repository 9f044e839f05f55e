package interp_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sotto/gen/interp"
)

// formTests show each form of the language: bytes, and the JSON they say. Both ways must hold.
var formTests = []struct {
	name, wire, hex, json string
}{
	{"integers", `struct { uint8 a; uint24 b; uint64 c; uint16le d; } M;`,
		"01 000002 8000000000000000 0300", `{"a":1,"b":2,"c":"9223372036854775808","d":3}`},
	{"bits", `struct { uint1 a; uint5 b; uint2 c; uint12 d; uint4 e; } M;`,
		"85 1234", `{"a":1,"b":1,"c":1,"d":291,"e":4}`},
	{"lowest bits first", `struct { @lsb(16) { uint12 a; uint2 b; uint2 c = 1; } uint8 d; @lsb(8) { uint1 e; uint7 f; } } M;`,
		"4061 07 03", `{"a":320,"b":2,"d":7,"e":1,"f":1}`},
	{"opaque", `struct { opaque a[2]; opaque b<0..255>; opaque c[..]; } M;`,
		"0102 03 aabbcc ddee", `{"a":"0102","b":"aabbcc","c":"ddee"}`},
	{"prefix of two bytes", `struct { opaque a<0..256>; } M;`, "0001 ff", `{"a":"ff"}`},
	{"text", `struct { @utf8 a<1..32>; } M;`, "04 c3a96162", `{"a":"éab"}`},
	{"vectors count bytes", `struct { uint16 a<0..8>; } M;`, "04 00010002", `{"a":[1,2]}`},
	{"element counts", `struct { uint16 a{2}; uint8 b{0..3}; } M;`, "0001 0002 02 0304", `{"a":[1,2],"b":[3,4]}`},
	{"element counts of another type", `struct { uint16 a{0..300 : varint}; uint8 b{0..9 : uint16le}; } M;`, "01 0001 0100 02", `{"a":[1],"b":[2]}`},
	{"enum constants", `enum { x(1), y(2), (255) } E; struct { E a = y; E b = E.x; E c; select (c) { case E.x: uint8; case 2: uint16; default: struct {}; }; } M;`,
		"02 01 01 07", `{"c":"x","x":7}`},
	{"vector of structs to the end", `struct { uint8 a; } E; struct { E all[..]; } M;`, "0102", `{"all":[{"a":1},{"a":2}]}`},
	{"fixed tail", `struct { opaque body[..]; opaque tag[2]; } M;`, "01 0203", `{"body":"01","tag":"0203"}`},
	{"constants", `struct { uint1 one = 1; uint7 zero = 0; uint8 v; } M;`, "80 07", `{"v":7}`},
	{"length field", `struct { uint16 n; opaque a[n]; uint8 b; } M;`, "0002 aabb 01", `{"a":"aabb","b":1}`},
	{"count field", `struct { uint8 n; uint16 a{n}; } M;`, "02 0001 0002", `{"a":[1,2]}`},
	{"size of the struct", `struct { uint8 n = sizeof(M); opaque a[..]; } M;`, "03 aabb", `{"a":"aabb"}`},
	{"header length", `struct { uint4 v = 4; uint4 ihl = (20 + sizeof(o)) / 4; opaque h[19]; opaque o[..]; opaque rest[2]; } M;`,
		"46 " + strings.Repeat("00", 19) + "aabbccdd 0102", `{"h":"` + strings.Repeat("00", 19) + `","o":"aabbccdd","rest":"0102"}`},
	{"varint", `struct { varint a; varint b; varint c; varint d; } M;`, "3f 4040 80004000 c000000040000000",
		`{"a":63,"b":64,"c":16384,"d":1073741824}`},
	{"leb128", `struct { leb128 a; leb128 b; } M;`, "7f 8001", `{"a":127,"b":128}`},
	{"derived varint", `struct { varint n = sizeof(a); opaque a[..]; } M;`, "4040" + strings.Repeat("00", 64),
		`{"a":"` + strings.Repeat("00", 64) + `"}`},
	{"optional", `struct { optional<uint16> a; optional<uint16> b; } M;`, "00 01 0007", `{"a":null,"b":7}`},
	{"condition", `struct { uint8 f; uint8 a @if(f); uint8 b @if(!f); } M;`, "01 05", `{"f":1,"a":5}`},
	{"enum", `enum { x(1), y(2), (255) } E; struct { E a; E b; } M;`, "02 07", `{"a":"y","b":7}`},
	{"select", `enum { x(1), y(2), (255) } E; struct { E e; select (e) { case x: uint8; case y: struct {}; default: opaque u[..]; }; } M;`,
		"01 09", `{"e":"x","x":9}`},
	{"select nothing", `enum { x(1), y(2), (255) } E; struct { E e; select (e) { case x: uint8; case y: struct {}; default: opaque u[..]; }; } M;`,
		"02", `{"e":"y"}`},
	{"select default", `enum { x(1), y(2), (255) } E; struct { E e; select (e) { case x: uint8; case y: struct {}; default: opaque u[..]; }; } M;`,
		"07 aabb", `{"e":7,"u":"aabb"}`},
	{"arm with fields", `enum { x(1), (255) } E @closed; struct { E e; select (e) { case x: uint8 a; uint8 b; }; } M;`,
		"01 02 03", `{"e":"x","x":{"a":2,"b":3}}`},
	{"confined select", `enum { x(1), y(2), (255) } E; struct { E e; uint8 n = sizeof(body); select (e) { case x: uint8; case y: uint16; } body; uint8 z; } M;`,
		"01 01 02 03", `{"e":"x","x":2,"z":3}`},
	{"two bodies unknown", `enum { x(1), (255) } E; struct { E e; uint8 n = sizeof(b); select (e) { case x: uint8; } b; E f; uint8 m = sizeof(d); select (f) { case x: uint8; } d; } M;`,
		"07 01 02 08 02 0304", `{"e":7,"unknown":"02","f":8,"unknown_f":"0304"}`},
	{"internet checksum", `struct { uint16 a; uint16 sum = @internet(M); } M;`, "1234 edcb", `{"a":4660}`},
	{"md5 of a field", `struct { opaque sum[2] = @md5(p); opaque p[..]; } M;`, "900150983cd24fb0"[:4] + "616263", `{"p":"616263"}`},
	{"padding", `struct { uint8 a; @pad(4); } M;`, "01 000000", `{"a":1}`},
	{"alias", `opaque Hash[2]; struct { Hash h; } M;`, "0102", `{"h":"0102"}`},
}

func TestForms(t *testing.T) {
	for _, tt := range formTests {
		t.Run(tt.name, func(t *testing.T) {
			m := structNamed(t, compile(t, tt.wire), "M")
			in, err := hex.DecodeString(strings.ReplaceAll(tt.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			v, err := interp.DecodeAll(m, in)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := json.Compact(&text, interp.JSON(m, v)); err != nil {
				t.Fatal(err)
			}
			if got := text.String(); got != tt.json {
				t.Errorf("decoded:\ngot  %s\nwant %s", got, tt.json)
			}
			w, err := interp.ParseJSON(m, []byte(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			if !v.Equal(w) {
				t.Errorf("JSON came back as %s", interp.JSON(m, w))
			}
			out, err := interp.Encode(m, w)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out, in) {
				t.Errorf("encoded:\ngot  %x\nwant %x", out, in)
			}
		})
	}
}

// TestRefused names for each kind of error the field and the byte.
func TestRefused(t *testing.T) {
	tests := []struct {
		name, wire, hex, field string
		offset                 int
		reason                 interp.Reason
	}{
		{"short integer", `struct { uint8 a; uint32 b; } M;`, "01 0203", "b", 1, interp.Short},
		{"short prefix", `struct { uint8 a; opaque b<0..2^16-1>; } M;`, "01 00", "b", 1, interp.Short},
		{"short content", `struct { uint8 a; opaque b<0..255>; } M;`, "01 02 ff", "b", 1, interp.Short},
		{"short element", `struct { uint16 a<0..255>; } M;`, "03 0001 00", "a[1]", 3, interp.Short},
		{"short tail", `struct { opaque a[..]; opaque tag[4]; } M;`, "010203", "tag", 0, interp.Short},
		{"trailing", `struct { uint8 a; } M;`, "01 02", "", 1, interp.Trailing},
		{"floor", `struct { uint8 x; opaque a<2..9>; } M;`, "00 01 ff", "a", 1, interp.Range},
		{"ceiling", `struct { opaque a<0..2>; } M;`, "03 aabbcc", "a", 0, interp.Range},
		{"constant", `struct { uint8 x; uint1 one = 1; uint7 y; } M;`, "00 00", "one", 1, interp.Const},
		{"closed enum", `enum { x(1), (255) } E @closed; struct { E a; } M;`, "02", "a", 0, interp.Enum},
		{"no case", `struct { uint8 a; select (a) { case 1: uint8; }; } M;`, "02 00", "a", 0, interp.Enum},
		{"length disagrees", `struct { uint8 n = sizeof(M); uint8 b; } M;`, "03 00", "n", 0, interp.Short},
		{"length too small", `struct { uint8 x; uint8 n = sizeof(M); uint8 b; } M;`, "00 01 00", "n", 1, interp.Range},
		{"checksum", `struct { uint8 x; opaque sum[2] = @md5(p); opaque p[..]; } M;`, "00 0000 61", "sum", 1, interp.Checksum},
		{"varint", `struct { varint a; } M;`, "4001", "a", 0, interp.NotCanonical},
		{"leb128", `struct { leb128 a; } M;`, "8000", "a", 0, interp.NotCanonical},
		{"leb128 of 65 bits", `struct { leb128 a; } M;`, "ffffffffffffffffff02", "a", 0, interp.Range},
		{"leb128 without end", `struct { leb128 a; } M;`, "ffffffffffffffffffff", "a", 0, interp.Short},
		{"text", `struct { @utf8 a<0..9>; } M;`, "01 ff", "a", 0, interp.UTF8},
		{"padding", `struct { uint8 a; @pad(4); } M;`, "01 000100", "padding", 1, interp.Const},
		{"presence", `struct { optional<uint8> a; } M;`, "02 00", "a", 0, interp.Range},
		{"size", `struct { opaque a[..]; } M @max(2);`, "010203", "", 0, interp.Range},
		{"nested", `struct { uint8 x; uint8 y = 1; } E; struct { E all[..]; } M;`, "0001 0002", "all[1].y", 3, interp.Const},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := structNamed(t, compile(t, tt.wire), "M")
			in, err := hex.DecodeString(strings.ReplaceAll(tt.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			_, err = interp.DecodeAll(m, in)
			var e *interp.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an error", err)
			}
			if e.Field != tt.field || e.Offset != tt.offset || e.Reason != tt.reason || e.Message != "M" {
				t.Errorf("got  %v\nwant M.%s at byte %d: %s", e, tt.field, tt.offset, tt.reason)
			}
		})
	}
}
