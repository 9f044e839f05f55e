package spec_test

import (
	"testing"

	"sotto/gen"
)

// BenchmarkCompile compiles the whole spec to Go, as go generate does for package wire.
func BenchmarkCompile(b *testing.B) {
	all := sources(b, ".")
	for _, kinds := range [][]string{{"go"}, {"go", "doc", "lua"}} {
		b.Run(kinds[len(kinds)-1], func(b *testing.B) {
			for b.Loop() {
				out, err := gen.Compile(all, gen.Options{Package: "wire", Emit: kinds, Title: "Sotto", Root: "Packet"})
				if err != nil || len(out) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}
