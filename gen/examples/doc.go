// Package examples holds specs of protocols from real life and the code that the compiler makes of them, so that one can
// see what the wire language looks like in use and what it gives. Nothing here is used by the rest.
//
// captures.txtar has captured or published bytes of each; they decode and encode identically, in generated code and in
// the interpreter.
//
// What the examples leave out: TLS extensions beyond those of a key exchange, NTP extension fields, the pseudo header of
// UDP's and TCP's checksums, and the CRC of PNG, which is carried and not checked, since it is another than @crc32c.
package examples

//go:generate go tool wiregen -o . -pkg examples -emit go,fuzz -codecs sotto/gen/examples .
