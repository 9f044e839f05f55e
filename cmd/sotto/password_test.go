package main

import (
	"bufio"
	"errors"
	"strings"
	"testing"
)

// The password is typed without echo, with the keys that edit a line
// everywhere.
func TestTypedPassword(t *testing.T) {
	for typed, want := range map[string]string{
		"secret\r":            "secret",
		"secret\nrest":        "secret",
		"secrex\x7ft\r":       "secret",
		"grü\x7fün\r":         "grün",
		"\x7f\x08secret\r":    "secret",
		"wrong\x15secret\r":   "secret",
		" spaces are kept \r": " spaces are kept ",
	} {
		if got, err := typedPassword(strings.NewReader(typed)); err != nil || string(got) != want {
			t.Errorf("%q gives %q, %v, want %q", typed, got, err, want)
		}
	}
	for typed, code := range map[string]int{
		"\r": exitUsage, "": exitUsage, "sec": exitUsage, "sec\x04": exitUsage, "sec\x03": exitInterrupted,
		strings.Repeat("x", passwordMax+1): exitUsage,
	} {
		var f *failure
		if _, err := typedPassword(strings.NewReader(typed)); !errors.As(err, &f) || f.code != code {
			t.Errorf("%.10q: %v, want exit %d", typed, err, code)
		}
	}
}

// A file's first line is the password, with or without an end.
func TestPasswordLine(t *testing.T) {
	for file, want := range map[string]string{"secret\nrest\n": "secret", "secret\r\n": "secret", "secret": "secret"} {
		if got, err := passwordLine(bufio.NewReader(strings.NewReader(file)), "f"); err != nil || string(got) != want {
			t.Errorf("%q gives %q, %v, want %q", file, got, err, want)
		}
	}
	for _, file := range []string{"", "\nsecret", strings.Repeat("x", passwordMax+2)} {
		if _, err := passwordLine(bufio.NewReader(strings.NewReader(file)), "f"); err == nil {
			t.Errorf("%.10q is taken", file)
		}
	}
}
