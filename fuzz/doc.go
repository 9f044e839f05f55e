// Package fuzz holds the fuzz targets.
//
// The files *_gen_test.go come from the spec: for each of its files one target, whose first byte chooses the type, and
// tests over the same seeds. What they find is compared with the interpreter (oracle_test.go). The other targets are
// written by hand: the compiler, from text and from random specs that follow the grammar. What it makes of these is
// compiled, too, and compared with the interpreter (TestRandomSpecsAgree).
//
//	go test -run '^$' -fuzz FuzzSegmentWire -fuzzminimizetime 5x ./fuzz
//
// Without the last flag Go spends most of the time on making long inputs shorter.
package fuzz
