package classic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"sotto/node/keys"
	"sotto/wire"
)

// What is derived here was computed from spec/classic/*.wire by a program that shares no
// code with this one (Python's hashlib and hmac), so that another implementation finds the
// same. Inputs are bytes repeated: reply key 1, conn 2, second reply key 3, n1 4, nonce 5.

func filled(b byte) (out [32]byte) {
	for i := range out {
		out[i] = b
	}
	return out
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func isHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s = %x, want %s", what, got, want)
	}
}

// isOnceKey checks that a key is the one of these bytes.
func isOnceKey(t *testing.T, what string, got *keys.OnceKey, key, iv string) {
	t.Helper()
	want := keys.NewOnceKey([32]byte(unhex(t, key)), [12]byte(unhex(t, iv)))
	if !bytes.Equal(got.Seal(nil, []byte("x")), want.Seal(nil, []byte("x"))) {
		t.Errorf("%s is another key", what)
	}
}

func TestScheduleAsSpecified(t *testing.T) {
	m3, m4, m5 := labelM3.Hash([]byte("message 3")), labelM4.Hash([]byte("message 4")), labelM5.Hash([]byte("message 5"))
	isOnceKey(t, "the key of message 4", m4Key(filled(1), m3),
		"9845db0ede036f3eeb28c2cf0c95b88e5f894ea9639e4df27858452a5aa39dcc", "16d8d568a15a62618a2aa205")
	s, err := newSchedule(
		&wire.Transcript{Conn: filled(2), M3: m3, M4: m4, M5: m5},
		&wire.LoginSecret{ReplyKey: filled(1), ReplyKey2: filled(3)})
	if err != nil {
		t.Fatal(err)
	}
	isHex(t, "client to server", s.c2s[:], "1028c6a74ae91743735e1fa5ccda366d388b8790f2d2e17d4bcd5e452fff8b73")
	isHex(t, "server to client", s.s2c[:], "b522a3f6afbf2219431950096d52c867557e126b22dff3b79e12f0b5c5fbe54e")
	isHex(t, "session id", s.id[:], "1ec369f8156509498d3cbdfd9e4407ee")
	isOnceKey(t, "the key of message 6", s.m6,
		"e7dd2b458c8049d09c4832da50e9808897b22478a70e3f80121fcbdf1b2015c6", "e85f6c70159bee5cd295f5a8")
}

func TestPuzzleAsSpecified(t *testing.T) {
	p, err := newPuzzle(&wire.C1{N1: filled(4), D: 2, K: 1}, &wire.PuzzleBind{
		N1: filled(4), Conn: filled(2), ClientNonce: filled(5), ReplyKey: filled(1), User: "Alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	bind := p.Bind()
	isHex(t, "bind", bind[:], "8f9cb79d3728e2b9a3ef74bc059bb2c9")
	xs, err := p.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	isHex(t, "counter", xs[0].Counter[:], "000000000000000000000000018bbb") // 101307, the first that solves it
	if !p.SolvedBy(xs) {
		t.Error("the solution is refused")
	}
}

func TestMarksAsSpecified(t *testing.T) {
	for _, test := range []struct {
		mark wire.LoginMark
		want string
	}{
		{wire.LoginMark{Kind: wire.LoginMarkKindM3, M3: wire.MarkM3{N1: filled(4), Bind: [16]byte(unhex(t, "8f9cb79d3728e2b9a3ef74bc059bb2c9"))}},
			"64155232a38e31528354efc9dfd7d27485fe03081244f2ad7f9ce94f2b3a1b1d"},
		{wire.LoginMark{Kind: wire.LoginMarkKindM5, M5: wire.MarkM5{N2: filled(7)}},
			"663fc75bcee72e297f8611a7279ca058d208ec4686f48471231d388369d7b190"},
	} {
		h := labelMark.Hash(mustEncode(t, &test.mark))
		isHex(t, test.mark.Kind.String(), h[:], test.want)
	}
}

func TestDecoyAsSpecified(t *testing.T) {
	r, err := (&decoyer{secret: filled(8)}).record("Nobody")
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(bytes.Join([][]byte{r.Salt[:], r.Commit[:], r.Iv[:], r.Wrapped[:]}, nil))
	isHex(t, "SHA-256 of a decoy", h[:], "fcfa2129e1ae67196c20fff240c1b2b55373da753850b2a555920118a7e90e9f")
}

func TestIntroductionAsSpecified(t *testing.T) {
	in := Introduction{Id: [16]byte(bytes.Repeat([]byte{10}, 16)), Key: filled(9), Self: "Alice", Peer: "Bob"}
	p, err := NewPeerInitiator(bytes.NewReader(bytes.Repeat([]byte{11}, 32)), in)
	if err != nil {
		t.Fatal(err)
	}
	var p1 wire.P1
	if err := p1.UnmarshalBinary(p.first); err != nil {
		t.Fatal(err)
	}
	isHex(t, "mac of P1", p1.Mac[:], "f070fedc6c631a43dae1d2b256775ca99384e2c4b688437c5b5b95e7e0d03e45")
	p2 := wire.P2{Nonce: filled(12), Mac: [32]byte(unhex(t, "ab3be7a82c4930ac26b1e01c0a9f0b8a2d7139eb151efb53fdb4fa5c5100e459"))}
	p.Bind(filled(2))
	_, s, err := p.Next(context.Background(), mustEncode(t, &p2))
	if err != nil {
		t.Fatal(err)
	}
	isHex(t, "caller's secret", s.Send[:], "046747534353bd2baff9ec8b7a3771c477652571e0dad8a0327054257c1f19b5")
	isHex(t, "callee's secret", s.Receive[:], "b5cfeae42b4519f49af01101851b452c51f6611afc8d3467452aaed08cc3366f")
}
