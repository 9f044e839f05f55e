package spec_test

import (
	"encoding/hex"
	"fmt"
	"strings"

	"sotto/gen"
	"sotto/gen/diag"
)

// show prints what bytes in hex say by a source, and what they are encoded to if that
// is something else. Parameters are given as in Hash_length=3.
func show(source, name, digits string, params ...string) {
	in, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	given := map[string]uint64{}
	for _, p := range params {
		var n uint64
		key, value, _ := strings.Cut(p, "=")
		fmt.Sscan(value, &n)
		given[key] = n
	}
	sources := []*diag.Source{{Name: "example.wire", Text: source}}
	text, err := gen.Decode(sources, name, given, in)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(strings.Fields(string(text)), " "))
	if out, err := gen.Encode(sources, name, text); err != nil || string(out) != string(in) {
		fmt.Printf("%x %v\n", out, err)
	}
}

func Example_numbers() {
	show(`struct { uint8 a; uint24 b; uint16le c; varint d; leb128 e; } X;`, "X", "01 000002 0300 4400 8001")
	show(`struct { uint1 flag; uint3 three; uint12 twelve; } X;`, "X", "d123")
	show(`struct { @lsb(16) { uint12 a; uint4 b; }; } X;`, "X", "2301")
	show(`struct { varint d; } X;`, "X", "4001")
	// Output:
	// { "a": 1, "b": 2, "c": 3, "d": 1024, "e": 128 }
	// { "flag": 1, "three": 5, "twelve": 291 }
	// { "a": 291, "b": 0 }
	// X.d at byte 0: not canonical: 2 bytes for a number that needs 1
}

func Example_enums() {
	const source = `enum { red(1), blue(2..4), (255) } Color; struct { Color c[3]; } X;`
	show(source, "X", "010309")
	show(source+`extend Color @closed;`, "X", "010309")
	// Output:
	// { "c": [ "red", 3, 9 ] }
	// X.c[2] at byte 2: enum: 9 is no Color
}

func Example_vectors() {
	show(`struct { opaque a[2]; opaque b<0..9>; opaque c<V>; @utf8 d<0..9>; opaque e[..]; } X;`, "X", "0102 020304 0105 026869 0607")
	show(`struct { uint16 a<0..9>; uint16 b{2}; uint16 c{0..9}; uint16 d[4]; } X;`, "X", "020001 00020003 010004 00050006")
	show(`struct { opaque a<2..3>; } X;`, "X", "0101")
	// Output:
	// { "a": "0102", "b": "0304", "c": "05", "d": "hi", "e": "0607" }
	// { "a": [ 1 ], "b": [ 2, 3 ], "c": [ 4 ], "d": [ 5, 6 ] }
	// X.a at byte 0: range: a length of 1, not in 2..3
}

func Example_lengths() {
	show(`struct { uint8 n; uint8 of_b; opaque a[n]; uint16 b{of_b}; } X;`, "X", "02 01 0102 0003")
	show(`struct { uint8 length = sizeof(X); uint8 a; opaque rest[..]; } X;`, "X", "04010203")
	show(`struct { uint8 words = (4 + sizeof(a)) / 4; opaque a[..]; uint8 end; } X;`, "X", "02 01020304 05")
	show(`struct { uint8 n = sizeof(a); opaque a<0..9>; } X;`, "X", "03 0101")
	// Output:
	// { "a": "0102", "b": [ 3 ] }
	// { "a": 1, "rest": "0203" }
	// { "a": "01020304", "end": 5 }
	// X.a at byte 1: short: 3 bytes, 2 left
}

