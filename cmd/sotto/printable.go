package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable writes a text that somebody else chose so that it stays on its
// line and cannot act on the terminal: control characters, line breaks, ESC,
// the characters that turn the direction of writing, other invisible format
// characters and bytes that are not UTF-8 become escapes, and a backslash two,
// so that what is printed tells what was written. Everything else is kept.
func printable(text string) string {
	clean := true
	for i, r := range text {
		if !plain(r) || r == utf8.RuneError && text[i] != 0xEF {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case plain(r):
			b.WriteString(text[i : i+n])
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

// plain reports whether a character is printed as it is. The zero width joiner
// and non-joiner are: scripts and emoji need them, and they move nothing.
func plain(r rune) bool {
	switch {
	case r == '\\':
		return false
	case r == ' ', r == '\u200c', r == '\u200d':
		return true
	case r == '\u2028', r == '\u2029':
		return false
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return false
	}
	return true
}
