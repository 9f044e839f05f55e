package main

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

// What is measured is real: protobuf reads back what it wrote, and hand comes first of each message and operation.
func TestCases(t *testing.T) {
	for _, m := range []proto.Message{newPacket(), newSegment(), newHello()} {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back := m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(b, back); err != nil || !proto.Equal(m, back) {
			t.Errorf("%v came back as %v, %v", m, back, err)
		}
	}
	last := ""
	for _, c := range cases() {
		if what := c.Message + " " + c.Operation; what != last && c.Way != "hand" {
			t.Errorf("%s begins with %s", what, c.Way)
		} else {
			last = what
		}
	}
}

func Benchmark(b *testing.B) {
	for _, c := range cases() {
		b.Run(c.Message+"/"+c.Operation+"/"+c.Way, func(b *testing.B) {
			b.ReportAllocs()
			c.Run(b)
		})
	}
}
