package channel

import (
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// maxTime is the last time that a message may name, in ms: the end of the year 9999.
const maxTime = 253_402_300_799_999

// OpenB6 reads B6, the first frame of the session. What the head of the log says is for
// package directory to check. The error is ErrServer: whoever speaks on the session is
// the server.
func (c *Client) OpenB6(msg []byte) (*wire.B6, error) {
	var b6 wire.B6
	if c.id == [16]byte{} || b6.UnmarshalBinary(msg) != nil || b6.Session != c.id || b6.NowMs > maxTime || !c.mayHave(b6.Scope) {
		return nil, ErrServer
	}
	c.id = [16]byte{}
	return &b6, nil
}

// mayHave reports whether a login of this kind can lead to such a session.
func (c *Client) mayHave(scope wire.SessionScope) bool {
	switch scope {
	case wire.SessionScopeFull:
		return c.kind != wire.LoginKindAnonymous
	case wire.SessionScopeEnrol:
		return c.kind == wire.LoginKindPassword
	case wire.SessionScopeRegister:
		return c.kind == wire.LoginKindAnonymous
	}
	return false
}

// A Peer is a user who has logged in: what Run.Peer returns.
type Peer struct {
	User    string     // as registered; empty with an invitation
	Device  wire.KeyId // zero with an invitation
	Scope   wire.SessionScope
	Session [16]byte

	TreeSize   uint64              // of the log as the client knows it
	DeviceKeys *wire.DeviceKeys    // of a login by password, else nil
	Record     *wire.AccountRecord // by which the password was proved, else nil
	Invitation *wire.Invitation    // of a login with one, else nil
}

// String shows who it is.
func (p *Peer) String() string {
	if p.Invitation != nil {
		return "somebody with an invitation"
	}
	return p.User + " at " + keys.Fingerprint(p.Device)
}

// B6 makes the first frame of the session.
func (p *Peer) B6(now time.Time, head *wire.TreeHead, proof *wire.TreeProof) ([]byte, error) {
	return encode(&wire.B6{
		Session: p.Session, NowMs: uint64(max(now.UnixMilli(), 0)), Scope: p.Scope,
		Head: *head, Proof: *proof,
	})
}
