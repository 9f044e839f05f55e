package second

import (
	"bytes"
	"crypto/hpke"
	"errors"

	"golang.org/x/crypto/cryptobyte"
)

// A serverKey is a ServerKey.
type serverKey struct {
	realm, sign, seal []byte
	raw               []byte
}

const serverKeyLen = 16 + publicLen

func decodeServerKey(s *cryptobyte.String) (k serverKey, ok bool) {
	if !s.ReadBytes(&k.raw, serverKeyLen) {
		return k, false
	}
	k.realm, k.sign, k.seal = k.raw[:16], k.raw[16:48], k.raw[48:]
	_, err := hpke.MLKEM768X25519().NewPublicKey(k.seal)
	return k, err == nil
}

// id is the KeyId that people pin.
func (k serverKey) id() []byte { return hashOf("server key", k.raw) }

// follow reads a ServerHistory from the key that is pinned to the last.
func follow(history, pinned []byte) (serverKey, error) {
	s := cryptobyte.String(history)
	key, ok := decodeServerKey(&s)
	var rotations cryptobyte.String
	if !ok || !s.ReadUint16LengthPrefixed(&rotations) || !s.Empty() {
		return serverKey{}, errDecode
	}
	found := bytes.Equal(key.id(), pinned)
	for !rotations.Empty() {
		var body, sigOld, sigNew []byte
		if !rotations.ReadBytes(&body, 1305) || !rotations.ReadBytes(&sigOld, signatureLen) || !rotations.ReadBytes(&sigNew, signatureLen) {
			return serverKey{}, errDecode
		}
		s := cryptobyte.String(body[33:])
		next, ok := decodeServerKey(&s)
		if !ok || body[0] != 51 {
			return serverKey{}, errDecode
		}
		if !bytes.Equal(body[1:33], key.id()) || !bytes.Equal(next.realm, key.realm) ||
			!verify(key.sign, "rotation old", body, sigOld) || !verify(next.sign, "rotation new", body, sigNew) {
			return serverKey{}, errors.New("a rotation of the server's key doesn't follow the one before it")
		}
		key = next
		found = found || bytes.Equal(key.id(), pinned)
	}
	if !found {
		return serverKey{}, errors.New("the server's history doesn't know the pinned key")
	}
	return key, nil
}

// history asks for all parts of the ServerHistory.
func history(l link) ([]byte, error) {
	var all []byte
	for part, parts := 0, 1; part < parts; part++ {
		nonce := random(32)
		answer, err := newDialer(l).first(cat([]byte{49}, nonce, []byte{byte(part)}))
		if err != nil {
			return nil, err
		}
		var head []byte
		var piece cryptobyte.String
		s := cryptobyte.String(answer)
		if !s.ReadBytes(&head, 35) || !s.ReadUint16LengthPrefixed(&piece) || !s.Empty() {
			return nil, errDecode
		}
		if head[0] != 50 || !bytes.Equal(head[1:33], nonce) || int(head[33]) != part {
			return nil, errors.New("an answer to another question")
		}
		parts = int(head[34])
		all = append(all, piece...)
	}
	return all, nil
}
