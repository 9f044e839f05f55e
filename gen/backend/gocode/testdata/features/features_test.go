package features

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"sotto/gen"
	"sotto/gen/backend/gocode"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/types"
	"sotto/wire/codec"
)

type message interface {
	Size() int
	AppendBinary(b []byte) ([]byte, error)
	MarshalBinary() ([]byte, error)
	UnmarshalBinary(b []byte) error
	Decode(b []byte) (int, error)
	String() string
}

// all makes a value of each struct of features.wire.
var all = map[string]func() message{
	"Ints": func() message { return new(Ints) }, "Little": func() message { return new(Little) },
	"Bits": func() message { return new(Bits) }, "WideBits": func() message { return new(WideBits) },
	"Named": func() message { return new(Named) }, "Vectors": func() message { return new(Vectors) },
	"Item": func() message { return new(Item) }, "Lists": func() message { return new(Lists) },
	"Greedy": func() message { return new(Greedy) }, "Letter": func() message { return new(Letter) },
	"Tailed": func() message { return new(Tailed) }, "TailedSelect": func() message { return new(TailedSelect) },
	"TailedSelectCase2": func() message { return new(TailedSelectCase2) },
	"Elsewhere":         func() message { return new(Elsewhere) }, "Self": func() message { return new(Self) },
	"SelfLate": func() message { return new(SelfLate) }, "Words": func() message { return new(Words) },
	"Late": func() message { return new(Late) }, "Body": func() message { return new(Body) },
	"BodyCase2": func() message { return new(BodyCase2) }, "Kept": func() message { return new(Kept) },
	"KeptFixed": func() message { return new(KeptFixed) },
	"Arms":      func() message { return new(Arms) }, "Refusing": func() message { return new(Refusing) },
	"Flags": func() message { return new(Flags) }, "Maybe": func() message { return new(Maybe) },
	"Varints": func() message { return new(Varints) }, "Padded": func() message { return new(Padded) },
	"Signed": func() message { return new(Signed) }, "Secrets": func() message { return new(Secrets) },
	"SumInternet": func() message { return new(SumInternet) }, "Sums": func() message { return new(Sums) },
	"Small": func() message { return new(Small) }, "Tree": func() message { return new(Tree) },
	"Grove": func() message { return new(Grove) }, "Forest": func() message { return new(Forest) },
	"Choice": func() message { return new(Choice) }, "ChoiceCase1": func() message { return new(ChoiceCase1) },
	"Nested": func() message { return new(Nested) }, "NestedPoint": func() message { return new(NestedPoint) },
	"NestedTail": func() message { return new(NestedTail) }, "Nothing": func() message { return new(Nothing) },
	"Names":   func() message { return new(Names) },
	"Message": func() message { return new(Message) }, "Hello": func() message { return new(Hello) },
	"Done": func() message { return new(Done) }, "Piece": func() message { return new(Piece) },
	"PieceHello": func() message { return new(PieceHello) }, "PieceDone": func() message { return new(PieceDone) },
	"ClaimBytes": func() message { return new(ClaimBytes) }, "ClaimItems": func() message { return new(ClaimItems) },
	"Large": func() message { return new(Large) }, "Larges": func() message { return new(Larges) },
	"ClaimNumbers": func() message { return new(ClaimNumbers) }, "ClaimMany": func() message { return new(ClaimMany) },
	"Outer": func() message { return new(Outer) }, "OuterHello": func() message { return new(OuterHello) },
	"OuterHello2": func() message { return new(OuterHello2) }, "Box": func() message { return new(Box) },
	"MlsBox": func() message { return new(MlsBox) }, "Boxes": func() message { return new(Boxes) },
	"Holder": func() message { return new(Holder) }, "HolderDeep": func() message { return new(HolderDeep) },
	"LoopLeaf": func() message { return new(LoopLeaf) }, "LoopItem": func() message { return new(LoopItem) },
	"LoopNode": func() message { return new(LoopNode) }, "LoopItemCase2": func() message { return new(LoopItemCase2) },
	"GapPair": func() message { return new(GapPair) }, "Bytes": func() message { return new(Bytes) },
	"Framed": func() message { return new(Framed) }, "FramedItem": func() message { return new(FramedItem) },
	"OwnNames":        func() message { return new(OwnNames) },
	"HolderDeepHello": func() message { return new(HolderDeepHello) },
}

