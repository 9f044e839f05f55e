package spec_test

import (
	"encoding/hex"
	"fmt"
	"strings"

	"sotto/gen"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire"
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
	show(`struct { uint40 a; uint48 b; uint56 c; uint64 d; } X;`, "X", "0000000001 000000000002 00000000000003 0000000000000004")
	show(`struct { uint24le a; uint32le b; uint40le c; uint48le d; uint56le e; uint64le f; } X;`, "X",
		"010000 02000000 0300000000 040000000000 05000000000000 0600000000000000")
	show(`struct { varint a @any; leb128 b @any; } X;`, "X", "4001 8100")
	show(`struct { uint3 a; uint8 b; uint5 c; } X;`, "X", "ffff")
	show(`const BITS = 2^3 + 1; struct { uint8 a = BITS * (2 - 1); uint16 b = 0b101; } X;`, "X", "09 0005")
	// Output:
	// { "a": 1, "b": 2, "c": 3, "d": 1024, "e": 128 }
	// { "flag": 1, "three": 5, "twelve": 291 }
	// { "a": 291, "b": 0 }
	// X.d at byte 0: not canonical: 2 bytes for a number that needs 1
	// { "a": 1, "b": 2, "c": 3, "d": 4 }
	// { "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6 }
	// { "a": 1, "b": 1 }
	// 0101 <nil>
	// { "a": 7, "b": 255, "c": 31 }
	// {}
}

func Example_enums() {
	const source = `enum { red(1), blue(2..4), (255) } Color; struct { Color c[3]; } X;`
	show(source, "X", "010309")
	show(source+`extend Color @closed;`, "X", "010309")
	show(`enum { a(1), b(2) } E @bits(4) @closed; struct { E e; uint4 rest = 0; } X;`, "X", "20")
	show(`enum { red(1), blue(2) } Color; struct { Color c = blue; Color d = Color.red; } X;`, "X", "0201")
	// Output:
	// { "c": [ "red", 3, 9 ] }
	// X.c[2] at byte 2: enum: 9 is no Color
	// { "e": "b" }
	// {}
}

func Example_vectors() {
	show(`struct { opaque a[2]; opaque b<0..9>; opaque c<V>; @utf8 d<0..9>; opaque e[..]; } X;`, "X", "0102 020304 0105 026869 0607")
	show(`struct { uint16 a<0..9>; uint16 b{2}; uint16 c{0..9}; uint16 d[4]; } X;`, "X", "020001 00020003 010004 00050006")
	show(`struct { opaque a<2..3>; } X;`, "X", "0101")
	show(`struct { opaque a<0..100 : varint>; opaque b<0..9 : uint32le>; uint16 c{0..9 : leb128}; } X;`, "X", "0101 0100000002 010003")
	show(`opaque Hash[2]; Hash Pair[4]; struct { Hash h; Pair p; Hash list<0..9>; } X;`, "X", "0001 0002 0003 02 0004")
	show(`struct { opaque body[..]; opaque tag[2]; } X;`, "X", "010203 0405")
	show(`struct { uint16 a<0..9>; } X;`, "X", "03 000102")
	show(`struct { @utf8 a[..]; } X;`, "X", "68ff")
	// Output:
	// { "a": "0102", "b": "0304", "c": "05", "d": "hi", "e": "0607" }
	// { "a": [ 1 ], "b": [ 2, 3 ], "c": [ 4 ], "d": [ 5, 6 ] }
	// X.a at byte 0: range: a length of 1, not in 2..3
	// { "a": "01", "b": "02", "c": [ 3 ] }
	// { "h": "0001", "p": [ "0002", "0003" ], "list": [ "0004" ] }
	// { "body": "010203", "tag": "0405" }
	// X.a[1] at byte 3: short: 16 bits, 8 left
	// X.a at byte 0: utf8: not valid UTF-8
}

func Example_lengths() {
	show(`struct { uint8 n; uint8 of_b; opaque a[n]; uint16 b{of_b}; } X;`, "X", "02 01 0102 0003")
	show(`struct { uint8 length = sizeof(X); uint8 a; opaque rest[..]; } X;`, "X", "04010203")
	show(`struct { uint8 words = (4 + sizeof(a)) / 4; opaque a[..]; uint8 end; } X;`, "X", "02 01020304 05")
	show(`struct { uint8 n = sizeof(a); opaque a<0..9>; } X;`, "X", "03 0101")
	show(`struct { uint8 n = count(items); uint16 items<0..9>; } X;`, "X", "01 02 0003")
	show(`enum { a(1), (255) } E; struct { E e; uint8 n = sizeof(body); select (e) { case a: uint16; } body; uint8 end; } X;`, "X", "07 03 010203 04")
	show(`struct { varint n = sizeof(a) + 2 * sizeof(b); opaque a[2]; opaque b[..]; } X;`, "X", "04 0102 03")
	// Output:
	// { "a": "0102", "b": [ 3 ] }
	// { "a": 1, "rest": "0203" }
	// { "a": "01020304", "end": 5 }
	// X.a at byte 1: short: 3 bytes, 2 left
	// { "items": [ 3 ] }
	// { "e": 7, "unknown": "010203", "end": 4 }
	// { "a": "0102", "b": "03" }
}

