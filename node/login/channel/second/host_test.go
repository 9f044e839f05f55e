package second

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// A host is the server's side of the login, by password and by device: of one client at a
// time, and with nothing behind it.
type host struct {
	realm  []byte
	sign   signer
	seal   hpke.PrivateKey
	opaque *opaqueHost
	decoy  []byte
	users  map[string]*hosted // by their names in lower case
	leaves [][]byte           // their hashes
}

// A hosted is a user as the server knows him.
type hosted struct {
	record, wrapped []byte
	account         []byte   // AccountKeys
	devices         [][]byte // DeviceKeys
}

func newHost() *host {
	return &host{
		realm: random(16), sign: newSigner(random(32)), seal: newSealer(random(32)),
		opaque: newOpaqueHost(), decoy: random(32), users: map[string]*hosted{},
	}
}

func (h *host) key() serverKey {
	s := cryptobyte.String(cat(h.realm, h.sign.public(), h.seal.PublicKey().Bytes()))
	k, ok := decodeServerKey(&s)
	if !ok {
		panic(errDecode)
	}
	return k
}

// add makes a user with a password, and with a device if there is one.
func (h *host) add(user, password string, d []byte) error {
	name := folded(user)
	b := blind([]byte(password), name, h.realm)
	response, err := h.opaque.respond(name, b.message)
	if err != nil {
		return err
	}
	record, exportKey, err := b.register(response)
	if err != nil {
		return err
	}
	a := newAccount()
	u := &hosted{record: record, wrapped: a.wrap(h.realm, user, exportKey), account: a.public()}
	if d != nil {
		u.devices = [][]byte{d}
	}
	h.users[string(name)] = u
	h.leaves = append(h.leaves, leafHash(newEntry(h.realm, user, nil, a, d, uint64(time.Now().UnixMilli()))))
	return nil
}

// head is the TreeHead, with a proof from the empty tree.
func (h *host) head() []byte {
	root := rootOf(h.leaves)
	text := fmt.Sprintf("sotto/1 log %x\n%d\n%s\n", h.realm, len(h.leaves), base64.StdEncoding.EncodeToString(root))
	return cat(u64(uint64(len(h.leaves))), root, ed25519.Sign(h.sign.PrivateKey, []byte(text)))
}

// challenge makes B2, with k solutions.
func (h *host) challenge(k byte, now time.Time) []byte {
	body := cat([]byte{20}, h.key().id(), random(32), []byte{2, k}, u64(uint64(now.UnixMilli())), u16(20))
	return cat(body, h.sign.sign("channel c1", body))
}

