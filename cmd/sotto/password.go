package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"sotto/node/keys"
)

// passwordMax is the longest line that is read for a password. What a password
// may be is decided where it is used.
const passwordMax = 4096

// readPassword gives the password from where the command line says.
func readPassword(ctx context.Context, o *options, in *bufio.Reader, loopback bool) ([]byte, error) {
	switch {
	case o.passwordSet && o.password != "-":
		if !demoUser(o, loopback) {
			fmt.Fprintln(os.Stderr, "Passwords on the command line are visible to other users of this machine. Leave out -p to be asked, or use -password-file.")
		}
		return []byte(o.password), nil
	case o.file != "":
		return passwordFile(o.file)
	case o.fd >= 0:
		f := os.NewFile(uintptr(o.fd), fmt.Sprintf("descriptor %d", o.fd))
		if f == nil {
			return nil, fail(exitUsage, "Cannot read the password: descriptor %d is not open.", o.fd)
		}
		defer f.Close()
		return firstLine(f, f.Name())
	case term.IsTerminal(int(os.Stdin.Fd())):
		return askPassword(ctx, fmt.Sprintf("Password of %s on %s: ", printable(o.user), printable(o.server())))
	case o.passwordSet: // -p - in a pipe
		return passwordLine(in, "standard input")
	}
	return nil, fail(exitUsage, "No password for %s: there is no terminal to ask at. Use -password-file FILE, -password-fd N or -p -.", printable(o.user))
}

// askPassword asks at the terminal, without echo. An interruption gives the
// echo back.
func askPassword(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	// Raw from before the prompt is shown: what is typed at once must not be
	// echoed either.
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fail(exitUsage, "Cannot read the password: %v.", err)
	}
	defer func() {
		term.Restore(fd, before)
		fmt.Fprintln(os.Stderr)
	}()
	fmt.Fprint(os.Stderr, prompt)
	type answer struct {
		password []byte
		err      error
	}
	read := make(chan answer, 1)
	go func() {
		b, err := typedPassword(os.Stdin)
		read <- answer{b, err}
	}()
	select {
	case a := <-read:
		return a.password, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// typedPassword reads what is typed at a raw terminal up to the end of the
// line, with the keys that edit a line everywhere: backspace, Ctrl-U, Ctrl-C
// and Ctrl-D.
func typedPassword(r io.Reader) ([]byte, error) {
	var line []byte
	for key := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, key); err != nil {
			return nil, fail(exitUsage, "Cannot read the password: %v.", err)
		}
		switch key[0] {
		case '\r', '\n':
			if len(line) == 0 {
				return nil, fail(exitUsage, "No password was given.")
			}
			return line, nil
		case 3:
			return nil, fail(exitInterrupted, "")
		case 4:
			return nil, fail(exitUsage, "No password was given.")
		case 0x15:
			clear(line)
			line = line[:0]
		case 8, 0x7f:
			_, n := utf8.DecodeLastRune(line)
			line = line[:len(line)-n]
		default:
			if line = append(line, key[0]); len(line) > passwordMax {
				return nil, fail(exitUsage, "Cannot read the password: %v.", lineError(nil))
			}
		}
	}
}

// passwordFile reads the password from the first line of a file with this name.
func passwordFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fail(exitUsage, "Cannot read the password file: %v.", err)
	}
	defer f.Close()
	return firstLine(f, name)
}

// firstLine reads the password from the first line of a file.
func firstLine(r io.Reader, name string) ([]byte, error) {
	return passwordLine(bufio.NewReader(io.LimitReader(r, passwordMax+2)), name)
}

// passwordLine reads a line, which may be the last one and have no end.
func passwordLine(r *bufio.Reader, name string) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil && err != io.EOF || len(line) > passwordMax {
		return nil, fail(exitUsage, "Cannot read the password from %s: %v.", name, lineError(err))
	}
	line = []byte(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"))
	if len(line) == 0 {
		return nil, fail(exitUsage, "There is no password in %s: its first line is empty.", name)
	}
	return line, nil
}

func lineError(err error) error {
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("the line is longer than %d bytes", passwordMax)
	}
	return err
}

// demoUser reports whether the password is the one that everybody knows: the
// name of a demo user on this machine. The case of the user's letters doesn't
// count, that of the password's does.
func demoUser(o *options, loopback bool) bool {
	return loopback && slices.Contains(demoNames, o.password) && keys.Fold(o.user) == keys.Fold(o.password)
}

// demoNames are the users that `sottod -n` makes, each with its name as the
// password.
var demoNames = []string{"Alice", "Bob", "Charlie", "Eve"}

func allLoopback(addrs []netip.AddrPort) bool {
	for _, a := range addrs {
		if !a.Addr().Unmap().IsLoopback() {
			return false
		}
	}
	return len(addrs) > 0
}

// askAgain lets what was asked for be typed once more, and refuses something else. what
// is the plural of what it is.
func askAgain(ctx context.Context, what string, first []byte) error {
	second, err := askPassword(ctx, "The same again: ")
	if err != nil {
		return err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		return fail(exitUsage, "The two %s differ. Nothing was done; begin again.", what)
	}
	return nil
}