// given makes a value of s with parameters.
func given(s *types.Struct, params map[string]uint64) message {
	m := all[s.Name]()
	for _, p := range s.Params {
		reflect.ValueOf(m).Elem().FieldByName(gocode.GoField(p)).SetUint(params[p.Name])
	}
	return m
}

func program(t testing.TB) *types.Program {
	text, err := os.ReadFile("features.wire")
	if err != nil {
		t.Fatal(err)
	}
	p, errs := gen.Check([]*diag.Source{{Name: "features.wire", Text: string(text)}})
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

var kinds = map[interp.Reason]error{
	interp.Short: codec.ErrShort, interp.Trailing: codec.ErrTrailing, interp.Range: codec.ErrRange,
	interp.Const: codec.ErrConst, interp.Enum: codec.ErrEnum, interp.Checksum: codec.ErrChecksum,
	interp.NotCanonical: codec.ErrNotCanonical, interp.UTF8: codec.ErrUTF8,
}

// check decodes in with the generated code and with the interpreter.
func check(t *testing.T, s *types.Struct, params map[string]uint64, in []byte) {
	t.Helper()
	before := bytes.Clone(in)
	m := given(s, params)
	n, err := m.Decode(in)
	if !bytes.Equal(in, before) {
		t.Fatalf("%s: Decode changed %x", s.Name, before)
	}
	v, want, wantErr := interp.DecodeWith(s, params, in)
	if wantErr != nil {
		var e *codec.Error
		ie := wantErr.(*interp.Error)
		if !errors.As(err, &e) || !errors.Is(err, kinds[ie.Reason]) || e.Offset != ie.Offset || e.Message != s.Name {
			t.Errorf("%s: %x\ngot  %v\nwant %v", s.Name, in, err, wantErr)
		}
		return
	}
	if err != nil || n != want {
		t.Errorf("%s: %x\ngot  %d, %v\nwant %d", s.Name, in, n, err, want)
		return
	}
	_ = m.String()
	out, err := m.AppendBinary([]byte("x"))
	if err != nil {
		t.Fatalf("%s: %x decodes but does not encode: %v", s.Name, in, err)
	}
	out = out[1:]
	if m.Size() != len(out) {
		t.Errorf("%s: %x: Size is %d, the encoding %d bytes", s.Name, in, m.Size(), len(out))
	}
	if s.NotCanonical == "" && !bytes.Equal(out, in[:n]) {
		t.Errorf("%s: encodes to\n     %x\nwant %x", s.Name, out, in[:n])
	}
	if wantOut, err := interp.Encode(s, v); err != nil || !bytes.Equal(out, wantOut) {
		t.Errorf("%s: encodes to\n     %x\nwant %x, %v", s.Name, out, wantOut, err)
	}
	// A reused value decodes to the same.
	if _, err := m.Decode(in); err != nil {
		t.Errorf("%s: %x decodes once, but not twice: %v", s.Name, in, err)
	}
	if again, err := m.MarshalBinary(); err != nil || !bytes.Equal(again, out) {
		t.Errorf("%s: %x: decoded twice it encodes to\n     %x, %v\nwant %x", s.Name, in, again, err, out)
	}
	// UnmarshalBinary wants all of the input, and keeps nothing of it.
	u := given(s, params)
	copied := bytes.Clone(in)
	err = u.UnmarshalBinary(copied)
	if (n < len(in)) != errors.Is(err, codec.ErrTrailing) {
		t.Errorf("%s: UnmarshalBinary of %x, of which %d bytes are used: %v", s.Name, in, n, err)
	}
	if err == nil {
		clear(copied)
		if got, err := u.MarshalBinary(); err != nil || !bytes.Equal(got, out) {
			t.Errorf("%s: UnmarshalBinary kept its input", s.Name)
		}
	}
}

// TestAllocationBound: decoding takes no more memory than the type promises.
func TestAllocationBound(t *testing.T) {
	measure := func(s *types.Struct, params map[string]uint64, in []byte) {
		got, bound := int64(0), int64(0)
		for range 5 { // what else the process does counts as well, but not each time
			m := given(s, params)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := m.Decode(in)
			runtime.ReadMemStats(&after)
			bound = s.Promise().Allocation * int64(len(in))
			if err != nil {
				bound += 4096 // for the error
			}
			if got = int64(after.TotalAlloc - before.TotalAlloc); got <= bound {
				return
			}
		}
		t.Errorf("%s: %d bytes for %d, promised %d: %x", s.Name, got, len(in), bound, in[:min(len(in), 40)])
	}
	zeros := make([]byte, 5000)
	for _, s := range program(t).Structs() {
		for _, sample := range interp.Samples(s, 1) {
			measure(s, interp.Params(s, sample.Value), sample.Bytes)
		}
		measure(s, nil, zeros)
	}
	trees := make([]byte, 4, 1<<16) // a tree of as many nodes as fit
	for len(trees) < 60000 {
		trees = append(trees, 0, 0, 0, 0)
	}
	binary.BigEndian.PutUint16(trees[2:], uint16(len(trees)-4))
	for _, s := range program(t).Structs() {
		if s.Name == "Tree" {
			measure(s, nil, trees)
		}
	}
}

// stream lets bytes arrive as a decoder asks for them.
func stream(t *testing.T, s *types.Struct, params map[string]uint64, in []byte) {
	t.Helper()
	for have := 0; ; {
		n, err := given(s, params).Decode(in[:have])
		if err == nil && n == len(in) {
			return
		}
		more, ok := codec.Missing(err)
		if !ok || have+more > len(in) {
			t.Fatalf("%s: %x: after %d bytes it asks for %d more, %v", s.Name, in, have, more, err)
		}
		have += more
	}
}

// TestMissing: a header is asked for as a whole, then what its length says. What
// ends too early inside bytes that are all there is wrong for good.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
		ok   bool
	}{
		{"", 2, true}, {"\x00", 1, true}, {"\x00\x05", 5, true}, {"\x00\x05\x01\x02\x03", 2, true},
		{"\x00\x00", 0, false},         // a whole message
		{"\x00\x02\x00\x01", 0, false}, // a body that needs more bytes than its length gives it
	} {
		_, err := new(Framed).Decode([]byte(c.in))
		if n, ok := codec.Missing(err); n != c.want || ok != c.ok {
			t.Errorf("%x: %d bytes are missing, %t, want %d, %t: %v", c.in, n, ok, c.want, c.ok, err)
		}
	}
}

