package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sotto/node/client/profile"
	"sotto/node/directory"
	"sotto/node/keys"
	"sotto/wire"
)

// A piece of evidence: the log had two entries, and one other. The server's key has changed
// between.
func somebodysEvidence(t *testing.T) (*keys.Host, []byte) {
	t.Helper()
	host, err := keys.NewHost(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head := func(leaves ...string) (wire.TreeHead, tlog.HashReader) {
		var hashes []tlog.Hash
		read := tlog.HashReaderFunc(func(indexes []int64) (some []tlog.Hash, err error) {
			for _, n := range indexes {
				some = append(some, hashes[n])
			}
			return some, nil
		})
		for n, leaf := range leaves {
			more, err := tlog.StoredHashes(int64(n), []byte(leaf), read)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, more...)
		}
		head, err := directory.SignHead(host.Signer(), host.Realm(), uint64(len(leaves)), read)
		if err != nil {
			t.Fatal(err)
		}
		return head, read
	}
	then, _ := head("another")
	if err := host.Rotate(rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	now, tree := head("one", "two")
	e := wire.ForkEvidence{History: *host.History(), Then: then, Now: now}
	if e.Was, err = directory.Root(1, tree); err != nil {
		t.Fatal(err)
	}
	if e.Proof, err = directory.ProveTree(1, 2, tree); err != nil {
		t.Fatal(err)
	}
	b, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return host, b
}

// "Equivocation becomes transferable evidence": it is shown, written to a file, and checked by
// somebody who knows nothing but the digits of the server.
func TestEvidence(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	p, err := profile.Open(filepath.Join(dir, "profile"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	file := filepath.Join(dir, "evidence")
	show, save := &options{host: "h", port: 1}, &options{host: "h", port: 1, args: []string{file}}
	var out bytes.Buffer
	if err := evidence(ctx, show, p, &out); err != nil || out.String() != "There is no evidence against h:1.\n" {
		t.Errorf("none: %q, %v", &out, err)
	}
	if err := evidence(ctx, save, p, &out); err == nil {
		t.Error("wrote what isn't there")
	}

	host, b := somebodysEvidence(t)
	if err := p.KeepEvidence(ctx, 1, b); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := evidence(ctx, show, p, &out); err != nil {
		t.Fatal(err)
	}
	shown := out.String()
	if err := evidence(ctx, save, p, &out); err != nil {
		t.Fatal(err)
	}
	if err := evidence(ctx, save, p, &out); err == nil {
		t.Error("wrote over a file")
	}
	out.Reset()
	if err := checkEvidence(file, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(shown, out.String()) {
		t.Errorf("the file says\n%s\nand the profile\n%s", &out, shown)
	}
	first := host.History().First
	for _, want := range []string{
		"  1 entry with the root ", "  2 entries with the root ", ", and 1 entry with the root ",
		keys.Fingerprint(keys.ServerId(&first)) + "\n  " + keys.Fingerprint(host.Id()) + "\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("it doesn't say %q:\n%s", want, shown)
		}
	}

	// Both notes verify by the keys that stand above them.
	_, notes, _ := strings.Cut(shown, "verifies it:\n")
	all := strings.Split(notes, "\nsotto-log-")[1:]
	if len(all) != 2 {
		t.Fatalf("%d notes:\n%s", len(all), notes)
	}
	for _, n := range all {
		key, text, _ := strings.Cut("sotto-log-"+n, "\n")
		verifier, err := note.NewVerifier(key)
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		if _, err := note.Open([]byte(strings.TrimRight(text, "\n")+"\n"), note.VerifierList(verifier)); err != nil {
			t.Errorf("%v:\n%s", err, text)
		}
	}

	// What was altered, or is something else, convicts nobody.
	for i := range b {
		if i > 100 && i < len(b)-400 && i%50 != 0 { // mostly keys
			continue
		}
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if err := os.WriteFile(file, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		var f *failure
		if err := checkEvidence(file, &out); !errors.As(err, &f) || f.code != exitKeyChanged {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	if err := os.WriteFile(file, make([]byte, evidenceMax+1), 0o644); err != nil {
		t.Fatal(err)
	}
	var f *failure
	if err := checkEvidence(file, &out); !errors.As(err, &f) || f.code != exitUsage {
		t.Errorf("a large file: %v", err)
	}
	if err := checkEvidence(filepath.Join(dir, "none"), &out); !errors.As(err, &f) || f.code != exitUsage {
		t.Errorf("no file: %v", err)
	}
}
