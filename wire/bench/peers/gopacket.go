package main

import (
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"sotto/wire/bench"
)

var tcp layers.TCP // what is decoded

// withGopacket returns the measurements of a segment.
func withGopacket() []bench.Case {
	m := bench.NewSegment()
	options := gopacket.SerializeOptions{FixLengths: true}
	payload := gopacket.Payload(m.Payload)
	header := &layers.TCP{
		SrcPort: layers.TCPPort(m.SourcePort), DstPort: layers.TCPPort(m.DestinationPort),
		Seq: m.Sequence, Ack: m.Acknowledgment, ACK: true, PSH: true, DataOffset: 5,
	}
	in := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(in, options, header, payload); err != nil {
		panic(err)
	}
	return []bench.Case{
		{Message: "segment", Operation: "append", Way: "gopacket", Run: func(b *testing.B) {
			buf := gopacket.NewSerializeBuffer()
			for b.Loop() {
				if buf.Clear() != nil || payload.SerializeTo(buf, options) != nil || header.SerializeTo(buf, options) != nil {
					b.Fatal("refused")
				}
			}
		}},
		{Message: "segment", Operation: "marshal", Way: "gopacket", Run: func(b *testing.B) {
			for b.Loop() {
				buf := gopacket.NewSerializeBuffer()
				if err := gopacket.SerializeLayers(buf, options, header, payload); err != nil {
					b.Fatal(err)
				}
				sink += len(buf.Bytes())
			}
		}},
		{Message: "segment", Operation: "decode", Way: "gopacket", Run: func(b *testing.B) {
			for b.Loop() {
				if err := tcp.DecodeFromBytes(in.Bytes(), gopacket.NilDecodeFeedback); err != nil {
					b.Fatal(err)
				}
			}
		}},
	}
}