// retry answers HELLOs until one comes with a token, and gives the first message and the
// dialer of the rest, which has its ID and that of the client.
func (h *host) retry(l link) (d *dialer, b1, b2 []byte, hello *packet, err error) {
	d = newDialer(l)
	token := random(200) // as long as they may get
	for quiet := 0; quiet < silences; quiet++ {
		datagram, err := l.receive()
		if err != nil {
			return nil, nil, nil, nil, err
		}
		p, err := openPacket(datagram)
		if datagram == nil || err != nil || p.kind != kindHello || len(datagram) < helloMin {
			continue
		}
		if p.destination == d.local && p.source == d.peer && bytes.Equal(p.token, token) {
			return d, b1, b2, p, nil
		}
		var whole assembly
		message := whole.add(p.payload, 0)
		if p.destination != (cid{}) || len(p.token) != 0 || len(message) != 33 || message[0] != 41 {
			continue
		}
		if b1 == nil {
			b1, b2, d.peer = message, h.challenge(1, time.Now()), p.source
		}
		if !bytes.Equal(b1, message) {
			continue // another client, whose turn isn't yet
		}
		k := kex{1, len(b2), 0, b2}
		answer := packet{kind: kindRetry, destination: d.peer, source: d.local, token: token, payload: k.encode()}
		if err := l.send(answer.seal()); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	return nil, nil, nil, nil, errSilence
}

// A guest is a login at the host.
type guest struct {
	*host
	conn []byte
	user string
	kind byte
	ke3  []byte // the one that is to come
	two  step
}

// serve lets one client log in, up to its B6. It asks for more work once if more is set.
// The session is the client's from then on.
func (h *host) serve(l link, more bool) (*session, error) {
	d, b1, b2, hello, err := h.retry(l)
	if err != nil {
		return nil, err
	}
	first := sha256.Sum256(b1)
	conn := sha256.Sum256(cat(label("conn"), d.peer[:], d.local[:], first[:]))
	g := &guest{host: h, conn: conn[:]}

	b3, err := d.await(2, kindHello, hello)
	if err != nil {
		return nil, err
	}
	n := byte(3)
	if more {
		b2 = h.challenge(2, time.Now())
		if b3, err = d.exchange(kindAccept, n, b2, kindAccept); err != nil {
			return nil, err
		}
		n += 2
	}
	b4, err := g.answer(b2, b3)
	if err != nil {
		return nil, err
	}
	b5, err := d.exchange(kindAccept, n, b4, kindAccept)
	if err != nil {
		return nil, err
	}
	four, scope, err := g.check(b4, b5)
	if err != nil {
		return nil, err
	}
	s, err := newSession(d, four.s2c(), four.c2s(), nil)
	if err != nil {
		return nil, err
	}
	signal, err := s.frame(0)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(signal, signalFrame(0)[3:]) {
		return nil, errors.New("the control stream begins with something else than an ack of 0")
	}
	b6 := cat([]byte{46}, four.id(), u64(uint64(time.Now().UnixMilli())), []byte{scope}, h.head(), []byte{0})
	return s, s.more(0, frame(b6), false)
}

// answer takes B3 and makes B4.
func (g *guest) answer(b2, b3 []byte) ([]byte, error) {
	s := cryptobyte.String(b3)
	var c1, keys, xs []byte
	var k uint8
	var box cryptobyte.String
	if !s.Skip(1) || !s.ReadBytes(&c1, challengeLen) || !s.ReadBytes(&keys, sealingKeyLen+encapsulationLen) ||
		!s.ReadUint8(&k) || !s.ReadBytes(&xs, int(k)*32) {
		return nil, errDecode
	}
	head := b3[:len(b3)-len(s)]
	if !s.ReadUint16LengthPrefixed(&box) || !s.Empty() || b3[0] != 43 || !bytes.Equal(c1, b2) {
		return nil, errDecode
	}
	challenge, err := openChallenge(g.key(), b2)
	if err != nil {
		return nil, err
	}
	if !challenge.solved(g.conn, keys, k, xs) {
		return nil, errors.New("the puzzle isn't solved")
	}
	ss1, err := decapsulate(g.seal, "channel first", keys[sealingKeyLen:])
	if err != nil {
		return nil, err
	}
	one := step1(g.conn, b2, g.key().id(), head, ss1)
	claim, err := one.open("b3", box)
	if err != nil {
		return nil, err
	}
	ct2, ss2, err := encapsulate(keys[:sealingKeyLen], "channel second")
	if err != nil {
		return nil, err
	}
	g.two = step2(one, b3, ct2, ss1, ss2)
	credentials, err := g.credentials(claim)
	if err != nil {
		return nil, err
	}
	return cat(ct2, long(g.two.seal("b4", padded(credentials, 64)))), nil
}

// credentials is the B4Box for a B3Box.
func (g *guest) credentials(claim []byte) ([]byte, error) {
	s := cryptobyte.String(claim)
	var user cryptobyte.String
	if len(claim) != 192 || !s.ReadUint8LengthPrefixed(&user) || !s.ReadUint8(&g.kind) {
		return nil, errDecode
	}
	g.user = strings.ToLower(string(user))
	if g.kind != byPassword {
		return []byte{g.kind}, nil
	}
	name := folded(g.user)
	record, wrapped := g.opaque.fake(name), expand(extract(hashOf("decoy name", name), g.decoy), "decoy account", 92)
	if u := g.users[g.user]; u != nil {
		record, wrapped = u.record, u.wrapped
	}
	ke2, ke3, err := g.opaque.answer(record, name, g.realm, cat(label("opaque"), g.two.t), s[:ke1Len])
	g.ke3 = ke3
	return cat([]byte{g.kind}, ke2, wrapped), err
}

// check takes B5.
func (g *guest) check(b4, b5 []byte) (four step, scope byte, err error) {
	three := step3(g.two, b4)
	s := cryptobyte.String(b5)
	var box cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&box) || !s.Empty() {
		return step{}, 0, errDecode
	}
	plain, err := three.open("b5", box)
	if err != nil {
		return step{}, 0, err
	}
	u := g.users[g.user]
	if len(plain)%64 != 0 || plain[8] != g.kind || u == nil {
		return step{}, 0, errDecode
	}
	proof := plain[9:]
	refused := errors.New("the proof of a client is wrong")
	body := func(device []byte) []byte { return cat(three.t, hashOf("device", device), short(g.user)) }
	scope = scopeFull
	switch g.kind {
	case byDevice:
		if len(u.devices) != 1 || !verify(u.devices[0][:verifyKeyLen], "device login", body(u.devices[0]), proof[:signatureLen]) {
			return step{}, 0, refused
		}
	case byPassword:
		ke3, device, sig := proof[:ke3Len], proof[ke3Len:ke3Len+publicLen], proof[ke3Len+publicLen:][:signatureLen]
		deviceSig := proof[ke3Len+publicLen+signatureLen:][:signatureLen]
		if !bytes.Equal(ke3, g.ke3) || !verify(u.account[:verifyKeyLen], "enrol", body(device), sig) ||
			!verify(device[:verifyKeyLen], "enrol device", body(device), deviceSig) {
			return step{}, 0, refused
		}
		if len(u.devices) != 1 || !bytes.Equal(device, u.devices[0]) {
			scope = scopeEnrol
		}
	}
	return step4(three, b5), scope, nil
}
