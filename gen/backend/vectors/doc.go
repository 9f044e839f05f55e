// Package vectors writes test vectors: for every struct of a file bytes with the fields they say, and bytes that must be
// refused, one for each kind of error that the struct can give.
//
// The interpreter makes them, so that generated code is tested against something else than itself, and so can be an
// implementation in any language. Equal programs give equal vectors.
//
// # Form
//
// A file of vectors is a txtar archive. A section of bytes that are accepted holds the bytes in hex, an empty line and the
// fields as JSON:
//
//	-- accept StreamWindowSegment 1 --
//	05 4080
//
//	{"stream": 5, "limit": 128}
//
// A section of bytes that are refused has the reason, the byte where the wrong field starts and its path in place of JSON:
//
//	-- refuse StreamWindowSegment short --
//	05
//
//	short at byte 1: limit
package vectors
