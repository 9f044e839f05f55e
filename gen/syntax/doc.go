// Package syntax turns the text of a .wire file into a tree, and formats it.
//
// The grammar is a superset of the TLS presentation language (RFC 8446 section
// 3). There are no reserved words: struct, enum, select, const and the others
// are keywords only where a declaration or a member begins, so that a field may
// be called length, type or version. What is ours begins with @ or is a form
// that the notation cannot contain.
//
// The tree says what was written, not what it means: names are not looked up
// here. Above each node stands its production.
package syntax
