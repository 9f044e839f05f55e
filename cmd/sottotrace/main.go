package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if err != flag.ErrHelp {
			fmt.Fprintln(os.Stderr, "sottotrace:", err)
		}
		os.Exit(2)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("sottotrace", flag.ContinueOnError)
	conn := flags.String("conn", "", "the connection to draw, by the first digits of its `ID`")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: sottotrace [-conn ID] [trace.jsonl] >trace.svg")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	in := stdin
	switch flags.NArg() {
	case 0:
	case 1:
		f, err := os.Open(flags.Arg(0))
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	default:
		return fmt.Errorf("one trace at a time, not %d", flags.NArg())
	}
	courses, err := read(in)
	if err != nil {
		return err
	}
	c, err := choose(courses, *conn)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	draw(out, c)
	return out.Flush()
}
