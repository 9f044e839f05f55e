package channel

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/wire"
)

// maxIntroductions is how many introductions may wait for their caller.
const maxIntroductions = 1024

// An Introduction is what the server gives to two users, so that one can dial the
// other. It serves once.
type Introduction struct {
	Id      [16]byte
	Key     [32]byte
	Self    string // the user who holds this half
	Peer    string
	Expires time.Time
}

// String shows who is introduced, and not the key.
func (in Introduction) String() string { return in.Self + " and " + in.Peer }

// GoString keeps %#v from showing the key.
func (in Introduction) GoString() string { return in.String() }

func (in *Introduction) check() error {
	if err := errors.Join(keys.CheckName(in.Self), keys.CheckName(in.Peer)); err != nil {
		return fmt.Errorf("introduction: %w", err)
	}
	return nil
}

// macP1 is the caller's proof that the server has sent him.
func macP1(key [32]byte, caller, callee string, p *wire.P1) ([32]byte, error) {
	b, err := encode(&wire.P1Input{Intro: p.Intro, Nonce: p.Nonce, Caller: keys.Fold(caller), Callee: keys.Fold(callee)})
	if err != nil {
		return [32]byte{}, err
	}
	return labelP1.MAC(key[:], b), nil
}

// macChallenge is the callee's. It covers the caller's message and the connection.
func macChallenge(key [32]byte, caller, callee string, conn wire.Hash, p1 []byte, c *wire.PeerChallenge) ([32]byte, error) {
	b, err := encode(&wire.PeerChallengeInput{
		Conn: conn, P1: labelP1Hash.Hash(p1), Nonce: c.Nonce, Device: c.Device,
		Caller: keys.Fold(caller), Callee: keys.Fold(callee),
	})
	if err != nil {
		return [32]byte{}, err
	}
	return labelPeerChallenge.MAC(key[:], b), nil
}

// Devices finds a user's device, as the log shows it to this client; false if the log
// doesn't. The name is in lower case.
type Devices func(folded string, device wire.KeyId) (*wire.DeviceKeys, bool)

// Introductions are the introductions of which this user is the callee. They have the
// shape of a transport.Responder and are safe for concurrent use.
type Introductions struct {
	cfg PeerConfig

	mu      sync.Mutex
	waiting map[[16]byte]Introduction
}

// NewIntroductions expects nobody yet.
func NewIntroductions(cfg PeerConfig) *Introductions {
	return &Introductions{cfg: cfg, waiting: make(map[[16]byte]Introduction)}
}

// Add expects a caller. Where too many are expected already the newcomer is refused.
func (t *Introductions) Add(now time.Time, in Introduction) error {
	if err := in.check(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, old := range t.waiting {
		if now.After(old.Expires) {
			delete(t.waiting, id)
		}
	}
	if _, ok := t.waiting[in.Id]; ok || len(t.waiting) >= maxIntroductions {
		return errors.New("introduction: known already, or too many are waiting")
	}
	t.waiting[in.Id] = in
	return nil
}

// find returns the introduction that a P1 proves to know.
func (t *Introductions) find(now time.Time, msg []byte) (Introduction, bool) {
	var p1 wire.P1
	if p1.UnmarshalBinary(msg) != nil {
		return Introduction{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	in, ok := t.waiting[p1.Intro]
	if !ok || now.After(in.Expires) {
		return Introduction{}, false
	}
	want, err := macP1(in.Key, in.Peer, in.Self, &p1)
	if err != nil || subtle.ConstantTimeCompare(want[:], p1.Mac[:]) != 1 {
		return Introduction{}, false
	}
	return in, true
}

// use takes an introduction out. It reports false if it was used up meanwhile.
func (t *Introductions) use(now time.Time, id [16]byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	in, ok := t.waiting[id]
	delete(t.waiting, id)
	return ok && !now.After(in.Expires)
}

// First lets a run begin for a P1 that is the caller's.
func (t *Introductions) First(now time.Time, _ netip.AddrPort, msg []byte) (Verdict, []byte) {
	if _, ok := t.find(now, msg); !ok {
		return Drop, nil
	}
	return Proceed, nil
}

// Begin starts the run of a caller.
func (t *Introductions) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) *PeerRun {
	return &PeerRun{introductions: t, conn: conn}
}