// TestAgreesWithInterpreter: samples of each type, cut at each byte, with bytes
// behind them, and with bytes changed.
func TestAgreesWithInterpreter(t *testing.T) {
	structs := program(t).Structs()
	if len(structs) != len(all) {
		t.Errorf("%d structs in features.wire, %d here", len(structs), len(all))
	}
	for _, s := range structs {
		t.Run(s.Name, func(t *testing.T) {
			if all[s.Name] == nil {
				t.Fatal("not in the table")
			}
			r := rand.New(rand.NewPCG(1, 2))
			seen := 0
			for seed := range uint64(3) {
				for _, sample := range interp.Samples(s, seed) {
					in := sample.Bytes
					params := interp.Params(s, sample.Value)
					seen++
					check(t, s, params, in)
					if len(in) > 2000 {
						in = in[:2000]
					}
					if !s.Greedy && len(in) == len(sample.Bytes) {
						stream(t, s, params, in)
					}
					for n := range min(len(in), 300) {
						check(t, s, params, in[:n])
					}
					check(t, s, params, append(bytes.Clone(in), 0, 1, 2))
					for i := range min(len(in), 200) {
						changed := bytes.Clone(in)
						for _, c := range []byte{0, 1, 0xff, in[i] + 1, in[i] - 1, in[i] ^ 0x80, byte(r.Uint32())} {
							changed[i] = c
							check(t, s, params, changed)
						}
					}
				}
			}
			if seen == 0 {
				t.Error("no samples")
			}
			for range 300 {
				in := make([]byte, r.IntN(60))
				for i := range in {
					in[i] = byte(r.Uint32() >> r.IntN(9))
				}
				check(t, s, nil, in)
			}
		})
		if t.Failed() {
			break
		}
	}
}

// A length prefix alone allocates nothing but the error.
func TestLengthAllocatesNothing(t *testing.T) {
	for _, in := range [][]byte{
		{0, 0xff, 0xff, 0xff},
		{0xff, 0xff, 0xff, 0xff},
		bytes.Repeat([]byte{0xff}, 16),
	} {
		for name, make := range all {
			m := make()
			if n := testing.AllocsPerRun(10, func() { m.Decode(in) }); n > 12 {
				t.Errorf("%s: %x allocates %v times", name, in, n)
			}
		}
	}
}

