package second

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// A treeHead is a TreeHead whose signature holds.
type treeHead struct {
	leaves uint64
	root   []byte
}

func readHead(s *cryptobyte.String, server serverKey) (h treeHead, err error) {
	var sig []byte
	if !s.ReadUint64(&h.leaves) || !s.ReadBytes(&h.root, 32) || !s.ReadBytes(&sig, signatureLen) {
		return h, errDecode
	}
	text := fmt.Sprintf("sotto/1 log %x\n%d\n%s\n", server.realm, h.leaves, base64.StdEncoding.EncodeToString(h.root))
	if h.leaves > 1<<40 || !ed25519.Verify(server.sign, []byte(text), sig) {
		return h, errors.New("the signature of a tree's head is wrong")
	}
	return h, nil
}

func readProof(s *cryptobyte.String) (proof [][]byte, ok bool) {
	var n uint8
	if !s.ReadUint8(&n) || n > 64 {
		return nil, false
	}
	for range n {
		var h []byte
		if !s.ReadBytes(&h, 32) {
			return nil, false
		}
		proof = append(proof, h)
	}
	return proof, true
}

func leafHash(entry []byte) []byte {
	h := sha256.Sum256(cat([]byte{0}, entry))
	return h[:]
}

func nodeHash(l, r []byte) []byte {
	h := sha256.Sum256(cat([]byte{1}, l, r))
	return h[:]
}

// rootOf is the Merkle Tree Hash of RFC 6962 over hashes of leaves.
func rootOf(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		h := sha256.Sum256(nil)
		return h[:]
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return nodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}

// continues checks a consistency proof as RFC 9162 section 2.1.4.2 does.
func (h treeHead) continues(old treeHead, proof [][]byte) error {
	bad := errors.New("the log is not the one it was")
	switch {
	case old.leaves > h.leaves:
		return bad
	case old.leaves == h.leaves || old.leaves == 0:
		if len(proof) != 0 || old.leaves == h.leaves && !bytes.Equal(old.root, h.root) {
			return bad
		}
		return nil
	}
	if old.leaves&(old.leaves-1) == 0 {
		proof = append([][]byte{old.root}, proof...)
	}
	if len(proof) == 0 {
		return bad
	}
	fn, sn := old.leaves-1, h.leaves-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return bad
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = nodeHash(c, fr), nodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = nodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || !bytes.Equal(fr, old.root) || !bytes.Equal(sr, h.root) {
		return bad
	}
	return nil
}

const (
	whyCreated = 1
	whyDevice  = 2
	whyRotated = 3
)

// An entry is a SignedEntry, as far as a client needs to write the next one.
type entry struct {
	raw     []byte
	user    string
	n       uint32
	account []byte // AccountKeys
	devices [][]byte
}

func decodeEntry(raw []byte) (*entry, error) {
	e := &entry{raw: raw}
	s := cryptobyte.String(raw)
	var user cryptobyte.String
	var devices uint8
	ok := s.Skip(1+16) && s.ReadUint8LengthPrefixed(&user) && s.ReadUint32(&e.n) && s.Skip(32+1) &&
		s.ReadBytes(&e.account, publicLen) && s.Skip(8) && s.ReadUint8(&devices)
	e.user = string(user)
	for range devices {
		start := s
		var name cryptobyte.String
		ok = ok && s.Skip(publicLen+8) && s.ReadUint8LengthPrefixed(&name)
		e.devices = append(e.devices, start[:len(start)-len(s)])
	}
	if !ok || len(s) != 2*signatureLen || raw[0] != 40 {
		return nil, errDecode
	}
	body, sigNew := raw[:len(raw)-2*signatureLen], raw[len(raw)-signatureLen:]
	if !verify(e.account[:verifyKeyLen], "entry", body, sigNew) {
		return nil, errors.New("the signature of an entry is wrong")
	}
	return e, nil
}

// newEntry writes the first entry of an account, or that which follows prev,
// with one device more, of which it is given the DeviceKeys. The account's keys stay, so
// sig_old is all zero.
func newEntry(realm []byte, user string, prev *entry, a *account, d []byte, now uint64) []byte {
	n, before, why := uint32(1), make([]byte, 32), byte(whyCreated)
	var devices [][]byte
	if prev != nil {
		n, before, why, devices = prev.n+1, hashOf("entry", prev.raw), whyDevice, prev.devices
	}
	if d != nil {
		devices = append(devices, cat(d, u64(now), short("the second")))
	}
	body := cat([]byte{40}, realm, short(user), u32(n), before, []byte{why}, a.public(), u64(now),
		[]byte{byte(len(devices))}, cat(devices...))
	return cat(body, make([]byte, signatureLen), a.sign.sign("entry", body))
}

// rotatedEntry writes the entry that follows prev with other keys of the account.
func rotatedEntry(realm []byte, prev *entry, a, next *account, now uint64) []byte {
	body := cat([]byte{40}, realm, short(prev.user), u32(prev.n+1), hashOf("entry", prev.raw), []byte{whyRotated}, next.public(), u64(now),
		[]byte{byte(len(prev.devices))}, cat(prev.devices...))
	return cat(body, a.sign.sign("entry old", body), next.sign.sign("entry", body))
}