func Example_constants() {
	show(`struct { uint8 version = 1; opaque magic[2] = "ok"; uint8 a; } X;`, "X", "01 6f6b 02")
	show(`struct { uint8 reserved = 0 @ignore; uint8 a; } X;`, "X", "ff02")
	show(`struct { uint8 a; @pad(4); uint8 b; } X;`, "X", "01 000000 02")
	show(`struct { uint16 a; uint16 sum = @internet; } X;`, "X", "0001 fffe")
	show(`struct { uint16 a; uint16 sum = @internet; } X;`, "X", "0001 fffd")
	show(`struct { opaque a<0..9>; uint32 crc = @crc32c(a); } X;`, "X", "0131 204b2517")
	show(`struct { opaque digest[4] = @sha256(a..b); opaque a[1]; opaque b<0..9>; } X;`, "X", "82d34c7d 61 0162")
	show(`struct { opaque digest[16] = @md5(rest); opaque rest[..]; } X;`, "X", "900150983cd24fb0d6963f7d28e17f72 616263")
	// Output:
	// { "a": 2 }
	// { "a": 2 }
	// 0002 <nil>
	// { "a": 1, "b": 2 }
	// { "a": 1 }
	// X.sum at byte 2: checksum: does not agree with what it covers
	// { "a": "31" }
	// { "a": "61", "b": "62" }
	// { "rest": "616263" }
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
	show(`enum { a(1), b(2) } E @closed; struct { E e; select (e) { case a: uint8; case E.b: uint16; }; } X;`, "X", "02 0007")
	show(`enum { a(1), b(2) } E @closed; struct { E e; select (e) { case a: uint8; case b: uint16; }; select (e) { case a: case b: uint8; }; } X;`, "X", "01 07 08")
	show(`enum { a(1) } E @closed; struct { E type; } Inner; struct { Inner inner; select (inner.type) { case a: uint8; }; } X;`, "X", "01 02")
	show(`struct { optional<X> more; uint8 last; } X;`, "X", "01 01 00 01 02 03")
	// Output:
	// { "kind": "number", "number": 258 }
	// { "kind": "pair", "pair": { "x": 1, "y": 2 } }
	// { "kind": "nothing" }
	// { "kind": 4, "other": "0506" }
	// { "more": 0, "b": 2, "c": 3 }
	// { "e": "b", "b": 7 }
	// { "e": "a", "a": 7, "a_2": 8 }
	// { "inner": { "type": "a" }, "a": 2 }
	// { "more": { "more": { "more": null, "last": 1 }, "last": 2 }, "last": 3 }
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
	show(`struct { opaque b[N]; } Y @param(N, uint8); struct { uint8 size; Y y @bind(N, size); } X;`, "X", "02 0304")
	// Output:
	// { "Hash_length": 3, "verify_data": "010203" }
	// { "msg_type": "server_hello", "versions": { "server_hello": { "version": 772 } } }
	// { "Handshake_msg_type": "client_hello", "client_hello": { "versions": [ 772 ] } }
	// Versions.Handshake_msg_type at byte 0: enum: 3 selects nothing
	// { "connection_state": "open", "open": { "x": 7 } }
	// { "size": 2, "y": { "b": "0304" } }
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
	show(`struct { uint8 version; opaque rest[..]; } X; extend X { version = 2; rest @secret; } @max(3);`, "X", "02 0405")
	show(`struct { uint8 length; uint8 a; opaque b<0..9>; } X; extend X { length = sizeof(X) - 1; };`, "X", "03 01 0102")
	// Output:
	// { "kind": "point", "point": { "x": 3, "y": 4 } }
	// { "kind": 2, "body": "0304" }
	// Item at byte 6: trailing: 1 bytes left over before the end that body_length says
	// { "length": 32, "label": "746c733133206b" }
	// { "rest": "0405" }
	// { "a": 1, "b": "02" }
}

func Example_attributes() {
	show(`struct { uint8 a; uint8 b; } P; struct { P p @raw; } X @max(2);`, "X", "0102")
	show(`struct { opaque a<0..9>; } X @max(2);`, "X", "020102")
	// Output:
	// { "p": { "a": 1, "b": 2 } }
	// X at byte 0: range: 3 bytes, more than 2
}

// What is kept or hidden in Go is shown by types of the protocol.
func Example_attributesInGo() {
	keys := wire.HostSecrets{OprfSeed: [64]byte{1, 2, 3}}
	fmt.Println(strings.Contains(keys.String(), "010203"), strings.Contains(keys.String(), "oprf_seed: secret"))

	b, err := (&wire.PeerB3{Box: make([]byte, 16)}).MarshalBinary()
	if err != nil {
		panic(err)
	}
	var p wire.PeerB3
	err = p.UnmarshalBinary(b)
	fmt.Println(string(p.HeadRaw) == string(b[:p.Head.Size()]), err)
	// Output:
	// false true
	// true <nil>
}

// Where an extern value ends, only code says. The interpreter can be told.
func Example_extern() {
	p, errs := gen.Check([]*diag.Source{
		{Name: "names.wire", Text: `extern Zero;`},
		{Name: "example.wire", Text: `import "names.wire"; struct { Zero text; uint8 a; } X;`},
	})
	if err := errs.Err(); err != nil {
		panic(err)
	}
	p.Lookup("Zero").(*types.Extern).Length = func(b []byte) (int, string) {
		if n := strings.IndexByte(string(b), 0); n >= 0 {
			return n + 1, ""
		}
		return 0, string(interp.Short)
	}
	x := p.Lookup("X").(*types.Struct)
	for _, in := range []string{"hi\x00\x07", "hi"} {
		v, err := interp.DecodeAll(x, []byte(in))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(strings.Join(strings.Fields(string(interp.JSON(x, v))), " "))
	}
	// Output:
	// { "text": "686900", "a": 7 }
	// X.text at byte 0: short: no Zero
}
