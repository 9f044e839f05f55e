package codec

import "errors"

// Missing reports whether an error of Decode says that the input ends too early,
// and how many more bytes are needed at least before it is worth trying again. A
// stream is read so:
//
//	n, err := m.Decode(buf)
//	more, ok := codec.Missing(err)
//
// If ok, read at least more bytes behind buf and begin again; following the number
// to the byte never reads beyond the end of the message. Otherwise the message is
// there, in buf[:n], or is wrong and no more bytes will make it right: a length
// inside it leads out of what holds it. A type that takes all of its input has no
// end to wait for.
func Missing(err error) (n int, ok bool) {
	var e *Error
	if !errors.As(err, &e) || e.missing <= 0 {
		return 0, false
	}
	return e.missing, true
}

// Inside marks an error from bytes that a length has cut out. No more input makes
// them right.
//
//go:noinline
func Inside(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.missing = 0
	return e
}

// Lacking marks an error as one that n more bytes are needed for, if it comes from
// the end of the input: a block has more fields behind the one that is cut.
//
//go:noinline
func Lacking(err error, n int) error {
	var e *Error
	if !errors.As(err, &e) || e.missing == 0 {
		return err
	}
	e.missing = n
	return e
}
