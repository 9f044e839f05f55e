// Package interp walks a checked program over bytes, without generated code.
//
// It is the oracle that generated codecs are compared with, so it is written to be obviously right: one bit at a time,
// one field after the other, nothing computed ahead. It shares nothing with generated code but the program.
//
//	v, n, err := interp.Decode(s, input)   // s is a *types.Struct
//	b, err := interp.Encode(s, v)
//	text := interp.JSON(s, v)              // and back with ParseJSON
//
// Sample makes values of a type, for vectors and seeds.
//
// # Errors
//
// Bytes are read from left to right and the first field that is wrong is the one reported, at the byte where it
// starts: for a vector that is its length prefix, for a bit field the byte that holds its first bit. A derived length is
// compared when everything that it measures has been read, a checksum when the struct is complete; both are reported
// where they stand. Bytes left over are reported at the first of them.
package interp
