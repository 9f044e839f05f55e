package codec

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"testing"
)

// RFC 9000 appendix A.1 gives these.
func TestVarintExamples(t *testing.T) {
	for _, test := range []struct {
		in   []byte
		want uint64
	}{
		{[]byte{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 151288809941952652},
		{[]byte{0x9d, 0x7f, 0x3e, 0x7d}, 494878333},
		{[]byte{0x7b, 0xbd}, 15293},
		{[]byte{0x25}, 37},
	} {
		got, n := Varint(test.in)
		if got != test.want || n != len(test.in) {
			t.Errorf("Varint(%x) = %d, %d, want %d, %d", test.in, got, n, test.want, len(test.in))
		}
		if b := AppendVarint(nil, test.want); string(b) != string(test.in) || VarintSize(test.want) != len(b) {
			t.Errorf("AppendVarint(%d) = %x, want %x", test.want, b, test.in)
		}
		for i := range test.in {
			if _, n := Varint(test.in[:i]); n != 0 {
				t.Errorf("Varint(%x) takes %d bytes, want 0: it is truncated", test.in[:i], n)
			}
		}
	}
}

func TestVarintBorders(t *testing.T) {
	for _, v := range []uint64{0, 63, 64, 1<<14 - 1, 1 << 14, 1<<30 - 1, 1 << 30, MaxVarint} {
		b := AppendVarint(nil, v)
		if got, n := Varint(b); got != v || n != len(b) || n != VarintSize(v) {
			t.Errorf("%d: %x reads as %d, %d bytes", v, b, got, n)
		}
		b = AppendLEB128(nil, v)
		if got, n := LEB128(b); got != v || n != len(b) || n != LEB128Size(v) {
			t.Errorf("%d: leb128 %x reads as %d, %d bytes", v, b, got, n)
		}
	}
	if _, n := VarintMLS(AppendVarint(nil, 1<<30)); n >= 0 {
		t.Errorf("a length of 31 bits is accepted")
	}
	if _, n := LEB128([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}); n >= 0 {
		t.Errorf("a leb128 of 65 bits is accepted")
	}
}

// The example of RFC 1071 section 3 sums to ddf2.
func TestInternet(t *testing.T) {
	in := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := Internet(in, Gap{}); got != [2]byte{0x22, 0x0d} {
		t.Errorf("got %x, want 220d", got)
	}
	// With the checksum in its place the sum is zero.
	with := append(in, 0x22, 0x0d)
	if got := Internet(with, Gap{}); got != [2]byte{} {
		t.Errorf("over its own checksum: got %x, want 0000", got)
	}
	if got := Internet(with, Gap{8, 10}); got != [2]byte{0x22, 0x0d} {
		t.Errorf("with a gap: got %x, want 220d", got)
	}
}

// A gap counts as zeros.
func TestGap(t *testing.T) {
	b := []byte("0123456789")
	zeroed := []byte("01\x00\x00\x00\x00\x00\x00\x009")
	if got, want := SHA256(b, Hole(2, 7, 10)), sha256.Sum256(zeroed); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	want := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	if got := CRC32C(b, Hole(-4, 4, 10)); fmt.Sprintf("%x", got) != fmt.Sprintf("%08x", want) {
		t.Errorf("a checksum outside: got %x, want %08x", got, want)
	}
}

func TestSolve(t *testing.T) {
	for _, test := range []struct {
		value            uint64
		div, plus, times int64
		want             uint64
		ok               bool
	}{
		{5, 4, 20, 1, 0, true}, // ihl = (20 + sizeof(options)) / 4
		{6, 4, 20, 1, 4, true},
		{4, 4, 20, 1, 0, false}, // less than the header
		{3, 1, 0, 2, 0, false},  // no whole number
		{math.MaxUint64, 1, 0, 1, 1 << 40, true},
	} {
		got, ok := Solve(test.value, test.div, test.plus, test.times)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("Solve(%d, %d, %d, %d) = %d, %t, want %d, %t", test.value, test.div, test.plus, test.times, got, ok, test.want, test.ok)
		}
	}
	if Quotient(7, 4) != -1 || Quotient(-4, 4) != -1 || Quotient(8, 4) != 2 {
		t.Error("Quotient")
	}
}

func TestPad(t *testing.T) {
	for _, test := range []struct{ n, to, want int }{{0, 64, 0}, {1, 64, 63}, {64, 64, 0}, {65, 64, 63}, {5, 3, 1}} {
		if got := Pad(test.n, test.to); got != test.want {
			t.Errorf("Pad(%d, %d) = %d, want %d", test.n, test.to, got, test.want)
		}
	}
}

func TestErrorPath(t *testing.T) {
	err := Short("AckRange", "end", 2, 1, 8)
	err = Within(err, "Ack", Index("ranges", 3), 10)
	err = Within(err, "Segment", "ack", 5)
	want := "wire: Segment.ack.ranges[3].end at byte 17: truncated: 1 bytes of 8"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	var e *Error
	if !errors.Is(err, ErrShort) || !errors.As(err, &e) || e.Message != "Segment" || e.Field != "ack.ranges[3].end" || e.Offset != 17 {
		t.Errorf("got %#v", e)
	}
	if Within(nil, "A", "b", 1) != nil {
		t.Error("Within makes an error of nil")
	}
	whole := Within(Trailing("Inner", "", 4, 2), "Outer", "inner", 1)
	if want := "wire: Outer.inner at byte 5: trailing bytes: 2"; whole.Error() != want {
		t.Errorf("got  %s\nwant %s", whole, want)
	}
}

func TestExtendReuses(t *testing.T) {
	s := []([]byte){make([]byte, 3, 10)}
	s = Extend(s[:0])
	if len(s) != 1 || cap(s[0]) != 10 {
		t.Errorf("the element was not used again: %v", s)
	}
}

func TestText(t *testing.T) {
	long := make([]byte, 40)
	if got := string(AppendBytes(nil, long)); len(got) > 90 || got[len(got)-10:] != "(40 bytes)" {
		t.Errorf("got %s", got)
	}
	if got := EnumText("Type", 7); got != "Type(7)" {
		t.Errorf("got %s", got)
	}
}
