package second

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

const (
	byPassword = 1
	byDevice   = 2
	anonymous  = 3

	scopeFull     = 1
	scopeEnrol    = 2
	scopeRegister = 3
)

// A pair is two keys: a device's, or an account's.
type pair struct {
	seeds []byte
	sign  signer
	seal  hpke.PrivateKey
}

type (
	device  struct{ pair }
	account struct{ pair }
)

func newPair(seeds []byte) pair {
	return pair{seeds, newSigner(seeds[:32]), newSealer(seeds[32:])}
}

func (p pair) public() []byte { return cat(p.sign.public(), p.seal.PublicKey().Bytes()) }

func (d *device) id() []byte { return hashOf("device", d.public()) }

// A login is what a client knows before it dials.
type login struct {
	server     serverKey
	user       string
	kind       byte
	password   string
	device     *device
	invitation []byte
	known      treeHead
}

// An outcome is what it has afterwards.
type outcome struct {
	*session
	control uint64
	account *account // by password
	scope   byte
	head    treeHead
	now     uint64
}

func folded(user string) []byte { return []byte(strings.ToLower(user)) }

// wrapping is the key and the associated data of a WrappedAccount.
func wrapping(realm []byte, user string, exportKey []byte) (key, aad []byte) {
	return expand(exportKey, "account key", 32), cat(label("account key"), realm, short(folded(user)))
}

func (a *account) wrap(realm []byte, user string, exportKey []byte) []byte {
	key, aad := wrapping(realm, user, exportKey)
	iv := random(12)
	return cat(iv, gcm(key).Seal(nil, iv, a.seeds, aad))
}

func unwrap(realm []byte, user string, exportKey, wrapped []byte) (*account, error) {
	key, aad := wrapping(realm, user, exportKey)
	seeds, err := gcm(key).Open(nil, wrapped[:12], wrapped[12:], aad)
	if err != nil {
		return nil, errOpen
	}
	return &account{newPair(seeds)}, nil
}

// dial logs in.
func (l *login) dial(over link) (*outcome, error) {
	d := newDialer(over)
	b1 := cat([]byte{41}, random(32))
	b2, err := d.first(b1)
	if err != nil {
		return nil, err
	}
	first := sha256.Sum256(b1)
	conn := sha256.Sum256(cat(label("conn"), d.local[:], d.peer[:], first[:]))

	// B3 and B4.
	c1, err := openChallenge(l.server, b2)
	if err != nil {
		return nil, err
	}
	var opaque *opaqueLogin
	claim := cat(short(l.user), []byte{l.kind})
	switch l.kind {
	case byPassword:
		opaque = startOpaque([]byte(l.password), folded(l.user), l.server.realm)
		claim = cat(claim, opaque.ke1)
	case byDevice:
		claim = cat(claim, l.device.id())
	}
	ephemeral := newSealer(random(32))
	ct1, ss1, err := encapsulate(l.server.seal, "channel first")
	if err != nil {
		return nil, err
	}
	keys := cat(ephemeral.PublicKey().Bytes(), ct1)
	head := cat([]byte{43}, b2, keys, c1.solve(conn[:], keys))
	one := step1(conn[:], b2, l.server.id(), head, ss1)
	b3 := cat(head, long(one.seal("b3", padded(claim, 192))))
	b4, err := d.exchange(kindHello, 2, b3, kindAccept)
	if err != nil {
		return nil, err
	}
	s := cryptobyte.String(b4)
	var ct2 []byte
	var box cryptobyte.String
	if !s.ReadBytes(&ct2, encapsulationLen) || !s.ReadUint16LengthPrefixed(&box) || !s.Empty() {
		return nil, errDecode
	}
	ss2, err := decapsulate(ephemeral, "channel second", ct2)
	if err != nil {
		return nil, err
	}
	two := step2(one, b3, ct2, ss1, ss2)
	credentials, err := two.open("b4", box)
	if err != nil {
		return nil, err
	}
	if len(credentials)%64 != 0 || credentials[0] != l.kind {
		return nil, errDecode
	}

	// B5.
	three := step3(two, b4)
	out := new(outcome)
	proof, err := l.prove(out, two, three, opaque, credentials[1:])
	if err != nil {
		return nil, err
	}
	b5 := long(three.seal("b5", padded(cat(u64(l.known.leaves), []byte{l.kind}, proof), 64)))
	four := step4(three, b5)
	again := func() error { return d.post(kindAccept, 4, b5) }
	if err := again(); err != nil {
		return nil, err
	}
	if out.session, err = newSession(d, four.c2s(), four.s2c(), again); err != nil {
		return nil, err
	}

	// B6.
	if out.control, err = out.write(signalFrame(0), false); err != nil {
		return nil, err
	}
	b6, err := out.frame(out.control)
	if err != nil {
		return nil, err
	}
	return out, l.open6(out, four, b6)
}

// prove makes what B5 says besides the tree's size.
func (l *login) prove(out *outcome, two, three step, opaque *opaqueLogin, credentials []byte) ([]byte, error) {
	if l.kind == anonymous {
		return l.invitation, nil
	}
	body := cat(three.t, l.device.id(), short(folded(l.user)))
	if l.kind == byDevice {
		return l.device.sign.sign("device login", body), nil
	}
	ke2, wrapped := credentials[:ke2Len], credentials[ke2Len:ke2Len+92]
	ke3, exportKey, err := opaque.finish(cat(label("opaque"), two.t), ke2)
	if err != nil {
		return nil, err
	}
	if out.account, err = unwrap(l.server.realm, l.user, exportKey, wrapped); err != nil {
		return nil, err
	}
	return cat(ke3, l.device.public(), out.account.sign.sign("enrol", body)), nil
}

func (l *login) open6(out *outcome, four step, b6 []byte) error {
	s := cryptobyte.String(b6)
	var kind uint8
	var id []byte
	if !s.ReadUint8(&kind) || kind != 46 || !s.ReadBytes(&id, 16) || !s.ReadUint64(&out.now) || !s.ReadUint8(&out.scope) {
		return errDecode
	}
	if !bytes.Equal(id, four.id()) {
		return errors.New("B6 names another session")
	}
	var err error
	if out.head, err = readHead(&s, l.server); err != nil {
		return err
	}
	proof, ok := readProof(&s)
	if !ok || !s.Empty() {
		return errDecode
	}
	return out.head.continues(l.known, proof)
}
