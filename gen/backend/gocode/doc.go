// Package gocode writes Go encoders and decoders for a checked program.
//
// The output is meant to be read. Each struct gets a Go struct, Size,
// AppendBinary, MarshalBinary, UnmarshalBinary, Decode and String. A run of
// members of fixed size is one block: one length check, one condition for all
// that can be wrong with it, and one function off the fast path that finds out
// what it was. A struct that is little more than such a block (flat.go) is decoded
// without any call, so that Go inlines it; an element of a vector (simple.go) is
// read and written in the loop.
//
// All of it is as gofmt writes it, but most was never shown to gofmt, which takes longer
// than the rest of the compiler (format.go).
//
// It does not decide anything about the language; types has done that.
package gocode
