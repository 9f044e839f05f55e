package classic

import (
	"errors"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// ErrM6 says that the first frame of a session is not the server's message 6.
var ErrM6 = errors.New("login: the server's last message is not genuine")

// maxTime is the last time that a message may name, in ms: the end of the year 9999.
const maxTime = 253_402_300_799_999

// A Session is what message 6 says of itself.
type Session struct {
	Id         [16]byte
	ServerTime time.Time // when it was written, by the server's clock
}

// OpenM6 opens message 6, once. What the manifest says is for package directory to check.
func (c *Client) OpenM6(msg []byte) (*Session, *wire.SignedManifest, error) {
	if c.state != wantM6 {
		return nil, nil, ErrM6
	}
	plain, err := c.schedule.m6.Open(labelM6.Bytes(), msg)
	if err != nil {
		return nil, nil, ErrM6
	}
	var m6 wire.M6
	if m6.UnmarshalBinary(plain) != nil || m6.Session != c.schedule.id || m6.NowMs > maxTime {
		return nil, nil, ErrM6
	}
	c.Clear()
	return &Session{m6.Session, time.UnixMilli(int64(m6.NowMs))}, &m6.Manifest, nil
}

// A Peer is a user who has logged in: what Run.Peer returns.
type Peer struct {
	User    string // as registered
	Key     *keys.PublicKey
	Session [16]byte

	m6 *keys.OnceKey // nil once it was used
}

// String shows who it is.
func (p *Peer) String() string { return p.User }

// GoString keeps %#v from showing the key.
func (p *Peer) GoString() string { return p.String() }

// SealM6 makes message 6. Its key serves once, so there is no second one.
func (p *Peer) SealM6(now time.Time, manifest *wire.SignedManifest) ([]byte, error) {
	if p.m6 == nil {
		return nil, errors.New("login: message 6 was made already")
	}
	plain, err := encode(&wire.M6{Session: p.Session, NowMs: uint64(max(now.UnixMilli(), 0)), Manifest: *manifest})
	if err != nil {
		return nil, err
	}
	sealed := p.m6.Seal(labelM6.Bytes(), plain)
	p.m6.Clear()
	p.m6 = nil
	return sealed, nil
}
