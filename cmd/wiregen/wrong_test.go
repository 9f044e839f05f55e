package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is asked wrongly, the answer says what is wrong with it.
func TestWrongUse(t *testing.T) {
	dir := t.TempDir()
	file := write1(t, dir, "m.wire", "struct { uint8 a; } M;\n")
	write1(t, dir, "n_gen.go", "package x\n")
	clash := write1(t, dir, "n.wire", "struct { uint8 a; } N;\n")
	binary := write1(t, dir, "binary.wire", "\xff\xfe\x00")
	tests := []struct{ args, err string }{
		{"", "no .wire files named; wiregen -h is the manual"},
		{"check", "wiregen check: no .wire files named"},
		{"fmt -w", "wiregen fmt: no .wire files named"},
		{"vet", "wiregen vet: no .wire files named"},
		{"vet FILE", "needs the old version and the new one"},
		{"decode -type M", "wiregen decode: no .wire files named"},
		{"decode FILE", "-type says which struct"},
		{"encode FILE", "-type says which struct"},
		{"decode -type N FILE", "no struct is called N"},
		{"decode -type M -param x FILE", "it is written NAME=N"},
		{"decode -type M -param x=1 FILE", "M has no parameter x"},
		{"check -bad FILE", "wiregen check: flag provided but not defined: -bad; wiregen -h is the manual"},
		{"-o", "flag needs an argument: -o"},
		{"chekc FILE", "no command, file or folder is called chekc"},
		{"check BINARY", "has no meaning here"},
		{"-pkg func FILE", `"func" is no name for a package`},
		{"-pkg x -emit docs FILE", `nothing is called "docs"; there are go, fuzz, doc, lua, vectors`},
		{"-pkg x -emit fuzz FILE", "needs -codecs"},
		{"-emit lua -root Other FILE", "no struct is called Other"},
		{"-emit lua -root M -title ! FILE", `the title "!" has no letters`},
		{"-emit lua -port 65536 FILE", "65536 is no UDP port"},
		{"-emit lua -lua none.lua FILE", "none.lua: no such file"},
		{"-o FILE -pkg x FILE", "not a directory"},
		{"-o DIR -pkg x CLASH", "n_gen.go is there and is not the work of wiregen"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("FILE", file, "DIR", dir, "CLASH", clash, "BINARY", binary).Replace(tt.args))
			err := run(args, strings.NewReader("00"), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(dir, "n_gen.go")); err != nil || string(text) != "package x\n" {
		t.Errorf("a file of a person now holds %q, %v", text, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 4 {
		t.Errorf("files were written: %q", names)
	}
}

// A fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Output that nobody gets is no success.
func TestOutputIsLost(t *testing.T) {
	dir := t.TempDir()
	file := write1(t, dir, "m.wire", "struct{ uint8 a; } M;\n")
	other := write1(t, dir, "n.wire", "struct{ uint16 a; } M;\n")
	for _, tt := range []struct{ args, in string }{
		{"-h", ""}, {"help", ""}, {"check -h", ""}, {"check FILE", ""}, {"fmt FILE", ""}, {"fmt -l FILE", ""},
		{"vet FILE OTHER", ""}, {"decode -type M FILE", "00"}, {"encode -type M FILE", `{"a": 1}`},
	} {
		args := strings.Fields(strings.NewReplacer("FILE", file, "OTHER", other).Replace(tt.args))
		if err := run(args, strings.NewReader(tt.in), fullDisk{}, io.Discard); err == nil {
			t.Errorf("%s reports success", tt.args)
		}
	}
}

// What can't be written as a whole leaves the old text, and nothing else.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := write1(t, dir, "a.txt", "old")
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(dir, "link"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(name); err != nil || !bytes.Equal(text, []byte("new")) {
		t.Errorf("got %q, %v", text, err)
	}
	if err := replace(filepath.Join(dir, "none", "a.txt"), []byte("new")); err == nil {
		t.Error("a file in no folder was written")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(dir, "folder"), []byte("new")); err == nil {
		t.Error("a folder was replaced")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 3 {
		t.Errorf("left behind: %q", names)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) != 0 {
		t.Errorf("left behind: %q", names)
	}
}
