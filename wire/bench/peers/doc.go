// Peers adds protobuf and gopacket to the measurements of package bench and prints a table: medians of processor time,
// and their ratio to code written by hand. It has a module of its own, so that the dependencies are not those of Sotto.
//
// Their formats are not ours, so only time can be compared: protobuf has its own, and gopacket's TCP is the real one with
// 20 bytes.
//
//	go run . -rounds 6 -time 200ms
//
// peers.pb.go is made of peers.proto by protoc 3.21.12 and protoc-gen-go v1.36.12.
package main

//go:generate protoc --go_out=. peers.proto
