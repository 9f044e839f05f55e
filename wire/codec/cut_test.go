package codec

import (
	"errors"
	"testing"
)

// A Cut says what the decoder found, field by field.
func TestCut(t *testing.T) {
	plain := Layout{Message: "M", Fields: []string{"a", "b"}, Ends: []int{2, 6}}
	sized := Layout{Message: "M", Fields: []string{"a", "length", "b"}, Ends: []int{2, 4, 8}, Length: "length"}
	for _, tt := range []struct {
		cut     Cut
		text    string
		kind    error
		missing int
	}{
		{Cut{&plain, 0, 0}, "wire: M.a at byte 0: truncated: 0 bytes of 2", ErrShort, 6},
		{Cut{&plain, 1, 0}, "wire: M.a at byte 0: truncated: 1 bytes of 2", ErrShort, 5},
		{Cut{&plain, 5, 0}, "wire: M.b at byte 2: truncated: 3 bytes of 4", ErrShort, 1},
		{Cut{&sized, 1, 0}, "wire: M.a at byte 0: truncated: 1 bytes of 2", ErrShort, 3},
		{Cut{&sized, 3, 0}, "wire: M.length at byte 2: truncated: 1 bytes of 2", ErrShort, 1},
		{Cut{&sized, 4, 9}, "wire: M.length at byte 2: truncated: 4 bytes of 9", ErrShort, 5},
		{Cut{&sized, 9, 10}, "wire: M.length at byte 2: truncated: 9 bytes of 10", ErrShort, 1},
		{Cut{&sized, 9, 3}, "wire: M.length at byte 2: out of range: 3 is below 4", ErrRange, 0},
		{Cut{&sized, 9, 6}, "wire: M.b at byte 4: truncated: 2 bytes of 4", ErrShort, 0},
	} {
		var err error = tt.cut
		var e *Error
		if err.Error() != tt.text || !errors.As(err, &e) || e.Error() != tt.text || !errors.Is(err, tt.kind) {
			t.Errorf("%d bytes, length %d:\ngot  %v\nwant %s", tt.cut.Have, tt.cut.Says, err, tt.text)
		}
		if n, ok := Missing(err); n != tt.missing || ok != (tt.missing > 0) {
			t.Errorf("%v: %d bytes are missing, %v, want %d", err, n, ok, tt.missing)
		}
		if n, ok := Missing(Inside(err)); ok {
			t.Errorf("%v: inside something %d bytes are missing", err, n)
		}
		if err := Within(err, "N", "m", 10); err.Error() != "wire: N.m."+tt.text[len("wire: M."):len("wire: M.")+len(e.Field)]+
			" at byte 1"+tt.text[len("wire: M.")+len(e.Field)+len(" at byte "):] {
			t.Errorf("within: %v", err)
		}
	}
}
