package main

import (
	"encoding/binary"
	"testing"

	"google.golang.org/protobuf/proto"

	"sotto/wire/bench"
)

// What is decoded stands in package variables, so that no store is left out for want of a reader.
var (
	packet  Packet
	segment Segment
	hello   Hello
	sink    int
)

func newPacket() *Packet {
	m := bench.NewPacket()
	return &Packet{
		Source: binary.BigEndian.Uint32(m.Source[:]), Destination: binary.BigEndian.Uint32(m.Destination[:]),
		Checksum: m.Checksum[:], Payload: m.Payload,
	}
}

func newSegment() *Segment {
	m := bench.NewSegment()
	return &Segment{
		SourcePort: uint32(m.SourcePort), DestinationPort: uint32(m.DestinationPort),
		Sequence: m.Sequence, Acknowledgment: m.Acknowledgment, Flags: uint32(m.Flags), Payload: m.Payload,
	}
}

func newHello() *Hello {
	m := bench.NewHello()
	h := &Hello{Version: uint32(m.Version), Random: m.Random[:], SessionId: m.SessionId, Compression: m.Compression}
	for _, s := range m.CipherSuites {
		h.CipherSuites = append(h.CipherSuites, uint32(s))
	}
	for _, e := range m.Extensions {
		h.Extensions = append(h.Extensions, &Extension{Type: uint32(e.Type), Data: e.Data})
	}
	return h
}

// protobuf returns the measurements of a message. It has no way to decode without a copy.
func protobuf(name string, m, into proto.Message) []bench.Case {
	in, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return []bench.Case{
		{Message: name, Operation: "append", Way: "protobuf", Run: func(b *testing.B) {
			var buf []byte
			for b.Loop() {
				buf, _ = proto.MarshalOptions{}.MarshalAppend(buf[:0], m)
			}
		}},
		{Message: name, Operation: "marshal", Way: "protobuf", Run: func(b *testing.B) {
			for b.Loop() {
				buf, _ := proto.Marshal(m)
				sink += len(buf)
			}
		}},
		{Message: name, Operation: "decode", Way: "protobuf", Run: func(b *testing.B) {
			for b.Loop() {
				if err := proto.Unmarshal(in, into); err != nil {
					b.Fatal(err)
				}
			}
		}},
	}
}
