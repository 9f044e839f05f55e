// Package features holds what the compiler makes of features.wire, which uses
// every form of the language. The tests compare the generated code with the
// interpreter, byte by byte.
package features
