package envelope

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"sotto/node/keys"
	"sotto/wire"
)

var update = flag.Bool("update", false, "make testdata/letter.txtar anew")

// TestKnownLetter opens letters that were written once: another implementation, or a later
// one, must open them too. The keys are made of seeds of one byte each.
func TestKnownLetter(t *testing.T) {
	seed := func(n byte) (s wire.Seed) {
		for i := range s {
			s[i] = n
		}
		return s
	}
	device := func(user string, n byte) *keys.Device {
		return &keys.Device{User: user, Signer: keys.NewSigner(seed(n)), Sealer: keys.NewSealer(seed(n + 1))}
	}
	alice, bob := &writer{device: device("Alice", 1)}, &writer{device: device("Bob", 3)}
	alice.account = &keys.Account{Signer: keys.NewSigner(seed(5)), Sealer: keys.NewSealer(seed(6))}
	bob.account = &keys.Account{Signer: keys.NewSigner(seed(7)), Sealer: keys.NewSealer(seed(8))}
	bob.device.Inherit(bob.account)
	from := alice.shown("Alice", alice.device)
	heading := LetterHeading{
		Id: [16]byte{1, 2, 3}, Seq: 1_800_000_000_001, Sent: testNow,
		Head: wire.TreeHead{Leaves: 5, Root: wire.Hash{4}, Sig: wire.EdSignature{9}},
	}
	file := filepath.Join("testdata", "letter.txtar")
	if *update {
		archive := &txtar.Archive{Comment: []byte("Letters from Alice to Bob, for known_test.go.\n")}
		for name, to := range map[string]*Contact{"device": bob.shown("Bob", bob.device), "account": bob.shown("Bob")} {
			b, err := SealLetter(rand.Reader, alice.device, to, heading, "hello there, "+name)
			if err != nil {
				t.Fatal(err)
			}
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: wrapped(b)})
		}
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) != 2 {
		t.Fatalf("%d letters, want 2", len(archive.Files))
	}
	for _, f := range archive.Files {
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(f.Data)), ""))
		if err != nil {
			t.Fatal(err)
		}
		m, err := OpenLetter(bob.device, []wire.KeyId{bob.account.Id()}, from, testNow, DirectAge, b)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		want := wire.LetterHeader{
			From: "Alice", FromDevice: alice.device.Id(), To: "Bob", ToAccount: bob.account.Id(),
			Id: heading.Id, Seq: heading.Seq, SentMs: uint64(testNow.UnixMilli()), Head: heading.Head,
		}
		if m.Text != "hello there, "+f.Name || m.Header != want {
			t.Errorf("%s: got %q, %v", f.Name, m.Text, &m.Header)
		}
	}
}

// wrapped writes bytes in lines of hexadecimal.
func wrapped(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		n := min(len(b), 32)
		out.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return out.Bytes()
}
