package main

import (
	"errors"
	"fmt"
	"io"

	"sotto/gen"
)

// vet names the changes between two versions that break a peer.
func vet(args []string, stdout io.Writer) error {
	set := flags("wiregen vet")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() != 2 {
		return errors.New("wiregen vet: needs the old version and the new one, each a file or a folder")
	}
	before, err := read(args[:1])
	if err != nil {
		return err
	}
	after, err := read(args[1:])
	if err != nil {
		return err
	}
	changes, err := gen.Vet(before, after)
	if err != nil {
		return err
	}
	for _, c := range changes {
		fmt.Fprintln(stdout, c)
	}
	if n := len(changes); n > 0 {
		return fmt.Errorf("wiregen vet: %d changes break a peer", n)
	}
	return nil
}
