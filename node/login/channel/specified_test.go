package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"sotto/wire"
)

// What is derived here was computed from spec/channel.wire and spec/identity.wire by a
// program that shares no code with this one (Python's hashlib and hmac), so that another
// implementation finds the same. Inputs are bytes repeated: decoy 6, n1 8, conn 9, e_pk 10,
// ct1 11, intro key 14, nonce 15, device 16, t3 17, device of the proof 18, intro id 20. The keys of
// the channel are in node/session.

func repeated(b byte, into []byte) {
	for i := range into {
		into[i] = b
	}
}

func isHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s = %x, want %s", what, got, want)
	}
}

func TestPuzzleAsSpecified(t *testing.T) {
	var c1 wire.C1
	var conn wire.Hash
	var k wire.ChannelKeys
	repeated(8, c1.N1[:])
	repeated(9, conn[:])
	repeated(10, k.EPk[:])
	repeated(11, k.Ct1[:])
	p, err := newPuzzle(&c1, conn, &k)
	if err != nil {
		t.Fatal(err)
	}
	bind := p.Bind()
	isHex(t, "bind", bind[:], "4e1085e2ec2ebc81f7fdbda6014b2b9b")
}

func TestProofAsSpecified(t *testing.T) {
	var t3 wire.Hash
	var device wire.KeyId
	repeated(17, t3[:])
	repeated(18, device[:])
	body, err := proof(t3, device, "Alice")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	isHex(t, "what a proof signs", sum[:], "2578d106f2ad41c4aff1c4619e3f313ebf418e03add6dc3ed3e65fb7ae3646d7")
}

func TestDecoyAsSpecified(t *testing.T) {
	var secret [32]byte
	repeated(6, secret[:])
	w, err := newDecoyer(secret).wrapped("NoBody")
	if err != nil {
		t.Fatal(err)
	}
	isHex(t, "the wrapped account of nobody", mustEncode(t, &w), "b1b9ba0184050158918d47d4410c85cee15e06959589a61345be8d4152dc606b"+
		"c3a9820f939e9407077b1f56114347437cc6d293487a37149f265d0dbf82ff1a957ce49ab6ff716e78768548ba6a834b67c9b49ebc9905eb42bd9b79")
}

func TestIntroductionAsSpecified(t *testing.T) {
	var key [32]byte
	repeated(14, key[:])
	p1 := wire.P1{}
	repeated(20, p1.Intro[:])
	repeated(15, p1.Nonce[:])
	mac, err := macP1(key, "Alice", "Bob", &p1)
	if err != nil {
		t.Fatal(err)
	}
	isHex(t, "the caller's mac", mac[:], "c2cd31f5c809d331829473d12a1423ede14b0b7b9399b1ff7e6b0ab4fc652e4e")
	var conn wire.Hash
	repeated(9, conn[:])
	c := wire.PeerChallenge{}
	repeated(15, c.Nonce[:])
	repeated(16, c.Device[:])
	if mac, err = macChallenge(key, "Alice", "Bob", conn, []byte("p1 bytes"), &c); err != nil {
		t.Fatal(err)
	}
	isHex(t, "the callee's mac", mac[:], "7bac9c2a57f3ef3c8159292463013552bc91baa40311740e0ca35d96a824e7e5")
}
