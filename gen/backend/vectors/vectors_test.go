package vectors_test

import (
	"bytes"
	"errors"
	"testing"

	"sotto/gen/backend/vectors"
	"sotto/gen/diag"
	"sotto/gen/interp"
	"sotto/gen/syntax"
	"sotto/gen/types"
)

const source = `
enum { hello(0), bye(1), (255) } Kind @closed;

struct { varint number; } Bye;

struct {
    uint8 version = 1;
    Kind kind;
    select (kind) {
        case hello: @utf8 name<1..32>;
        case bye: Bye;
    };
    opaque sum[4] = @crc32c(M);
} M;

struct {} Empty;

struct { opaque verify_data[Hash.length]; uint8 last = 7; } Finished @param(Hash.length, uint8);
`

// TestVectors reads back what File writes: the interpreter says the same to each, and every kind of error that M
// can give is there.
func TestVectors(t *testing.T) {
	var errs diag.List
	p := types.Check([]*syntax.File{syntax.Parse(&diag.Source{Name: "test.wire", Text: source}, &errs)}, &errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	text := vectors.File(p.Files[0])
	if again := vectors.File(p.Files[0]); !bytes.Equal(text, again) {
		t.Error("the same program gave other vectors")
	}
	all, err := vectors.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	kinds, finished := map[interp.Reason]int{}, map[interp.Reason]int{}
	for _, v := range all {
		s := p.Lookup(v.Type).(*types.Struct)
		if v.Fields != nil {
			want, err := interp.ParseJSON(s, v.Fields)
			if err != nil {
				t.Fatal(err)
			}
			got, err := interp.DecodeAllWith(s, interp.Params(s, want), v.Bytes)
			if err != nil {
				t.Errorf("%s %x: %v", v.Type, v.Bytes, err)
			} else if json := interp.JSON(s, got); !bytes.Equal(json, v.Fields) {
				t.Errorf("%s %x:\ngot  %swant %s", v.Type, v.Bytes, json, v.Fields)
			}
			if v.Type == "M" {
				kinds[""]++
			}
			continue
		}
		_, err := interp.DecodeAllWith(s, v.Params, v.Bytes)
		var e *interp.Error
		if !errors.As(err, &e) || e.Reason != v.Reason || e.Offset != v.Offset || e.Field != v.Field {
			t.Errorf("%s %x: got %v, want %s at byte %d: %s", v.Type, v.Bytes, err, v.Reason, v.Offset, v.Field)
		}
		if v.Type == "M" {
			kinds[v.Reason]++
		}
		if v.Type == "Finished" {
			finished[v.Reason]++
			if _, ok := v.Params["Hash_length"]; !ok {
				t.Errorf("a Finished to refuse as %s has no Hash_length", v.Reason)
			}
		}
	}
	if kinds[""] < 3 {
		t.Errorf("%d vectors to accept, want one for each case and the smallest", kinds[""])
	}
	if len(finished) != 3 { // short, trailing, const
		t.Errorf("a struct with a parameter is refused for %v", finished)
	}
	for _, r := range []interp.Reason{interp.Short, interp.Trailing, interp.Range, interp.Const, interp.Enum, interp.Checksum, interp.NotCanonical, interp.UTF8} {
		if kinds[r] != 1 {
			t.Errorf("%d vectors to refuse as %s, want 1\n%s", kinds[r], r, text)
		}
	}
}