// A header that claims 2^30-1 bytes or elements, with none or few behind it, costs no more than the error.
func TestHugeClaim(t *testing.T) {
	for _, c := range []struct {
		m  message
		in string
	}{
		{new(ClaimBytes), "\xbf\xff\xff\xff"}, {new(ClaimBytes), "\xbf\xff\xff\xffabc"},
		{new(ClaimItems), "\x3f\xff\xff\xff"}, {new(ClaimItems), "\x3f\xff\xff\xff\x00\x01\x02"},
		{new(ClaimNumbers), "\x3f\xff\xff\xff"}, {new(ClaimNumbers), "\x3f\xff\xff\xff12345678"},
		{new(ClaimMany), "\xbf\xff\xff\xff"}, {new(ClaimMany), "\xbf\xff\xff\xff12345678"},
	} {
		in := []byte(c.in)
		const rounds = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			if _, err := c.m.Decode(in); !errors.Is(err, codec.ErrShort) {
				t.Fatalf("%T: %x: %v, want truncated", c.m, in, err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / rounds; n > 1024 {
			t.Errorf("%T: %x costs %d bytes", c.m, in, n)
		}
	}
}

// A message that holds itself nests to a stated depth.
func TestDepth(t *testing.T) {
	deep := func(n int) []byte {
		b := []byte{1, 0, 0, 0}
		for range n {
			b = append([]byte{1, byte(len(b) >> 8), byte(len(b))}, append(b, 0)...)
		}
		return b
	}
	var tree Tree
	if err := tree.UnmarshalBinary(deep(codec.MaxDepth)); err != nil {
		t.Errorf("depth %d: %v", codec.MaxDepth, err)
	}
	err := tree.UnmarshalBinary(deep(codec.MaxDepth + 1))
	if !errors.Is(err, codec.ErrRange) {
		t.Errorf("depth %d: %v, want out of range", codec.MaxDepth+1, err)
	}
	if err := tree.UnmarshalBinary(deep(5000)); !errors.Is(err, codec.ErrRange) {
		t.Errorf("depth 5000: %v, want out of range", err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	m := Secrets{Pin: Pin{0xab, 0xcd}, Pins: []Pin{{0xab, 0xcd}}, Code: 43981, Inner: Item{Value: []byte{0xab, 0xcd}}}
	if s := m.String(); strings.Contains(s, "abcd") || strings.Contains(s, "43981") {
		t.Errorf("String shows a secret: %s", s)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	var m Lists
	err := m.UnmarshalBinary([]byte{6, 1, 1, 9, 2, 5, 0})
	want := "wire: Lists.items[1].value at byte 5: truncated: 1 bytes of 5"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What does not fit is refused, and the buffer stays as it was.
func TestEncodeRefuses(t *testing.T) {
	long := bytes.Repeat([]byte{1}, 70000)
	for _, test := range []struct {
		m    message
		kind error
		text string
	}{
		{&Bits{Three: 8}, codec.ErrRange, "Bits.three"},
		{&Ints{C: 1 << 24}, codec.ErrRange, "Ints.c"},
		{&Named{}, codec.ErrRange, "Named.name"},
		{&Named{Name: Name("x"), Word: "\xff"}, codec.ErrUTF8, "Named.word"},
		{&Named{Name: Name("x"), Picky: 9}, codec.ErrEnum, "Named.picky"},
		{&Vectors{Short: long[:6]}, codec.ErrRange, "Vectors.short"},
		{&Vectors{}, codec.ErrRange, "Vectors.long"},
		{&Arms{Type: 2}, codec.ErrEnum, "Arms.type"},
		{&Late{Data: long[:10]}, codec.ErrRange, "Late.data"},
		{&Words{Options: long[:3]}, codec.ErrRange, "Words.words"},
		{&Words{Options: long[:64]}, codec.ErrRange, "Words.words"},
		{&Self{Payload: long}, codec.ErrRange, "Self.length"},
		{&Elsewhere{Data: long}, codec.ErrRange, "Elsewhere.length"},
		{&Small{A: long[:9]}, codec.ErrRange, "Small"},
		{&Varints{A: 1 << 62}, codec.ErrRange, "Varints.a"},
		{&Lists{Items: []Item{{Value: long[:11]}}}, codec.ErrRange, "Lists.items[0].value"},
	} {
		b, err := test.m.AppendBinary([]byte("before"))
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text+" ") || string(b) != "before" {
			t.Errorf("%v: %q, %v, want an error %q of %s", test.m, b, err, test.kind, test.text)
		}
	}
}
