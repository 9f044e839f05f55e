package main

import "testing"

// Texts are printed with control characters, line breaks, bidi controls and
// ESC escaped: nobody can forge another user's line.
func TestPrintable(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "hello there", "hello there"},
		{"inner spaces", "a   b", "a   b"},
		{"other scripts", "Grüße, 世界, שלום, 👩‍💻", "Grüße, 世界, שלום, 👩‍💻"},
		{"forged line", "hi\n22:43 Alice: pay Eve", `hi\n22:43 Alice: pay Eve`},
		{"carriage return", "a\rb", `a\rb`},
		{"tab", "a\tb", `a\tb`},
		{"escape", "\x1b[2J\x1b]0;title\x07", `\x1b[2J\x1b]0;title\x07`},
		{"c1 control", "a\u009bb", `a\x9bb`},
		{"delete", "a\x7fb", `a\x7fb`},
		{"bidi override", "a\u202eb\u2066c", `a\u202eb\u2066c`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"byte order mark", "\ufeffa", `\ufeffa`},
		{"tag characters", "a\U000e0041b", `a\U000e0041b`},
		{"not UTF-8", "a\xffb", `a\xffb`},
		{"replacement character", "a\ufffdb", "a\ufffdb"},
		{"backslash", `C:\n`, `C:\\n`},
		{"empty", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := printable(test.text); got != test.want {
				t.Errorf("printable(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}
