// Package gen is the compiler of the wire language: sources in, named files and
// diagnostics out. It touches no disk.
//
// The language is described in package spec. The phases, each a folder that
// imports only those before it:
//
//	diag     spans, diagnostics and how they are shown
//	syntax   text to tree and back
//	types    tree to checked program: names, numbers, layout, what is derived
//	interp   walks the checked program over bytes: slow, obvious, the oracle
//	backend  checked program to Go, fuzz targets, documents and more
package gen
