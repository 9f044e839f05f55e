package main

import (
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"sotto/gen"
	"sotto/gen/diag"
)

func main() {
	debug.SetGCPercent(800) // a run is short, and memory costs less than collecting it
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs one command. What it could not write to stdout is an error of the
// command, whoever prints.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	out := &printer{w: stdout}
	err := command(args, stdin, out, stderr)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(out, manual)
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("wiregen: %w", out.err)
	}
	return err
}

func command(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		if args[0] == "help" {
			return flag.ErrHelp
		}
		switch args[0] {
		case "check":
			return check(args[1:], stdout)
		case "fmt":
			return format(args[1:], stdout)
		case "vet":
			return vet(args[1:], stdout)
		case "decode":
			return decode(args[1:], stdin, stdout)
		case "encode":
			return encode(args[1:], stdin, stdout)
		}
	}
	return compile(args, stderr)
}

// A printer remembers the first error of what it writes to.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.w.Write(b)
	p.err = err
	return n, err
}

// flags returns an empty set of flags for a command.
func flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the error says it
	return set
}

// parse reads the flags of a command, which takes at least one source.
func parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err == nil && set.NArg() == 0:
		err = errors.New("no .wire files named")
	}
	if err != nil {
		return fmt.Errorf("%s: %w; wiregen -h is the manual", set.Name(), err)
	}
	return nil
}

func compile(args []string, stderr io.Writer) error {
	set := flags("wiregen")
	dir := set.String("o", ".", "")
	pkg := set.String("pkg", "", "")
	runtime := set.String("runtime", "", "")
	emit := set.String("emit", "go", "")
	codecs := set.String("codecs", "", "")
	title := set.String("title", "Protocol", "")
	root := set.String("root", "Packet", "")
	port := set.Int("port", 5000, "")
	lua := set.String("lua", "", "")
	if err := parse(set, args); err != nil {
		return err
	}
	if *port < 1 || *port > 65535 {
		return fmt.Errorf("wiregen: %d is no UDP port", *port)
	}
	if *pkg == "" {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		*pkg = filepath.Base(abs)
	}
	kinds := strings.Split(*emit, ",")
	if slices.Contains(kinds, "fuzz") && *codecs == "" {
		return errors.New("wiregen: -emit fuzz needs -codecs, the import path of the code under test")
	}
	if (slices.Contains(kinds, "go") || slices.Contains(kinds, "fuzz")) && !token.IsIdentifier(*pkg) {
		return fmt.Errorf("wiregen: %q is no name for a package; -pkg gives another", *pkg)
	}
	sources, err := read(set.Args())
	if err != nil {
		return err
	}
	extra := []byte(nil)
	if *lua != "" {
		if extra, err = os.ReadFile(*lua); err != nil {
			return fmt.Errorf("wiregen: %w", err)
		}
	}
	outputs, errs := gen.Diagnose(sources, gen.Options{
		Package: *pkg, Runtime: *runtime, Emit: kinds,
		Codecs: *codecs, Title: *title, Root: *root, Port: *port, Lua: string(extra),
	})
	if err := errs.Err(); err != nil {
		return err
	}
	for _, d := range errs.Shown() { // warnings
		fmt.Fprintln(stderr, d)
	}
	return write(*dir, outputs)
}

func check(args []string, stdout io.Writer) error {
	set := flags("wiregen check")
	if err := parse(set, args); err != nil {
		return err
	}
	sources, err := read(set.Args())
	if err != nil {
		return err
	}
	p, errs := gen.Check(sources)
	if err := errs.Err(); err != nil {
		return err
	}
	for _, d := range errs.Shown() { // warnings
		fmt.Fprintln(stdout, d)
	}
	for _, s := range p.Structs() {
		fmt.Fprintf(stdout, "%s: %s %s\n", s.Span, s.Name, promises(s))
	}
	return nil
}

// read loads the .wire files that the arguments name, in order; those of a
// folder by name.
func read(args []string) ([]*diag.Source, error) {
	var out []*diag.Source
	for _, arg := range args {
		err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != arg && filepath.Ext(path) != ".wire" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			out = append(out, &diag.Source{Name: filepath.ToSlash(path), Text: string(text)})
			return nil
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("wiregen: no command, file or folder is called %s", arg)
		case err != nil:
			return nil, fmt.Errorf("wiregen: %w", err)
		}
	}
	return out, nil
}
