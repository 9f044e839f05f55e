// Package fuzzcode writes fuzz targets and tests for generated codecs.
//
// For each source there is one fuzz target, whose input begins with a byte that chooses the type, and three tests
// that run its seeds cut at every byte, lengthened, and with every length in them changed. What is checked stands in
// one file of its own, engine.go.txt, and needs only the standard library and the codec package, so the output can be
// used outside this repository. A second decoder to compare with can be set there.
package fuzzcode
