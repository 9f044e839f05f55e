// Package grammar writes random specs in the wire language, for tests.
//
// It turns bytes into the text of a spec that follows the grammar and, mostly, all other rules. Each choice takes one
// byte of the input, so that a fuzzer that changes a byte changes one thing; when none is left the first choice is
// taken. It knows nothing of the compiler.
package grammar
