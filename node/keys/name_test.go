package keys

import (
	"strings"
	"testing"

	"sotto/wire"
)

// Empty, 33 bytes, NUL, '/', "..", space, bidi and homoglyph letters, invalid UTF-8.
func TestAttack04Names(t *testing.T) {
	for _, bad := range []string{
		"", strings.Repeat("a", 33), "a\x00", "a/b", `a\b`, "..", ".", "...", "a b", " a", "a\n", "\u202ebob", "\u0430lice",
		"\xff", "alicé", "a:b", "a@b", "~", "\x1b[31m",
	} {
		if CheckName(bad) == nil {
			t.Errorf("%q is taken for a name", bad)
		}
	}
	for _, good := range []string{"a", "Alice", "a.b", "_", "-x", "0", ".hidden", strings.Repeat("Z", 32)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if Fold("ALIce_0.-Z") != "alice_0.-z" || Fold("alice") != Fold("ALICE") {
		t.Error("names differ that are the same user")
	}
}

func TestFingerprintAndSafetyNumber(t *testing.T) {
	a, b := Party{"Alice", wire.KeyId{1}}, Party{"Bob", wire.KeyId{2}}
	number := SafetyNumber(a, b)
	if number != SafetyNumber(b, a) {
		t.Error("the two sides see different numbers")
	}
	groups := strings.Fields(number)
	if len(groups) != 12 || len(number) != 12*5+11 || strings.Trim(number, "0123456789 ") != "" {
		t.Errorf("number = %q, want 12 groups of 5 digits", number)
	}
	if SafetyNumber(Party{"ALICE", a.Key}, b) != number {
		t.Error("the spelling of a name counts")
	}
	for _, other := range []Party{{"Alicia", a.Key}, {"Alice", wire.KeyId{3}}, {"Bob", a.Key}} {
		if SafetyNumber(other, b) == number {
			t.Errorf("%v has Alice's number", other)
		}
	}
	if got := Fingerprint(wire.KeyId{}); got != "10117 76465 69905 50364 16533 04654" {
		t.Errorf("fingerprint = %q", got)
	}
	if want := "21032 18467 74004 69809 55678 60640 44214 99645 96568 04409 16961 91263"; number != want {
		t.Errorf("number = %q, want %q as ever", number, want)
	}
}
