package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// passwordMax bounds what is read as a password.
const passwordMax = 4096

// newPassword gets the password of a new user: the first line of a file or of a
// descriptor, else what is typed twice on the terminal.
func newPassword(ctx context.Context, name, file string, fd int) ([]byte, error) {
	switch {
	case file != "" && fd >= 0:
		return nil, fail(exitUsage, "-password-file and -password-fd exclude each other.")
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return nil, fail(exitUsage, "Cannot read the password: %v.", err)
		}
		defer f.Close()
		return firstLine(f, file)
	case fd >= 0:
		f := os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
		if f == nil {
			return nil, fail(exitUsage, "Cannot read the password: descriptor %d is not open.", fd)
		}
		defer f.Close()
		return firstLine(f, f.Name())
	}
	tty := int(os.Stdin.Fd())
	if !term.IsTerminal(tty) {
		return nil, fail(exitUsage, "Cannot ask for the password of %s: stdin is no terminal. Use -password-file FILE or -password-fd N.", name)
	}
	first, err := ask(ctx, tty, fmt.Sprintf("Password for %s (%d or more characters): ", name, passwordMin))
	if err != nil {
		return nil, err
	}
	second, err := ask(ctx, tty, "The same again: ")
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		clear(first)
		return nil, fail(exitUsage, "The two passwords differ. Nothing was changed; try again.")
	}
	return first, nil
}

// ask prompts on stderr and reads a line without showing it. A signal puts the
// terminal back and ends the program.
func ask(ctx context.Context, tty int, prompt string) ([]byte, error) {
	before, err := term.GetState(tty)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		term.Restore(tty, before)
		fmt.Fprintln(stderr)
		os.Exit(exitInterrupted)
	})
	defer stop()
	fmt.Fprint(stderr, prompt)
	b, err := term.ReadPassword(tty)
	fmt.Fprintln(stderr)
	if errors.Is(err, io.EOF) {
		return nil, fail(exitInterrupted, "No password was given. Nothing was changed.")
	}
	return b, err
}

// firstLine reads up to the first line break.
func firstLine(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, passwordMax+1))
	if err != nil {
		return nil, fail(exitUsage, "Cannot read the password from %s: %v.", name, err)
	}
	if len(b) > passwordMax {
		clear(b)
		return nil, fail(exitUsage, "Cannot read the password: %s has more than %d bytes.", name, passwordMax)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
