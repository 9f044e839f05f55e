// Package codec is what generated encoders and decoders need at run time:
// errors, varints, checksums and the text of String methods. It imports nothing
// but the standard library and has no state.
//
// People who use generated code meet Error, which errors.As finds in what a decoder
// returns, and the sentinels. The rest is for
// the generated code and may change together with it; Revision ties the two.
package codec

// Revision1 is named by every generated file. A change of this package that old
// generated code can't live with renames it, so that a mismatch doesn't compile.
const Revision1 = 1
