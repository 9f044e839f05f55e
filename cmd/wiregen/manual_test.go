package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The manual names every command and every flag that the program has.
func TestManualIsComplete(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-h"}, nil, &out, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main.go", "convert.go", "format.go", "vet.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`set\.(?:String|Bool|Int|Func)\("(\w+)"`).FindAllSubmatch(text, -1) {
			if !strings.Contains(out.String(), "-"+string(m[1])) {
				t.Errorf("the manual leaves out -%s of %s", m[1], name)
			}
		}
		for _, m := range regexp.MustCompile(`case "([a-z]+)":\n\t\t\treturn`).FindAllSubmatch(text, -1) {
			if !strings.Contains(out.String(), "\n    "+string(m[1])+" ") {
				t.Errorf("the manual leaves out the command %s", m[1])
			}
		}
	}
}
