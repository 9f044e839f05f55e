package client

import (
	"fmt"
	"unicode/utf8"
)

// MaxText is the largest message in bytes of UTF-8.
const MaxText = 1 << 20

// checkText says why a text cannot be a message. Empty text can.
func checkText(text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("%w: %d kB, limit %d kB", ErrTooLong, (len(text)+1023)/1024, MaxText/1024)
	}
	if !utf8.ValidString(text) {
		return ErrNotText
	}
	return nil
}
