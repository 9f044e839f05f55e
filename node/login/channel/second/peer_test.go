package second

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// A call is a client on its way to another whom the server has introduced it to.
type call struct {
	run
	intro, key []byte
	callee     string
	keys       []byte // the callee's DeviceKeys, as the log shows them
}

func newCall(over link, caller string, d *device, callee string, keys, intro, key []byte) *call {
	c := &call{intro: intro, key: key, callee: callee, keys: keys}
	c.login = &login{user: caller, kind: byDevice, device: d}
	c.dialer, c.proof = newDialer(over), "device peer"
	return c
}

func (c *call) mac(name string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, c.key)
	m.Write(cat(label(name), cat(parts...)))
	return m.Sum(nil)
}

// dial goes from P1 to the keys.
func (c *call) dial() (*session, error) {
	names := cat(short(folded(c.user)), short(folded(c.callee)))
	nonce := random(32)
	p1 := cat([]byte{33}, c.intro, nonce, c.mac("p1", c.intro, nonce, names))
	challenge, err := c.exchange(kindHello, 0, p1, kindAccept)
	if err != nil {
		return nil, err
	}
	c.conn = c.hash(p1)
	if len(challenge) != 97 || challenge[0] != 47 {
		return nil, errDecode
	}
	nonce, id, mac := challenge[1:33], challenge[33:65], challenge[65:]
	if !hmac.Equal(mac, c.mac("peer challenge", c.conn, hashOf("p1 hash", p1), nonce, id, names)) {
		return nil, errors.New("the challenge of a peer is somebody else's")
	}
	if !bytes.Equal(id, hashOf("device", c.keys)) {
		return nil, errors.New("the log doesn't show the peer's device")
	}
	keys, err := c.draw(c.keys[verifyKeyLen:])
	if err != nil {
		return nil, err
	}
	claim := cat(short(c.user), []byte{byDevice}, c.device.id())
	c.sealClaim(challenge, id, cat([]byte{48}, keys), claim)
	c.step = 2
	b4, err := c.exchange(kindAccept, c.step, c.b3, kindAccept)
	if err != nil {
		return nil, err
	}
	_, err = c.establish(b4)
	return c.out.session, err
}