func Example_constants() {
	show(`struct { uint8 version = 1; opaque magic[2] = "ok"; uint8 a; } X;`, "X", "01 6f6b 02")
	show(`struct { uint8 reserved = 0 @ignore; uint8 a; } X;`, "X", "ff02")
	show(`struct { uint8 a; @pad(4); uint8 b; } X;`, "X", "01 000000 02")
	show(`struct { uint16 a; uint16 sum = @internet; } X;`, "X", "0001 fffe")
	show(`struct { uint16 a; uint16 sum = @internet; } X;`, "X", "0001 fffd")
	// Output:
	// { "a": 2 }
	// { "a": 2 }
	// 0002 <nil>
	// { "a": 1, "b": 2 }
	// { "a": 1 }
	// X.sum at byte 2: checksum: does not agree with what it covers
}

func Example_choices() {
	const source = `
enum { number(1), pair(2), nothing(3), (255) } Kind;
struct {
    Kind kind;
    select (kind) {
        case number: uint16;
        case pair: uint8 x; uint8 y;
        case nothing: struct {};
        default: opaque other[..];
    };
} X;`
	show(source, "X", "01 0102")
	show(source, "X", "02 0102")
	show(source, "X", "03")
	show(source, "X", "04 0506")
	show(`struct { uint8 more; uint8 a @if(more); uint8 b @if(!more); optional<uint8> c; } X;`, "X", "00 02 0103")
	// Output:
	// { "kind": "number", "number": 258 }
	// { "kind": "pair", "pair": { "x": 1, "y": 2 } }
	// { "kind": "nothing" }
	// { "kind": 4, "other": "0506" }
	// { "more": 0, "b": 2, "c": 3 }
}

func Example_parameters() {
	show(`struct { opaque verify_data[Hash.length]; } Finished @param(Hash.length, uint8);`, "Finished", "010203", "Hash_length=3")
	const source = `
enum { client_hello(1), server_hello(2), (255) } HandshakeType;
struct { HandshakeType msg_type; Versions versions; } Handshake;
struct {
    select (Handshake.msg_type) {
        case client_hello: uint16 versions<2..254>;
        case server_hello: uint16 version;
    };
} Versions;`
	show(source, "Handshake", "02 0304")
	show(source, "Versions", "02 0304", "Handshake_msg_type=1")
	show(source, "Versions", "02 0304", "Handshake_msg_type=3")
	show(`enum { open(1), (255) } State; struct { select (connection state) { case open: uint8 x; }; } X @param(connection_state, State);`,
		"X", "07", "connection_state=1")
	// Output:
	// { "Hash_length": 3, "verify_data": "010203" }
	// { "msg_type": "server_hello", "versions": { "server_hello": { "version": 772 } } }
	// { "Handshake_msg_type": "client_hello", "client_hello": { "versions": [ 772 ] } }
	// Versions.Handshake_msg_type at byte 0: enum: 3 selects nothing
	// { "connection_state": "open", "open": { "x": 7 } }
}

func Example_outside() {
	const source = `
uint16 Kind;
struct { Kind kind; opaque body<0..2^16-1>; } Item;
struct { uint8 x; uint8 y; } Point;

extend Kind { point(1), (65535) };
extend Item { select (kind) { case point: Point; } body; };`
	show(source, "Item", "0001 0002 0304")
	show(source, "Item", "0002 0002 0304")
	show(source, "Item", "0001 0003 030405")
	show(`struct { uint16 length = Length; opaque label<7..255> = "tls13 " + Label; } X @param(Length, uint16) @param(Label, uint8);`,
		"X", "0020 07 746c73313320 6b")
	// Output:
	// { "kind": "point", "point": { "x": 3, "y": 4 } }
	// { "kind": 2, "body": "0304" }
	// Item at byte 6: trailing: 1 bytes left over before the end that body_length says
	// { "length": 32, "label": "746c733133206b" }
}

func Example_attributes() {
	show(`struct { uint8 a; uint8 b; } P; struct { P p @raw; } X @max(2);`, "X", "0102")
	show(`struct { opaque a<0..9>; } X @max(2);`, "X", "020102")
	// Output:
	// { "p": { "a": 1, "b": 2 } }
	// X at byte 0: range: 3 bytes, more than 2
}
