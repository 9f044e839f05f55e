package codec

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What can be wrong with bytes or with a value. An Error matches one of these
// with errors.Is.
var (
	ErrShort        = errors.New("truncated")
	ErrTrailing     = errors.New("trailing bytes")
	ErrRange        = errors.New("out of range")
	ErrConst        = errors.New("not the constant")
	ErrEnum         = errors.New("unknown value")
	ErrChecksum     = errors.New("wrong checksum")
	ErrNotCanonical = errors.New("not canonical")
	ErrUTF8         = errors.New("not UTF-8")
)

// An Error says which field of which message is wrong, and why.
type Error struct {
	Message string // the type that was decoded or encoded: "Segment"
	Field   string // path to the field: "acks[2].end"; empty for the message itself
	Offset  int    // where the field begins, in bytes from the start of the message
	Err     error  // wraps one of the sentinels

	missing int // bytes that are needed at least before decoding can go on
}

// Error returns "wire: Segment.acks[2].end at byte 17: ...".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("wire: ")
	b.WriteString(e.Message)
	if e.Field != "" {
		b.WriteByte('.')
		b.WriteString(e.Field)
	}
	b.WriteString(" at byte ")
	b.WriteString(strconv.Itoa(e.Offset))
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns what the error wraps.
func (e *Error) Unwrap() error { return e.Err }

// A reason is a sentinel with the numbers that explain it, formatted when asked.
type reason struct {
	kind error
	text string // with a %d for each number
	a, b uint64
}

func (r *reason) Error() string {
	switch strings.Count(r.text, "%d") {
	case 0:
		return r.kind.Error() + ": " + r.text
	case 1:
		return r.kind.Error() + ": " + fmt.Sprintf(r.text, r.a)
	}
	return r.kind.Error() + ": " + fmt.Sprintf(r.text, r.a, r.b)
}

func (r *reason) Unwrap() error { return r.kind }

// The functions below make errors. They are not inlined: they are off the path
// that matters, and generated functions stay small without them.

// Short says that only have of the need bytes of a field are there.
//
//go:noinline
func Short(message, field string, at, have, need int) error {
	return ShortBy(message, field, at, have, uint64(need))
}

// ShortBy is Short for a length that was read from the input.
//
//go:noinline
func ShortBy(message, field string, at, have int, need uint64) error {
	have = max(have, 0)
	return &Error{
		Message: message, Field: field, Offset: at, Err: &reason{ErrShort, "%d bytes of %d", uint64(have), need},
		missing: int(min(need-uint64(have), math.MaxInt)),
	}
}

// Trailing says that n bytes are left behind a message or in a region.
//
//go:noinline
func Trailing(message, field string, at, n int) error {
	return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrTrailing, "%d", uint64(n), 0}}
}

// Below and Above say that a length or a number is outside its limits.
//
//go:noinline
func Below(message, field string, at int, have, limit uint64) error {
	return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrRange, "%d is below %d", have, limit}}
}

// Above says that a length or a number is above its limit.
//
//go:noinline
func Above(message, field string, at int, have, limit uint64) error {
	return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrRange, "%d is above %d", have, limit}}
}

// Mismatch says that a length is not that of what it describes.
//
//go:noinline
func Mismatch(message, field string, at int, have, want uint64) error {
	return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrRange, "the length says %d, but it is %d", have, want}}
}

// Uneven says that n bytes at offset at are no whole number of elements: the last
// one is cut short.
//
//go:noinline
func Uneven(message, field string, at, n, size int) error {
	return Short(message, Index(field, n/size), at+n-n%size, n%size, size)
}

// BadExtern says that a value of an extern type, with have bytes left for it, is refused
// with err or has no possible length n.
//
//go:noinline
func BadExtern(message, field string, at, have, n int, err error) error {
	if err != nil {
		return &Error{Message: message, Field: field, Offset: at, Err: err}
	}
	if n > have {
		return ShortBy(message, field, at, have, uint64(n))
	}
	return Mismatch(message, field, at, uint64(have), uint64(max(n, 0)))
}

// Fail says no more than the kind of error.
//
//go:noinline
func Fail(message, field string, at int, kind error) error {
	return &Error{Message: message, Field: field, Offset: at, Err: kind}
}

// Unknown says that an enum has no such value.
//
//go:noinline
func Unknown(message, field string, at int, have uint64) error {
	return &Error{Message: message, Field: field, Offset: at, Err: &reason{ErrEnum, "%d", have, 0}}
}

// Within puts an error of a nested message into the one that holds it at offset
// at. It returns nil for nil.
//
//go:noinline
func Within(err error, message, field string, at int) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	path := field
	if e.Field != "" && path != "" {
		path += "."
	}
	return &Error{Message: message, Field: path + e.Field, Offset: at + e.Offset, Err: e.Err, missing: e.missing}
}

// Index returns the path of an element.
//
//go:noinline
func Index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// MaxDepth is how deep messages that hold themselves may nest, so that no input
// exhausts the stack. The number is arbitrary.
const MaxDepth = 64
