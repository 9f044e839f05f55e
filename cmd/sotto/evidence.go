package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/wire"
)

// ownEvidence shows what a profile keeps. The server need not be there for that.
func ownEvidence(ctx context.Context, o *options) (err error) {
	p, err := openFolder(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return evidence(ctx, o, p, os.Stdout)
}

// evidence shows what convicts the server, as a profile keeps it. With the name of a file
// it writes the newest there, for others to check.
func evidence(ctx context.Context, o *options, p *profile.Profile, out io.Writer) error {
	all, err := p.Evidence(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if len(o.args) > 0 {
			return fail(exitUsage, "There is no evidence against %s. Nothing was written.", o.server())
		}
		fmt.Fprintf(out, "There is no evidence against %s.\n", o.server())
		return nil
	}
	if len(o.args) > 0 {
		newest := all[len(all)-1].Body
		if err := writeNew(o.args[0], newest); err != nil {
			return fail(exitUsage, "Cannot write the evidence: %v.", err)
		}
		fmt.Fprintf(out, "Written. Whoever knows the server can check it: sotto check-evidence %s\n", printable(o.args[0]))
		return nil
	}
	for _, e := range all {
		fmt.Fprintf(out, "Found out on %s:\n", time.UnixMilli(e.Time).Format(time.DateTime))
		if err := showEvidence(out, e.Body); err != nil {
			return err
		}
	}
	return nil
}

// checkEvidence checks what somebody else has found out.
func checkEvidence(name string, out io.Writer) error {
	b, err := readSmall(name)
	if err != nil {
		return fail(exitUsage, "Cannot read the evidence: %v.", err)
	}
	return showEvidence(out, b)
}

// evidenceMax bounds what is read of a file that should hold evidence. A server whose key
// has changed a hundred times still fits.
const evidenceMax = 1 << 20

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, evidenceMax+1))
	if err == nil && len(b) > evidenceMax {
		err = fmt.Errorf("%s has more than %d bytes", name, evidenceMax)
	}
	return b, err
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// showEvidence checks evidence and says what it proves, and against whom: whether that
// is his server, the reader sees by its digits.
func showEvidence(out io.Writer, b []byte) error {
	var e wire.ForkEvidence
	if err := e.UnmarshalBinary(b); err != nil {
		return fail(exitKeyChanged, "This is no evidence: %v.", err)
	}
	if err := directory.CheckEvidence(keys.ServerId(&e.History.First), &e); err != nil {
		return fail(exitKeyChanged, "This proves nothing: %v.", err)
	}
	fmt.Fprintln(out, "A server has signed two logs of which neither continues the other:")
	fmt.Fprintf(out, "  %s with the root %s\n", leaves(e.Then.Leaves), inBase64(e.Then.Root))
	fmt.Fprintf(out, "  %s with the root %s", leaves(e.Now.Leaves), inBase64(e.Now.Root))
	if e.Then.Leaves != e.Now.Leaves {
		fmt.Fprintf(out, ", and %s with the root %s before", leaves(e.Then.Leaves), inBase64(e.Was))
	}
	fmt.Fprintln(out, "\nIt is the server that showed, one after the other,")
	all := directory.ServerKeys(&e.History)
	for i := len(all) - 1; i >= 0; i-- {
		fmt.Fprintf(out, "  %s\n", keys.Fingerprint(keys.ServerId(&all[i])))
	}
	return showNotes(out, all, &e)
}

// showNotes shows both heads so that other programs can check their signatures.
func showNotes(out io.Writer, server []wire.ServerKey, e *wire.ForkEvidence) error {
	fmt.Fprintln(out, "What it has signed, as notes, each with the key that verifies it:")
	for _, head := range []*wire.TreeHead{&e.Then, &e.Now} {
		for i := range server {
			text, key, err := directory.Note(&server[i], head)
			if errors.Is(err, directory.ErrHead) { // by another of its keys
				continue
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "\n%s\n%s\n", key, text)
			break
		}
	}
	return nil
}

func leaves(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func inBase64(h wire.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }
