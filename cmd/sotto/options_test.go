package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The original's command line is read word for word.
func TestParse(t *testing.T) {
	defaults := options{host: "127.0.0.1", port: 5000, fd: -1, timeout: 30 * time.Second}
	with := func(change func(*options)) *options {
		o := defaults
		change(&o)
		return &o
	}
	tests := []struct {
		line string
		want *options
	}{
		{"-u Bob -p Bob -sip 127.0.0.1 -sp 5000", with(func(o *options) { o.user, o.password, o.passwordSet = "Bob", "Bob", true })},
		{"-u Bob -p -", with(func(o *options) { o.user, o.password, o.passwordSet = "Bob", "-", true })},
		{"--u Bob --sip ::1 list", with(func(o *options) { o.user, o.host, o.command, o.args = "Bob", "::1", "list", []string{} })},
		{"-u Bob send Alice -p x", with(func(o *options) { o.user, o.command, o.args = "Bob", "send", []string{"Alice", "-p", "x"} })},
		{"-u Bob -password-fd 3 -state d -relay send Alice", with(func(o *options) {
			o.user, o.fd, o.state, o.relay, o.command, o.args = "Bob", 3, "d", true, "send", []string{"Alice"}
		})},
		{"demo", with(func(o *options) { o.command, o.args = "demo", []string{} })},
		{"-version", with(func(o *options) { o.version = true })},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			got, err := parse(strings.Fields(test.line))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, test.want, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// A wrong command line is refused before anything is done, with exit code 2.
func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"":                             "say who you are",
		"-u Bob nonsense":              `no command "nonsense"`,
		"-nonsense":                    "flag provided but not defined",
		"-u Bob send":                  "usage: sotto [flags] send WHO",
		"-u Bob list all":              "usage: sotto [flags] list",
		"-u Bob list -sp 1":            "flags come before the command",
		"-u Bob -sp 0":                 "-sp 0 is no port",
		"-u Bob -timeout -1s":          "negative",
		"-u Bob -p x -password-file y": "give one of",
		"-u Bob trust Alice":           "usage: sotto [flags] trust WHO DIGITS",
	} {
		_, err := parse(strings.Fields(line))
		var f *failure
		if !errors.As(err, &f) || f.code != exitUsage || !strings.Contains(f.line, want) {
			t.Errorf("sotto %s: %v, want exit %d with %q", line, err, exitUsage, want)
		}
	}
	for _, line := range []string{"-h", "join -h", "-u Bob send --help", "-u Bob list -help"} {
		if _, err := parse(strings.Fields(line)); !errors.Is(err, errHelp) {
			t.Errorf("sotto %s: %v, want help", line, err)
		}
	}
}

// Every command has its place in the manual and in the list of names.
func TestCommandsAreInTheManual(t *testing.T) {
	for _, name := range commandNames {
		if _, ok := commands[name]; !ok {
			t.Errorf("%s is named but no command", name)
		}
		if name != "help" && name != "version" && !strings.Contains(manual, name) {
			t.Errorf("the manual does not tell of %s", name)
		}
	}
	if len(commandNames) != len(commands)-1 {
		t.Errorf("%d names for %d commands", len(commandNames), len(commands)-1)
	}
	for _, line := range strings.Split(manual, "\n") {
		if len(line) > 120 {
			t.Errorf("a line of the manual has %d characters: %s", len(line), line)
		}
	}
}

// One space ends a word; the rest of the line is the message as it was typed.
func TestCut(t *testing.T) {
	for line, want := range map[string][2]string{
		"send Alice hello there": {"send", "Alice hello there"},
		"  list":                 {"list", ""},
		"Alice  two spaces ":     {"Alice", " two spaces "},
		"":                       {"", ""},
		"list":                   {"list", ""},
	} {
		if word, rest := cut(line); word != want[0] || rest != want[1] {
			t.Errorf("cut(%q) = %q, %q, want %q", line, word, rest, want)
		}
	}
}
