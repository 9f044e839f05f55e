package directory

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"sotto/node/keys"
	"sotto/wire"
)

var update = flag.Bool("update", false, "make testdata/log.txtar anew")

// TestKnownLog makes a small log whose bytes are known, from seeds of one byte each: another
// implementation, or a later one, must come to the same.
func TestKnownLog(t *testing.T) {
	must := must(t)
	seed := func(n byte) (s wire.Seed) {
		for i := range s {
			s[i] = n
		}
		return s
	}
	account := func(n byte) *keys.Account {
		return &keys.Account{Signer: keys.NewSigner(seed(n)), Sealer: keys.NewSealer(seed(n + 1))}
	}
	device := func(n byte, name string) wire.Device {
		d := account(n).Public() // a device has the same kinds of keys
		return wire.Device{Keys: wire.DeviceKeys{Sign: d.Sign, Seal: d.Seal}, SinceMs: uint64(testNow.UnixMilli()), Name: name}
	}
	server := account(1).Public()
	history := &wire.ServerHistory{First: wire.ServerKey{Realm: testRealm, Sign: server.Sign, Seal: server.Seal}}
	signer := account(1).Signer

	created := must(Create(testRealm, "Alice", account(3), nil, testNow))
	added := must(created.AddDevice(account(3).Signer, device(5, "laptop"), testNow.Add(time.Second)))
	rotated := must(added.Rotate(account(3).Signer, account(7), testNow.Add(2*time.Second)))
	reset := must(rotated.Reset(account(9), []wire.Device{device(11, "phone")}, testNow.Add(3*time.Second)))
	bob := must(Create(testRealm, "bob", account(13), []wire.Device{device(15, "")}, testNow))

	l, other := newLog(nil), newLog(nil)
	l.enter(t, created, added, bob, rotated, reset)
	other.enter(t, bob, created, added)
	head := func(l *log, size uint64) wire.TreeHead {
		h, err := SignHead(signer, testRealm, size, l.tree)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	empty, three, five := head(l, 0), head(l, 3), head(l, 5)
	consistency := l.proof(t, 3)
	inclusion, err := ProveLeaf(2, 5, l.tree)
	if err != nil {
		t.Fatal(err)
	}
	text, key, err := Note(&history.First, &five)
	if err != nil {
		t.Fatal(err)
	}
	evidence := wire.ForkEvidence{History: *history, Then: head(other, 3), Now: five, Was: three.Root, Proof: consistency}
	if err := CheckEvidence(keys.ServerId(&history.First), &evidence); err != nil {
		t.Error(err)
	}

	archive := &txtar.Archive{Comment: []byte(`A log of five leaves, by TestKnownLog; -update makes it anew. Its realm is 010203 and
zeros. Every private key is a seed of one byte, 32 times. Seeds of a signing key and of the
sealing key beside it: the server 1 and 2; Alice's account 3 and 4, rotated to 7 and 8, reset to
9 and 10, her laptop 5 and 6, her phone 11 and 12; bob's account 13 and 14, his device 15 and 16.

`)}
	section := func(name string, data []byte) {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: data})
	}
	bytesOf := func(name string, m encoding.BinaryMarshaler) {
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		section(name, inLines(b))
	}
	for i, e := range []*Entry{created, added, bob, rotated, reset} {
		section("leaf "+string(rune('0'+i))+", "+e.String(), inLines(e.Bytes()))
	}
	bytesOf("head of 0 leaves", &empty)
	bytesOf("head of 3 leaves", &three)
	bytesOf("head of 5 leaves", &five)
	section("what the head of 5 leaves signs", headText(testRealm, &five))
	section("the head of 5 leaves as a note", text)
	section("the key that verifies the note", []byte(key+"\n"))
	bytesOf("proof from 3 leaves to 5", &consistency)
	bytesOf("proof of leaf 2 among 5", &inclusion)
	bytesOf("evidence that the server has signed bob, created, added too", &evidence)

	file := filepath.Join("testdata", "log.txtar")
	got := txtar.Format(archive)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("not what is known (-want +got):\n%s", diff)
	}
}

// inLines writes bytes in lines of hexadecimal.
func inLines(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		n := min(len(b), 32)
		out.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return out.Bytes()
}
