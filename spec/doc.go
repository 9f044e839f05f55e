/*
Package spec holds the protocol: the .wire files from which package wire is
generated. It is written for an implementer in any language. What a file declares is
described where it is declared; wire/PROTOCOL.md is all of it as one document.

What follows is the reference of the language. It is a superset of the notation of
RFC 8446 section 3 and RFC 9420 section 2. What is ours begins with @ or is a form
that the notation cannot contain, and there are no reserved words: a field may be
called length, type or struct.

# Files

All files that are compiled together are one program with one name space; the order of
declarations has no meaning. A comment, // or between stars, that stands directly above
a declaration or a field, or behind a field, documents it. import "x.wire" says that
a file needs another; it must be among the sources.

	const MAX = 2^14 - 1;                 numbers of 64 bits with + - * / ^ and parentheses
	enum { ... } Name;
	struct { ... } Name;
	opaque Hash[32];                      a named type: any type, with any vector behind it
	extend Name { ... } @attributes;      adds to a declaration from outside

An extend block adds values to an enum, cases to the first select of a struct, or
constants and attributes to its fields, so that text from an RFC stays as it is. More of
that is said under "What an RFC leaves to prose". For each form there is an example in
example_test.go that "go test" runs.

# Numbers

	uint8 uint16 uint24 ... uint64        big-endian
	uint16le ... uint64le                 little-endian
	uint1 ... uint63                      bits, the most significant first
	@lsb(16) { uint12 a; uint4 b; }       a group of 8, 16, 32 or 64 bits, the least significant first
	varint                                QUIC (RFC 9000 section 16), 1 to 8 bytes
	leb128                                little-endian groups of seven bits, at most 64 bits in all

Bits may stand anywhere in a struct, also across bytes, but a run of them ends on a byte
before anything else begins. A varint has its shortest form; @any accepts longer ones.

In Go a number is the smallest unsigned integer that holds it, and uint1 is a bool. The
encoder refuses a value that has more bits than the field.

	enum { hello(0), retry(1), block(16..31), (255) } Type;

An enum is written in as many bytes as its largest value needs; a value in parentheses
without a name only raises that. Of a field "Color c = blue" is a constant, and Color.blue
says the same. @bits(n) gives a width in bits. A range of values may
have one name. Unknown values are kept, unless the enum is @closed: then both
decoder and encoder refuse them.

# Vectors

	opaque x[16];                 16 bytes                         [16]byte
	opaque x<0..2^16-1>;          a length in front                []byte
	opaque x<V>;                  RFC 9420: a length of 1, 2 or 4 bytes, shortest form
	opaque x<0..100 : varint>;    a length of another type
	opaque x[..];                 what is left of the region
	@utf8 name<1..32>;            text, checked to be UTF-8        string
	T x<0..2^16-1>;  T x[32];     elements of any type; the lengths count bytes
	T x{3};  T x{0..5};           the lengths count elements
	T x{0..5 : varint};           the number of them in front is of another type

The ceiling of <a..b> sets the width of the length in front: one byte up to 255, two up
to 65535 and so on. As in the RFCs, lengths count bytes: "uint32 x[4]" is one number,
and the compiler warns of it. What follows x[..] must have a fixed size.

# What no grammar says well

	extern DomainName;            a type of bytes of which only Go code knows where it ends: []byte

Its package has a function, written by a person, that says how many bytes at the front of b a
value takes, or an error over one of the sentinels of package codec:

	func DomainNameLength(b []byte) (n int, err error)

It is called to decode and, with the value itself, to encode. The interpreter has no such
function unless types.Extern.Length is set, so "wiregen decode" stops at an extern field.

# Lengths and counts that stand elsewhere

	uint16 length;  opaque x[length];                 x has length bytes
	uint8 n;        T x{n};                           n elements
	uint16 length = sizeof(Packet);                   the struct itself, from its first to its last byte
	uint24 length = sizeof(body);                     a field, or a select with a name
	uint8 n = count(items);
	uint4 words = (20 + sizeof(options)) / 4;         sums, each size times a number, divided by a number

Such a field is derived: the encoder computes it, the decoder checks it and it has no
place in Go. If it comes before what it measures, it sets its region: what it measures is
decoded in exactly that many bytes and must use them all. Of a sum it is the last
part whose region is set. A derived field that comes last is only checked.

# Constants, padding, checksums

	uint8 version = 1;                    checked when decoding, no place in Go
	opaque magic[4] = "wire";
	uint5 reserved = 0 @ignore;           written as 0, anything accepted: the type is not canonical
	@pad(64);                             zeros until the size of the struct so far is a multiple of 64
	uint16 sum = @internet;               over the whole struct, with the field itself as zeros
	uint32 crc = @crc32c(a..b);           over the fields a to b
	opaque digest[8] = @sha256(a);        cut to the field's size; @md5 is there for old formats

# Choices

	select (type) {
	    case hello: Hello;                a type: the Go struct has a field Hello
	    case data, more: opaque x[..];    fields: they become a struct of their own, here PacketData
	    case ping: struct {};             nothing
	    default: opaque unknown[..];      its fields stand in the Go struct under their own names
	};
	T x @if(flag);   T x @if(!flag);      there if an earlier number is not zero, or is
	optional<T> x;                        a byte 0, or 1 and a T                   *T

The selector is an earlier number or enum. Labels are looked up in its own enum and
nowhere else. A select on an open enum needs a default, so that unknown values have
a body; where a length says how long that is, it is kept as bytes without one. Of the
fields of a select only that of the selected case has a meaning, and only it is encoded.

"case a: case b: T;" is the same as "case a, b: T;". If a second select of a struct has
the labels of the first, its fields are called a_2, b_2 and so on. The selector may lie
deeper: "select (content.sender.type)" looks into the earlier field content. A struct
that stands without a name in another sees the fields of that under its name, as
in "select (Packet.type)".

# Parameters

What a struct needs and does not hold is a parameter of it:

	select (Handshake.msg_type) { ... };  the field of another struct, and of its type
	opaque verify_data[Hash.length];      what is declared nowhere is a uint64
	select (connection state) { ... };    words outside of brackets are joined: connection_state
	struct { ... } X @param(Hash.length, uint8);

A select needs to know the type: that of the field, what @param says, or for "select
(certificate_type)" the enum CertificateType. A name that nothing declares may be a slip,
so the compiler warns of it unless @param says that it is meant.

A struct that holds X binds its parameters if it can. P.f is bound by the struct P to its
own earlier field f, and elsewhere to the f of the one earlier field that is a P; a bare
name by an earlier field of that name. What it can't bind is a parameter of the holder
in turn, and @bind says what else is meant:

	X x @bind(FramedContent.content_type, PrivateMessage.content_type);

In Go a parameter is an exported field, HashLength or HandshakeMsgType, which is set before
decoding or encoding the outermost struct:

	m := tls.Finished{HashLength: 32}
	n, err := m.Decode(b)

Decode sets those of all that lies inside; encoders go by what the holder says. A vector
whose length is a parameter must have that length to be encoded. In a select on a parameter
a value without a case is refused. Not every field can be bound: not those in cases, not
conditional ones and not derived ones.

# What an RFC leaves to prose

	uint16 ProposalType;                  extend ProposalType { add(1), (65535) }; makes it an enum
	uint16 length = Length;               a name declared nowhere: a field that the caller fills in
	opaque label<7..255> = "tls13 " + Label;    the same, and its bytes begin with tls13
	extend Extension {                    what lies in the bytes of a field
	    select (extension_type) {
	        case cookie: Cookie;
	    } extension_data;
	};

Of such a field the length is derived, and what has no case is kept as bytes in a field of
its own name. It has to be opaque x<V>, or x<0..c> with the largest c for its width. extend
also closes enums (extend E @closed), which RFCs do in the text, and says of which
part a length is (extend Handshake { length = sizeof(Handshake) - 4; };).

# Attributes

	T x @raw;                             the exact bytes are kept as well, in XRaw: what a signature is over
	opaque key[32] @secret;               never shown by String or in an error
	struct { ... } X @max(1400);          more bytes than that are an error
	enum { ... } E @closed @bits(3);

# What is generated

For each struct X:

	func (m *X) Size() int
	func (m *X) AppendBinary(b []byte) ([]byte, error)
	func (m *X) MarshalBinary() ([]byte, error)
	func (m *X) UnmarshalBinary(b []byte) error     // copies; trailing bytes are an error
	func (m *X) Decode(b []byte) (int, error)       // aliases b, reuses the slices of m; how many bytes it took
	func (m *X) String() string

Names become CamelCase: key_id is KeyId, MAX_SIZE is MaxSize. A field that would have the
name of a method gets an underscore behind it.

In every error errors.As finds a *codec.Error, over one of the sentinels of package codec.
Bytes are read from left to right and the first field that is wrong is the one reported,
at the byte where it begins; for a vector that is its length. A length is checked when it
is known what it should be, a checksum when the struct is complete.

A decoder that is given the front of a message says how many bytes more it needs at least:

	more, ok := codec.Missing(err)

Who follows that to the byte reads a message from a stream without reading into the next
one. If not ok the input is complete, or wrong in a way that no more bytes help: what
ends too early inside a length is wrong for good. A type that takes all of its region
needs a frame around it on a stream.

# What is promised

No input makes a decoder panic, read outside its input, or allocate more than a fixed
multiple of its length: a length in front of a vector allocates nothing. A message that holds
itself nests at most codec.MaxDepth deep. Bytes that decode encode to the same bytes,
unless the type says in its comment which field prevents it. "wiregen check" prints for
each type whether that holds, its sizes, the multiple and the depth.

# Grammar

	File   = { Decl } .
	Decl   = "enum" "{" Values "}" Name { Attr } ";"
	       | "struct" "{" { Member } "}" Name { Attr } ";"
	       | { Attr } Type Name [ Vector ] { Attr } ";"
	       | "const" Name "=" Expr ";" | "import" String ";" | "extern" Name ";"
	       | "extend" Name [ "{" ( Values | { Arm } | { Select } | { Set } ) "}" ] { Attr } ";" .
	Values = [ Value { "," Value } ] .
	Value  = Name [ "(" Expr [ ".." Expr ] ")" ] | "(" Expr ")" .
	Member = Field | Select | "@pad" "(" Expr ")" ";" | "@lsb" "(" Expr ")" "{" { Field } "}" [ ";" ] .
	Field  = { Attr } Type [ Name [ Vector ] ] [ "=" Expr ] { Attr } ";" .
	Type   = Name [ "<" Type ">" ] | "struct" "{" { Member } "}" .
	Vector = "[" ( ".." | Expr ) "]" | "{" Expr [ ".." Expr [ ":" Type ] ] "}"
	       | "<" ( "V" | Expr ".." Expr [ ":" Type ] ) ">" .
	Select = "select" "(" Name { Name } { "." Name } ")" "{" { Arm } "}" [ Name ] ";" .
	Arm    = ( "case" Expr { "," Expr } | "default" ) ":" { Field | Select } .
	Set    = Name [ "=" Expr ] { Attr } ";" .
	Attr   = "@" Name [ "(" Expr [ ".." Expr ] { "," Expr } ")" ] .
	Expr   = Number | String | Name { "." Name } | Name "(" Expr ")" | Attr | "!" Expr
	       | Expr ( "+" | "-" | "*" | "/" | "^" ) Expr | "(" Expr ")" .

A number is decimal, or has 0x or 0b in front.
*/
package spec

//go:generate go tool wiregen fmt -w .
//go:generate go tool wiregen -o ../wire -pkg wire -emit go,doc,lua -title Sotto -lua packet.lua packet.wire segment.wire session.wire identity.wire channel.wire log.wire message.wire opaque.wire classic chat.wire store.wire
//go:generate go tool wiregen -o ../fuzz -pkg fuzz -emit fuzz -codecs sotto/wire packet.wire segment.wire session.wire identity.wire channel.wire log.wire message.wire opaque.wire classic chat.wire store.wire
//go:generate go tool wiregen -o vectors -emit vectors packet.wire segment.wire session.wire identity.wire channel.wire log.wire message.wire opaque.wire classic chat.wire store.wire
