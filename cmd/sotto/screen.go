package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"

	"sotto/node/client"
)

// A screen is where lines come from and go to. It is a terminal with a prompt
// and a line editor, or two pipes.
type screen interface {
	// line reads the next line, without its end. io.EOF is the end of input,
	// errInterrupted Ctrl-C.
	line() (string, error)
	// say prints one event or answer, which may be several lines. The error says
	// that it could not.
	say(text string, wrong bool) error
	close()
}

var (
	errInterrupted = errors.New("interrupted")
	errLineTooLong = fmt.Errorf("too long: a message has at most %d kB", client.MaxText>>10)
	errEditorFull  = fmt.Errorf("too long: the prompt takes lines of less than %d characters; send longer texts from a file: sotto ... send WHO <FILE", editorMax)
)

// editorMax is where the line editor begins to drop what is typed.
const editorMax = 4096

// newScreen takes the terminal if both ends are one, and the pipes otherwise.
func newScreen(in *bufio.Reader) (screen, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) || !term.IsTerminal(int(os.Stdout.Fd())) || os.Getenv("TERM") == "dumb" {
		return &pipe{in: in}, nil
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("set up the terminal: %w", err)
	}
	s := &terminal{before: before, resized: make(chan os.Signal, 1), keys: &keyReader{r: in}}
	s.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.keys, os.Stdout}, "> ")
	signal.Notify(s.resized, syscall.SIGWINCH)
	s.fit()
	go func() {
		for range s.resized {
			s.fit()
		}
	}()
	return s, nil
}

// A terminal is a screen with a line editor, which redraws what is being typed
// after each line that comes in.
type terminal struct {
	before  *term.State
	editor  *term.Terminal
	keys    *keyReader
	resized chan os.Signal
}

func (s *terminal) fit() {
	if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 && h > 0 {
		s.editor.SetSize(w, h)
	}
}

func (s *terminal) line() (string, error) {
	line, err := s.editor.ReadLine()
	switch {
	case errors.Is(err, term.ErrPasteIndicator):
		return line, nil
	case err == io.EOF && s.keys.interrupted:
		return "", errInterrupted
	case err == nil && utf8.RuneCountInString(line) >= editorMax:
		return "", errEditorFull
	}
	return line, err
}

func (s *terminal) say(text string, _ bool) error {
	_, err := io.WriteString(s.editor, text+"\n")
	return unwritten(err)
}

func (s *terminal) close() {
	signal.Stop(s.resized)
	close(s.resized)
	s.editor.SetPrompt("")
	fmt.Print("\r\x1b[K")
	term.Restore(int(os.Stdin.Fd()), s.before)
}

// A keyReader notes Ctrl-C on its way to the line editor, which takes it for
// the end of input.
type keyReader struct {
	r           io.Reader
	interrupted bool
}

func (k *keyReader) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	for _, key := range b[:n] {
		if key == 3 {
			k.interrupted = true
		}
	}
	return n, err
}

// A pipe is a screen without a prompt: what happened goes to stdout, what went
// wrong to stderr.
type pipe struct {
	in *bufio.Reader
	mu sync.Mutex // keeps lines whole
}

// lineMax is the longest line read from a pipe: the longest message and the
// command before it.
const lineMax = client.MaxText + 1024

// line reads a line. One that is too long is read to its end and left out.
func (s *pipe) line() (string, error) {
	var b strings.Builder
	for tooLong := false; ; {
		part, err := s.in.ReadSlice('\n')
		if b.Len()+len(part) > lineMax {
			tooLong = true
		} else {
			b.Write(part)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && b.Len() == 0 && !tooLong:
			return "", err
		case tooLong:
			return "", errLineTooLong
		}
		return strings.TrimSuffix(strings.TrimSuffix(b.String(), "\n"), "\r"), nil
	}
}

func (s *pipe) say(text string, wrong bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrong {
		fmt.Fprintln(os.Stderr, text) // where else to complain?
		return nil
	}
	return answer(text)
}

func (s *pipe) close() {}

// answer prints what was asked for.
func answer(text string) error {
	_, err := fmt.Println(text)
	return unwritten(err)
}

// unwritten says that something could not be printed, if err is one.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return fail(exitInternal, "Cannot write the output: %v.", err)
}
