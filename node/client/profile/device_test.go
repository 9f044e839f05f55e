package profile

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"sotto/node/store/disk"
)

func TestDevice(t *testing.T) {
	p, err := Open(t.TempDir() + "/profile")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Device(); !errors.Is(err, ErrNotFound) {
		t.Errorf("no device yet: %v, want ErrNotFound", err)
	}
	for _, want := range []string{"first", "second"} {
		if err := p.SetDevice([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if b, err := p.Device(); err != nil || string(b) != want {
			t.Errorf("got %q, %v; want %q", b, err, want)
		}
	}
	path := p.folder.Path(deviceFile)
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
	// "mode 0644 → refuse with one clear line."
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var insecure *disk.InsecureError
	if _, err := p.Device(); !errors.As(err, &insecure) {
		t.Errorf("mode 0644: %v, want an InsecureError", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"second", "third"} {
		if err := p.SetAsideDevice(); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(fmt.Sprintf("%s.%d", path, n+1)); err != nil || string(b) != want {
			t.Errorf("set aside: %q, %v; want %q", b, err, want)
		}
		if err := p.SetDevice([]byte("third")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := p.DropDevice(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Device(); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was dropped: %v, want ErrNotFound", err)
	}
}
