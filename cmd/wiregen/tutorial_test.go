package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTutorial follows spec/TUTORIAL.md: it writes its files, runs its commands and compares what they print.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and fuzzes")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell here")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "spec", "TUTORIAL.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	printed := ""
	for _, block := range strings.Split("\n"+string(text), "\n```")[1:] {
		head, body, _ := strings.Cut(block, "\n")
		kind, name, _ := strings.Cut(head, " ")
		switch kind {
		case "file":
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		case "sh":
			cmd := exec.Command("sh", "-ec", body)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SOTTO="+root, "GOWORK=off")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s\n%v\n%s", body, err, out)
			}
			printed = string(out)
		case "output":
			// go run adds a line of its own where a program fails.
			if got := strings.ReplaceAll(printed, "exit status 1\n", ""); got != body+"\n" {
				t.Errorf("got:\n%s\nwant:\n%s", got, body)
			}
		}
	}
}
