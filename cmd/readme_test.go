package cmd_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestReadmeSession pastes the README's session into a shell, with a free port
// and folders of its own, and reads what it shows.
func TestReadmeSession(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash on this machine")
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "\n```sh\n")
	session, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatal("README.md has no session in a ```sh block")
	}
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
	c.Close()

	bin, home := t.TempDir(), t.TempDir()
	// A session that fails must not leave a server behind, which would hold the pipe open.
	const trap = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	shell := exec.Command(bash, "-e", "-c", trap+strings.ReplaceAll(session, "5000", port))
	shell.Dir = ".."
	shell.Env = append(os.Environ(), "GOBIN="+bin, "XDG_STATE_HOME="+home,
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the session fails: %v\n%s", err, out)
	}
	for _, want := range []string{" Bob: hello there\n", "queued for Bob"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the session doesn't show %q:\n%s", want, out)
		}
	}
}
