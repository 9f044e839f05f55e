package interp

import "fmt"

// A Reason is the kind of an error, in step with the sentinels of wire/codec, which the interpreter does not import:
// it shares nothing with generated code.
type Reason string

const (
	Short        Reason = "short"
	Trailing     Reason = "trailing"
	Range        Reason = "range"
	Const        Reason = "const"
	Enum         Reason = "enum"
	Checksum     Reason = "checksum"
	NotCanonical Reason = "not canonical"
	UTF8         Reason = "utf8"

	// Extern is a value of an extern type whose Go code isn't there.
	Extern Reason = "extern"
)

// An Error says what was wrong with bytes or with a value, and where.
type Error struct {
	Message string // the type asked for
	Field   string // path below it, "acks[2].end"; empty for the message itself
	Offset  int    // in bytes from the start of the input; of no meaning when encoding
	Reason  Reason
	Detail  string
}

func (e *Error) Error() string {
	at := e.Message
	if e.Field != "" {
		at += "." + e.Field
	}
	return fmt.Sprintf("%s at byte %d: %s: %s", at, e.Offset, e.Reason, e.Detail)
}
