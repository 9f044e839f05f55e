package classic

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"sotto/node/keys"
	"sotto/node/session"
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
	return errors.Join(keys.CheckName(in.Self), keys.CheckName(in.Peer))
}

// macP1 is the caller's proof.
func macP1(key [32]byte, caller, callee string, p *wire.P1) ([32]byte, error) {
	b, err := encode(&wire.P1Input{Intro: p.Intro, Nonce: p.Nonce, Caller: keys.Fold(caller), Callee: keys.Fold(callee)})
	if err != nil {
		return [32]byte{}, err
	}
	return labelP1.MAC(key[:], b), nil
}

// macP2 is the callee's proof. It covers the caller's message and the connection.
func macP2(key [32]byte, caller, callee string, conn, p1 wire.Hash, p *wire.P2) ([32]byte, error) {
	b, err := encode(&wire.P2Input{Conn: conn, P1: p1, Nonce: p.Nonce, Caller: keys.Fold(caller), Callee: keys.Fold(callee)})
	if err != nil {
		return [32]byte{}, err
	}
	return labelP2.MAC(key[:], b), nil
}

// peerSecrets are the traffic secrets of both directions.
func peerSecrets(key [32]byte, conn, p1, p2 wire.Hash) (caller, callee [32]byte, err error) {
	b, err := encode(&wire.PeerTranscript{Conn: conn, P1: p1, P2: p2})
	if err != nil {
		return caller, callee, err
	}
	salt := labelPeerTranscript.Hash(b)
	prk := keys.Extract(key[:], salt[:])
	defer clear(prk)
	labelPeerCaller.Expand(prk, caller[:])
	labelPeerCallee.Expand(prk, callee[:])
	return caller, callee, nil
}

// A PeerInitiator dials a user to whom the server has introduced this one. It has
// the shape of a transport.Initiator.
type PeerInitiator struct {
	in    Introduction
	conn  wire.Hash
	first []byte
}

// NewPeerInitiator makes the caller's side of an introduction.
func NewPeerInitiator(random io.Reader, in Introduction) (*PeerInitiator, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("introduction: %w", err)
	}
	p1 := wire.P1{Intro: in.Id}
	if _, err := io.ReadFull(random, p1.Nonce[:]); err != nil {
		return nil, fmt.Errorf("introduction: %w", err)
	}
	var err error
	if p1.Mac, err = macP1(in.Key, in.Self, in.Peer, &p1); err != nil {
		return nil, err
	}
	b, err := encode(&p1)
	if err != nil {
		return nil, err
	}
	return &PeerInitiator{in: in, first: b}, nil
}

// String shows who is dialled, and not the key.
func (p *PeerInitiator) String() string { return p.in.String() }

// GoString keeps %#v from showing the key.
func (p *PeerInitiator) GoString() string { return p.String() }

// First returns P1.
func (p *PeerInitiator) First() ([]byte, error) { return p.first, nil }

// Bind tells the connection. Next can't begin without.
func (p *PeerInitiator) Bind(conn [32]byte) { p.conn = conn }

// Next takes P2 and returns the secrets, or ErrDrop for anything else.
func (p *PeerInitiator) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	var p2 wire.P2
	if p2.UnmarshalBinary(msg) != nil {
		return nil, nil, ErrDrop
	}
	p1 := labelP1Hash.Hash(p.first)
	want, err := macP2(p.in.Key, p.in.Self, p.in.Peer, p.conn, p1, &p2)
	if err != nil {
		return nil, nil, err
	}
	if subtle.ConstantTimeCompare(want[:], p2.Mac[:]) != 1 {
		return nil, nil, ErrDrop
	}
	caller, callee, err := peerSecrets(p.in.Key, p.conn, p1, labelP2Hash.Hash(msg))
	if err != nil {
		return nil, nil, err
	}
	p.Clear()
	return nil, &session.Secrets{Send: caller, Receive: callee}, nil
}

// Clear overwrites the key.
func (p *PeerInitiator) Clear() { clear(p.in.Key[:]) }

// Introductions are the introductions of which this user is the callee. They have the
// shape of a transport.Responder and are safe for concurrent use.
type Introductions struct {
	Random io.Reader

	mu      sync.Mutex
	waiting map[[16]byte]Introduction
}

// Add expects a caller. Where too many are expected already the newcomer is refused.
func (t *Introductions) Add(now time.Time, in Introduction) error {
	if err := in.check(); err != nil {
		return fmt.Errorf("introduction: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = make(map[[16]byte]Introduction)
	}
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
func (t *Introductions) find(now time.Time, msg []byte, take bool) (Introduction, bool) {
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
	if take {
		delete(t.waiting, p1.Intro)
	}
	return in, true
}

// First lets a run begin for a P1 that is the caller's.
func (t *Introductions) First(now time.Time, _ netip.AddrPort, msg []byte) (Verdict, []byte) {
	if _, ok := t.find(now, msg, false); !ok {
		return Drop, nil
	}
	return Proceed, nil
}

// Begin starts the run of a caller.
func (t *Introductions) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) *PeerRun {
	return &PeerRun{introductions: t, conn: conn}
}

// A PeerRun is one caller's handshake. It has the shape of a transport.Handshake.
type PeerRun struct {
	introductions *Introductions
	conn          wire.Hash
	peer          *IntroducedPeer
}

// An IntroducedPeer is the user at the other end of a direct conn: what PeerRun.Peer
// returns.
type IntroducedPeer struct{ User string }

// Peer returns the *IntroducedPeer, or nil before the handshake is over.
func (r *PeerRun) Peer() any {
	if r.peer == nil {
		return nil
	}
	return r.peer
}

// Next takes P1, uses the introduction up, and returns P2 and the secrets.
func (r *PeerRun) Next(now time.Time, msg []byte) ([]byte, *session.Secrets, error) {
	in, ok := r.introductions.find(now, msg, true)
	if !ok || r.peer != nil {
		return nil, nil, errRefused
	}
	defer clear(in.Key[:])
	var p2 wire.P2
	if _, err := io.ReadFull(r.introductions.Random, p2.Nonce[:]); err != nil {
		return nil, nil, errRefused
	}
	p1 := labelP1Hash.Hash(msg)
	var err error
	if p2.Mac, err = macP2(in.Key, in.Peer, in.Self, r.conn, p1, &p2); err != nil {
		return nil, nil, err
	}
	reply, err := encode(&p2)
	if err != nil {
		return nil, nil, err
	}
	caller, callee, err := peerSecrets(in.Key, r.conn, p1, labelP2Hash.Hash(reply))
	if err != nil {
		return nil, nil, err
	}
	r.peer = &IntroducedPeer{User: in.Peer}
	return reply, &session.Secrets{Send: callee, Receive: caller}, nil
}
