package main

import (
	"fmt"
	"io"

	"sotto/gen"
)

// format prints the sources in the form that the repository keeps, or with -l
// the names of those that have another, or with -w rewrites these.
func format(args []string, stdout io.Writer) error {
	set := flags("wiregen fmt")
	list := set.Bool("l", false, "")
	rewrite := set.Bool("w", false, "")
	if err := parse(set, args); err != nil {
		return err
	}
	sources, err := read(set.Args())
	if err != nil {
		return err
	}
	for _, s := range sources {
		text, err := gen.Format(s)
		if err != nil {
			return err
		}
		if *list && text != s.Text {
			fmt.Fprintln(stdout, s.Name)
		}
		if *rewrite && text != s.Text {
			if err := replace(s.Name, []byte(text)); err != nil {
				return fmt.Errorf("wiregen fmt: %w", err)
			}
		}
		if !*list && !*rewrite {
			fmt.Fprint(stdout, text)
		}
	}
	return nil
}
