package second

import (
	"bytes"
	"crypto/hpke"
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

// A run is a login on its way.
type run struct {
	*login
	*dialer
	conn  []byte
	step  byte   // of the last message sent
	proof string // the label of a DeviceProof
	out   outcome

	opaque    *opaqueLogin
	ephemeral hpke.PrivateKey
	ss1       []byte
	one       step
	b3        []byte
}

// begin sends B1 and gives B2.
func (l *login) begin(over link) (r *run, b2 []byte, err error) {
	r = &run{login: l, dialer: newDialer(over), proof: "device login"}
	b1 := cat([]byte{41}, random(32))
	if b2, err = r.first(b1); err != nil {
		return nil, nil, err
	}
	r.conn = r.hash(b1)
	return r, b2, nil
}

// ask makes a B3.
func (r *run) ask(b2 []byte) error {
	c1, err := openChallenge(r.server, b2)
	if err != nil {
		return err
	}
	claim := cat(short(r.user), []byte{r.kind})
	switch r.kind {
	case byPassword:
		r.opaque = startOpaque([]byte(r.password), folded(r.user), r.server.realm)
		claim = cat(claim, r.opaque.ke1)
	case byDevice:
		claim = cat(claim, r.device.id())
	}
	keys, err := r.draw(r.server.seal)
	if err != nil {
		return err
	}
	head := cat([]byte{43}, b2, keys, c1.solve(r.conn, keys))
	r.sealClaim(b2, r.server.id(), head, claim)
	return nil
}

// draw makes ChannelKeys for the holder of a SealingKey.
func (r *run) draw(seal []byte) (keys []byte, err error) {
	r.ephemeral = newSealer(random(32))
	var ct1 []byte
	ct1, r.ss1, err = encapsulate(seal, "channel first")
	return cat(r.ephemeral.PublicKey().Bytes(), ct1), err
}

// sealClaim makes B3 of its head and box.
func (r *run) sealClaim(challenge, server, head, claim []byte) {
	r.one = step1(r.conn, challenge, server, head, r.ss1)
	r.b3 = cat(head, long(r.one.seal("b3", padded(claim, 192))))
}

// claim sends B3, more than once if the server asks for more work, and gives B4.
func (r *run) claim(b2 []byte) (b4 []byte, err error) {
	kind := byte(kindHello)
	for rounds := 1; ; rounds++ {
		if err := r.ask(b2); err != nil {
			return nil, err
		}
		r.step += 2
		answer, err := r.exchange(kind, r.step, r.b3, kindAccept)
		if err != nil {
			return nil, err
		}
		if len(answer) != challengeLen {
			return answer, nil
		}
		if rounds == 4 {
			return nil, errors.New("the server asks for work again and again")
		}
		b2, kind = answer, kindAccept
	}
}

// establish opens B4, sends B5 and takes the keys.
func (r *run) establish(b4 []byte) (four step, err error) {
	s := cryptobyte.String(b4)
	var ct2 []byte
	var box cryptobyte.String
	if !s.ReadBytes(&ct2, encapsulationLen) || !s.ReadUint16LengthPrefixed(&box) || !s.Empty() {
		return step{}, errDecode
	}
	ss2, err := decapsulate(r.ephemeral, "channel second", ct2)
	if err != nil {
		return step{}, err
	}
	two := step2(r.one, r.b3, ct2, r.ss1, ss2)
	credentials, err := two.open("b4", box)
	if err != nil {
		return step{}, err
	}
	if len(credentials)%64 != 0 || credentials[0] != r.kind {
		return step{}, errDecode
	}
	three := step3(two, b4)
	proof, err := r.prove(two, three, credentials[1:])
	if err != nil {
		return step{}, err
	}
	b5 := long(three.seal("b5", padded(cat(u64(r.known.leaves), []byte{r.kind}, proof), 64)))
	four = step4(three, b5)
	r.step += 2
	again := func() error { return r.post(kindAccept, r.step, b5) }
	if err := again(); err != nil {
		return step{}, err
	}
	r.out.session, err = newSession(r.dialer, four.c2s(), four.s2c(), again)
	return four, err
}

// finish opens the session and B6.
func (r *run) finish(b4 []byte) (*outcome, error) {
	four, err := r.establish(b4)
	if err != nil {
		return nil, err
	}
	out := &r.out
	if out.control, err = out.write(signalFrame(0), false); err != nil {
		return nil, err
	}
	b6, err := out.frame(out.control)
	if err != nil {
		return nil, err
	}
	return out, r.open6(out, four, b6)
}

// dial logs in.
func (l *login) dial(over link) (*outcome, error) {
	r, b2, err := l.begin(over)
	if err != nil {
		return nil, err
	}
	b4, err := r.claim(b2)
	if err != nil {
		return nil, err
	}
	return r.finish(b4)
}

// prove makes what B5 says besides the tree's size.
func (r *run) prove(two, three step, credentials []byte) ([]byte, error) {
	if r.kind == anonymous {
		return r.invitation, nil
	}
	body := cat(three.t, r.device.id(), short(folded(r.user)))
	if r.kind == byDevice {
		return r.device.sign.sign(r.proof, body), nil
	}
	ke2, wrapped := credentials[:ke2Len], credentials[ke2Len:ke2Len+92]
	ke3, exportKey, err := r.opaque.finish(cat(label("opaque"), two.t), ke2)
	if err != nil {
		return nil, err
	}
	if r.out.account, err = unwrap(r.server.realm, r.user, exportKey, wrapped); err != nil {
		return nil, err
	}
	return cat(ke3, r.device.public(), r.out.account.sign.sign("enrol", body), r.device.sign.sign("enrol device", body)), nil
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
