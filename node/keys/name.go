package keys

import (
	"errors"
	"strings"
)

// maxName is the longest name of a user in bytes.
const maxName = 32

// ErrName says that a name is not one that a user can have.
var ErrName = errors.New("a name has 1 to 32 characters of A-Z a-z 0-9 _ . - and is not only dots")

// CheckName returns ErrName unless the name is one that a user can have. Names of
// dots alone are refused because folders are named after users.
func CheckName(name string) error {
	if len(name) < 1 || len(name) > maxName || strings.Trim(name, ".") == "" {
		return ErrName
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return ErrName
		}
	}
	return nil
}

// Fold returns a name in lower case. Two names are the same user when they fold
// to the same. Only ASCII letters have case here.
func Fold(name string) string {
	folded := []byte(name)
	for i, c := range folded {
		if 'A' <= c && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}
