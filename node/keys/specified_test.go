package keys

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"sotto/wire"
)

// What is derived here was computed from spec/identity.wire by a program that shares no
// code with this one (Python's hashlib and hmac), so that another implementation finds the
// same. Inputs are bytes repeated: realm 1, keys 2 to 5, decoy 6, id 7, export key 12, iv 13.

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

func TestIdsAsSpecified(t *testing.T) {
	var server wire.ServerKey
	repeated(1, server.Realm[:])
	repeated(2, server.Sign[:])
	repeated(3, server.Seal[:])
	var device wire.DeviceKeys
	repeated(4, device.Sign[:])
	repeated(5, device.Seal[:])
	s, d, a := ServerId(&server), DeviceId(&device), AccountId(&wire.AccountKeys{Sign: device.Sign, Seal: device.Seal})
	isHex(t, "server", s[:], "bebed29ce9556fef1a3c0fef08d16af8aa32eec336eaf7a26d21adde45557c49")
	isHex(t, "device", d[:], "9747932629e6ee0e6de8400b0123fd5a38ce9cc2cb79f3ee14f38af186c81194")
	isHex(t, "account", a[:], "6ad81fea9e5148bd3b068f781f759f188f0108226aa4cbb5e9e300c732ebe275")
}

func TestInvitationAsSpecified(t *testing.T) {
	h := new(Host)
	repeated(1, h.key.Realm[:])
	repeated(6, h.secrets.decoy[:])
	in := wire.Invitation{ExpiresMs: 1_800_000_000_123}
	repeated(7, in.Id[:])
	mac := h.invitationMAC(&in)
	isHex(t, "mac", mac[:], "09278ab2682c56c5e24389af8a7027e3")
	in.Mac = mac
	if err := h.CheckInvitation(time.UnixMilli(1_800_000_000_122), &in); err != nil {
		t.Error(err)
	}
}

func TestWrappedAccountAsSpecified(t *testing.T) {
	var export [64]byte
	repeated(12, export[:])
	key, err := hex.DecodeString("3e92412217928b8997b9000728afc445bd49c497e65c4f4ea94d7f5f38830ab0")
	if err != nil {
		t.Fatal(err)
	}
	aad, err := hex.DecodeString("736f74746f2f31206163636f756e74206b6579000101010101010101010101010101010105616c696365")
	if err != nil {
		t.Fatal(err)
	}
	var w wire.WrappedAccount
	repeated(13, w.Iv[:])
	plain := bytes.Repeat([]byte{21}, 64)
	copy(w.Ct[:], NewOnceKey([32]byte(key), w.Iv).Seal(aad, plain))
	var realm wire.Realm
	repeated(1, realm[:])
	a, err := UnwrapAccount(&export, realm, "Alice", &w)
	if err != nil {
		t.Fatal(err)
	}
	seed := a.Signer.seed()
	isHex(t, "seed", seed[:], hex.EncodeToString(plain[:32]))
}
