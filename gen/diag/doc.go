// Package diag holds what the compiler says about a source: spans, diagnostics
// and how they are shown.
//
// A diagnostic has a code, and each code is documented by a program in
// gen/testdata/errors that triggers it; a test runs them all.
package diag
