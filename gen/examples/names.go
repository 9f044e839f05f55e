package examples

import (
	"fmt"
	"strings"

	"sotto/wire/codec"
)

// The longest name, and the largest offset a pointer can have (RFC 1035 sections 2.3.4 and 4.1.4).
const (
	maxName  = 255
	pointers = 0xc0
)

// DomainNameLength says where the name at the front of b ends: behind an empty label or a pointer.
func DomainNameLength(b []byte) (int, error) {
	for n := 0; n < len(b); {
		switch label := int(b[n]); {
		case label == 0:
			return n + 1, nil
		case label >= pointers:
			return n + 2, nil
		case label > 63:
			return 0, fmt.Errorf("%w: a label of the type %#x", codec.ErrRange, label&pointers)
		default:
			n += 1 + label
		}
		if n > maxName {
			return 0, fmt.Errorf("%w: more than %d bytes", codec.ErrRange, maxName)
		}
	}
	return 0, fmt.Errorf("%w: the name has no end", codec.ErrShort)
}

// In writes the name as people do, with a dot behind each label. Its pointers lead into the message it came from.
func (d DomainName) In(message []byte) (string, error) {
	var out strings.Builder
	rest := []byte(d)
	for hops := 0; ; {
		switch {
		case len(rest) == 0:
			return "", codec.ErrShort
		case rest[0] == 0:
			if out.Len() == 0 {
				return ".", nil
			}
			return out.String(), nil
		case rest[0] >= pointers:
			// A pointer leads back, so there are fewer of them than bytes in a name.
			if hops++; hops > maxName || len(rest) < 2 {
				return "", codec.ErrRange
			}
			at := int(rest[0]&^pointers)<<8 | int(rest[1])
			if at >= len(message) {
				return "", codec.ErrRange
			}
			rest = message[at:]
		case len(rest) < 1+int(rest[0]) || out.Len() > maxName:
			return "", codec.ErrRange
		default:
			out.Write(rest[1 : 1+rest[0]])
			out.WriteByte('.')
			rest = rest[1+rest[0]:]
		}
	}
}
