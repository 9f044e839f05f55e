package types_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto/gen/diag"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

func check(t *testing.T, text string) *types.Program {
	t.Helper()
	errs := &diag.List{}
	f := syntax.Parse(&diag.Source{Name: "test.wire", Text: text}, errs)
	p := types.Check([]*syntax.File{f}, errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func structNamed(t *testing.T, p *types.Program, name string) *types.Struct {
	t.Helper()
	s, ok := p.Lookup(name).(*types.Struct)
	if !ok {
		t.Fatalf("no struct %s", name)
	}
	return s
}

func TestSizes(t *testing.T) {
	p := check(t, `
struct { uint3 a; uint5 b; uint16 c; opaque d[4]; } Fixed;
struct { opaque a<1..300>; Fixed b; } Prefixed;
struct { Fixed list{0..3}; varint v; } Counted;
struct { opaque rest[..]; uint32 tail; } Rest;
struct { uint8 kind; select (kind) { case 1: Fixed; case 2: Prefixed; }; } Choice;
struct { uint8 a; @pad(16); } Padded;
struct { uint8 length = sizeof(Bounded); opaque rest[..]; } Bounded;
struct { opaque rest[..]; } Limited @max(9);
struct { uint8 flag; uint32 a @if(flag); optional<uint8> b; } Maybe;
struct { Tree children<0..255>; uint16 a; } Tree;
`)
	for name, want := range map[string]string{
		"Fixed": "7..7", "Prefixed": "10..309", "Counted": "2..30", "Rest": "4..", "Choice": "8..310",
		"Padded": "16..16", "Bounded": "1..255", "Limited": "0..9", "Maybe": "2..", "Tree": "3..258",
	} {
		size := structNamed(t, p, name).Size().Bytes()
		got := fmt.Sprintf("%d..%d", size.Min, size.Max)
		if size.Max == types.Unlimited {
			got = fmt.Sprintf("%d..", size.Min)
		}
		if got != want {
			t.Errorf("%s has %s bytes, want %s", name, got, want)
		}
	}
}

// Offsets are known up to the first field of varying size.
func TestOffsets(t *testing.T) {
	s := structNamed(t, check(t, `struct { uint4 a; uint12 b; uint8 c; opaque d<0..3>; uint8 e; } A;`), "A")
	var got []int64
	for _, f := range s.Fields() {
		got = append(got, f.Offset)
	}
	if diff := cmp.Diff([]int64{0, 4, 16, 24, -1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDerived(t *testing.T) {
	p := check(t, `
struct { opaque x<0..9>; } Head;
struct {
    uint8 a = sizeof(A);
    uint16 b = (20 + sizeof(options)) / 4;
    uint8 c = sizeof(head) + sizeof(body) + sizeof(fixed);
    uint8 n;
    opaque fixed[6];
    Head head;
    opaque options[..];
    opaque body[..];
    uint8 items{n};
    uint8 last = sizeof(head);
} A;
`)
	s := structNamed(t, p, "A")
	name := func(m types.Member) string {
		if f, ok := m.(*types.Field); ok {
			return f.Name
		}
		return "-"
	}
	var got []string
	for _, f := range s.Fields() {
		d := f.Derived
		if d == nil {
			continue
		}
		line := fmt.Sprintf("%s*%d = %d", f.Name, d.Div, d.Plus)
		for _, t := range d.Terms {
			line += fmt.Sprintf(" + %d*%s", t.Times, name(t.Of))
		}
		line += " confines " + name(d.Confines)
		if d.Self {
			line += "self"
		}
		got = append(got, line)
	}
	want := []string{
		"a*1 = 0 + 1*- confines -self",
		"b*4 = 20 + 1*options confines options",
		"c*1 = 6 + 1*head + 1*body confines body",
		"n*1 = 0 + 1*items confines -",
		"last*1 = 0 + 1*head confines -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is not canonical says which field is to blame, however deep.
func TestCanonical(t *testing.T) {
	p := check(t, `
struct { uint8 a; opaque b<0..9>; } Good;
struct { uint8 zero = 0 @ignore; } Ignoring;
struct { Good good; Ignoring bad<0..9>; } Holding;
struct { varint v @any; } Long;
struct { uint8 x; Ring2 next<0..9>; } Ring1;
struct { uint8 x; Ring1 next<0..9>; leb128 n @any; } Ring2;
`)
	for name, want := range map[string]string{
		"Good":     "",
		"Ignoring": "zero: any value is accepted",
		"Holding":  "bad.zero: any value is accepted",
		"Long":     "v: longer forms of the varint are accepted",
		"Ring1":    "next.n: longer forms of the varint are accepted",
		"Ring2":    "n: longer forms of the varint are accepted",
	} {
		if got := structNamed(t, p, name).NotCanonical; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Labels are looked up in the selector's own enum only: in RFC 9420 "case reinit"
// of a Proposal is 5, though two other enums have a reinit that is 2.
func TestLabelsOfTheSelector(t *testing.T) {
	p := check(t, `
enum { reinit(2), (255) } ResumptionPSKUsage;
enum { add(1), reinit(5), (65535) } ProposalType @closed;
struct { ProposalType type; select (type) { case add: uint8; case reinit: uint16; }; } Proposal;
`)
	sel := structNamed(t, p, "Proposal").Members[1].(*types.Select)
	if got := sel.Arms[1].Labels[0].Value; got != 5 {
		t.Errorf("case reinit is %d, want 5", got)
	}
	if sel.Arm(5) != sel.Arms[1] || sel.Arm(2) != nil {
		t.Error("Arm finds the wrong case")
	}
}

// An open enum whose body's length is known keeps unknown bodies.
func TestUnknownBodies(t *testing.T) {
	p := check(t, `
enum { a(1), (255) } E;
struct { E e; uint8 n = sizeof(body); select (e) { case a: uint8; } body; } Known;
`)
	sel := structNamed(t, p, "Known").Members[2].(*types.Select)
	if sel.Default == nil || sel.Default.Fields[0].Name != "unknown" || !types.IsGreedy(sel.Default.Fields[0].Type) {
		t.Errorf("default is %+v", sel.Default)
	}
}

// What an RFC leaves to prose is added from outside.
func TestExtend(t *testing.T) {
	p := check(t, `
enum { a(1), (255) } E;
struct { E e; uint8 version; select (e) { case a: uint8; }; } S;
extend E { b(2) } @closed;
extend S { case b: uint16; };
extend S { version = 4; } @max(9);
`)
	e := p.Lookup("E").(*types.Enum)
	s := structNamed(t, p, "S")
	if !e.Closed || e.Find("b") == nil || s.MaxBytes != 9 {
		t.Errorf("closed %t, b %v, max %d", e.Closed, e.Find("b"), s.MaxBytes)
	}
	if f := s.Fields()[1]; f.Const == nil || f.Const.Number != 4 {
		t.Errorf("version is %+v", f.Const)
	}
	if sel := s.Members[2].(*types.Select); len(sel.Arms) != 2 {
		t.Errorf("%d cases, want 2", len(sel.Arms))
	}
}

func TestRecursive(t *testing.T) {
	p := check(t, `
struct { Tree children<0..99>; } Tree;
struct { Tree tree; } Holder;
struct { Pong pong<0..9>; } Ping;
struct { optional<Ping> ping; } Pong;
`)
	var got []string
	for _, s := range p.Structs() {
		if s.Recursive {
			got = append(got, s.Name)
		}
	}
	if want := "Tree Ping Pong"; strings.Join(got, " ") != want {
		t.Errorf("recursive: %v, want %s", got, want)
	}
}

// A name that is declared in another struct is a parameter. Who holds the struct
// gives it: a field of that name, or one of a struct that lies before it.
func TestParameters(t *testing.T) {
	p := check(t, `
enum { a(1), b(2), (255) } Kind;
struct { Kind kind; Inner inner; } Head;
struct { select (Head.kind) { case a: uint8; case b: Leaf; }; } Inner;
struct { opaque x[Head.kind_length]; } Leaf @param(Head.kind_length, uint8);
struct { Head head; Inner inner; } Pair;
struct { optional<Inner> list; opaque tag[size.of_tag]; } Loose @param(size.of_tag, uint16);
`)
	for name, want := range map[string]string{
		"Inner": "Head.kind Head.kind_length", "Leaf": "Head.kind_length",
		"Pair": "Head.kind_length", "Loose": "size.of_tag Head.kind Head.kind_length",
	} {
		var got []string
		for _, x := range structNamed(t, p, name).Params {
			got = append(got, x.Param)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has the parameters %v, want %s", name, got, want)
		}
	}
	pair := structNamed(t, p, "Pair")
	for _, b := range pair.Fields()[1].Binds {
		if b.To.Param == "Head.kind" && (len(b.From.Path) != 2 || b.From.Path[0] != pair.Fields()[0]) {
			t.Errorf("Pair gives its inner the kind %+v", b.From)
		}
	}
}

// "case a: case b: T;" is a case of both, as in RFC 9420.
func TestCaseWithoutMember(t *testing.T) {
	p := check(t, `
enum { a(1), b(2), c(3), (255) } Kind @closed;
struct { Kind kind; select (kind) { case a: case b: uint8; case c: }; } S;
`)
	sel := structNamed(t, p, "S").Members[1].(*types.Select)
	if len(sel.Arms) != 2 || sel.Arm(1) != sel.Arm(2) || len(sel.Arm(1).Fields) != 1 || len(sel.Arm(3).Fields) != 0 {
		t.Errorf("%d cases, a is %+v, c is %+v", len(sel.Arms), sel.Arm(1), sel.Arm(3))
	}
}

// Two selects of one struct may have the same labels, as in RFC 9420's LeafNodeTBS.
func TestSameLabelsTwice(t *testing.T) {
	p := check(t, `
enum { a(1), b(2), (255) } Kind @closed;
struct { Kind kind; select (kind) { case a: uint8; case b: uint8 x; }; select (kind) { case a: uint8; case b: uint8 x; }; } S;
`)
	s := structNamed(t, p, "S")
	var got []string
	for f := range s.AllFields() {
		got = append(got, f.Name)
	}
	if want := "kind a b a_2 b_2"; strings.Join(got, " ") != want {
		t.Errorf("fields %v, want %s", got, want)
	}
}

// Numbers without an enum get their names from outside, and bytes their structs.
func TestNamesAndBodiesFromOutside(t *testing.T) {
	p := check(t, `
uint16 Kind;
struct { Kind kind; opaque body<V>; } Item;
extend Kind { first(1), (65535) } @closed;
extend Item { select (kind) { case first: uint32; } body; };
`)
	if e := p.Lookup("Kind").(*types.Enum); e.Int.Bits != 16 || !e.Closed || e.Find("first") == nil {
		t.Errorf("Kind is %+v", e)
	}
	s := structNamed(t, p, "Item")
	sel, ok := s.Members[2].(*types.Select)
	if !ok || sel.ConfinedBy != s.Fields()[1] || sel.Default == nil || sel.Default.Fields[0].Name != "body" {
		t.Errorf("the body is %+v", s.Members)
	}
}
