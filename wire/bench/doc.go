// Package bench measures generated codecs beside other ways to do the same in Go, side by side in one run.
//
// Three messages: a Packet with a header of 26 bytes and a payload of 64, a Segment with one of 13 and a payload of 64,
// and a Hello of 251 bytes with 16 suites and 8 extensions. Three operations: append to a buffer with room, marshal into
// a new one, and decode into a value that is used again and may alias its input. Four ways:
//
//	wiregen          what the compiler makes of bench.wire
//	hand             what somebody writes by hand who wants it fast (hand.go)
//	cryptobyte       golang.org/x/crypto/cryptobyte, as crypto/tls does it
//	encoding/binary  structs of the headers and reflection; no Hello, which has no fixed part
//
// In each comparison wiregen should take at most 1.2 times as long as hand, with as many allocations: none to append or
// decode, one to marshal. The tests check the allocations, and that all ways agree.
//
//	go test -bench . ./wire/bench
//
// The folder peers has a module of its own, so that its dependencies are not ours. It adds protobuf and gopacket, which
// have formats of their own, and prints a table of medians:
//
//	cd wire/bench/peers && go run .
//
// results.md holds the last one that was worth keeping.
package bench

//go:generate go tool wiregen -o . bench.wire
