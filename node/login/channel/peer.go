package channel

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"time"

	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// A PeerConfig is what a client needs to speak with other clients.
type PeerConfig struct {
	Random  io.Reader // safe for concurrent use
	Device  *keys.Device
	Devices Devices
}

// A PeerInitiator dials a user to whom the server has introduced this one. It has
// the shape of a transport.Initiator.
type PeerInitiator struct {
	cfg   PeerConfig
	in    Introduction
	conn  wire.Hash
	state peerState
	first []byte // P1

	e      *keys.Sealer
	stage  *session.First
	b3     []byte
	device wire.KeyId // the peer's
}

type peerState uint8

const (
	peerWantsChallenge peerState = iota
	peerWantsB4
	peerOver
)

// NewPeerInitiator makes the caller's side of an introduction.
func NewPeerInitiator(cfg PeerConfig, in Introduction) (*PeerInitiator, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	p1 := wire.P1{Intro: in.Id}
	if _, err := io.ReadFull(cfg.Random, p1.Nonce[:]); err != nil {
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
	return &PeerInitiator{cfg: cfg, in: in, first: b}, nil
}

// String shows who is dialled, and not the key.
func (p *PeerInitiator) String() string { return p.in.String() }

// GoString keeps %#v from showing the key.
func (p *PeerInitiator) GoString() string { return p.String() }

// Peer returns the peer and which of his devices answers; nil before the handshake is over.
func (p *PeerInitiator) Peer() *IntroducedPeer {
	if p.state != peerOver {
		return nil
	}
	return &IntroducedPeer{User: p.in.Peer, Device: p.device}
}

// First returns P1.
func (p *PeerInitiator) First() ([]byte, error) { return p.first, nil }

// Bind tells the connection. Next can't begin without.
func (p *PeerInitiator) Bind(conn [32]byte) { p.conn = conn }

// Next takes the PeerChallenge and returns PeerB3, or takes B4 and returns B5 and the secrets.
// It returns ErrDrop for anything else.
func (p *PeerInitiator) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	switch p.state {
	case peerWantsChallenge:
		b3, err := p.takeChallenge(msg)
		return b3, nil, err
	case peerWantsB4:
		return p.takeB4(msg)
	}
	return nil, nil, ErrDrop
}

// takeChallenge makes PeerB3 for the device that the callee answers with, which has to be one
// that the log shows.
func (p *PeerInitiator) takeChallenge(msg []byte) ([]byte, error) {
	var c wire.PeerChallenge
	if c.UnmarshalBinary(msg) != nil {
		return nil, ErrDrop
	}
	want, err := macChallenge(p.in.Key, p.in.Self, p.in.Peer, p.conn, p.first, &c)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(want[:], c.Mac[:]) != 1 {
		return nil, ErrDrop
	}
	device, ok := p.cfg.Devices(keys.Fold(p.in.Peer), c.Device)
	if !ok {
		return nil, ErrDrop
	}
	seed, err := keys.NewSeed(p.cfg.Random)
	if err != nil {
		return nil, fmt.Errorf("introduction: %w", err)
	}
	e := keys.NewSealer(seed)
	clear(seed[:])
	start, ct1, err := session.StartTo(&device.Seal)
	if err != nil {
		return nil, ErrDrop
	}
	defer start.Clear()
	head := wire.PeerHead{Keys: wire.ChannelKeys{EPk: e.Public(), Ct1: ct1}}
	headBytes, err := encode(&head)
	if err != nil {
		return nil, err
	}
	first := start.First(p.conn, msg, c.Device, headBytes)
	claim, err := encode(&wire.B3Box{
		User: p.in.Self, Kind: wire.LoginKindDevice, Device: wire.DeviceClaim{Device: p.cfg.Device.Id()},
	})
	if err != nil {
		return nil, err
	}
	b3, err := encode(&wire.PeerB3{Head: head, Box: first.Seal(claim)})
	if err != nil {
		return nil, err
	}
	p.e, p.stage, p.b3, p.device, p.state = e, first, b3, c.Device, peerWantsB4
	return b3, nil
}

// takeB4 opens the callee's answer, which only that device can have made, and signs.
func (p *PeerInitiator) takeB4(msg []byte) ([]byte, *session.Secrets, error) {
	var b4 wire.B4
	if b4.UnmarshalBinary(msg) != nil {
		return nil, nil, ErrDrop
	}
	second, err := p.stage.SecondFrom(p.e, p.b3, &b4.Ct2)
	if err != nil {
		return nil, nil, ErrDrop
	}
	defer second.Clear()
	plain, err := second.Open(b4.Box)
	if err != nil {
		return nil, nil, ErrDrop
	}
	var box wire.B4Box
	if box.UnmarshalBinary(plain) != nil || box.Kind != wire.LoginKindDevice {
		return nil, nil, ErrDrop
	}
	third := second.Third(msg)
	defer third.Clear()
	body, err := proof(third.T3(), p.cfg.Device.Id(), p.in.Self)
	if err != nil {
		return nil, nil, err
	}
	plain, err = encode(&wire.B5Box{
		Kind: wire.LoginKindDevice, Device: wire.DeviceProof{Sig: p.cfg.Device.Signer.Sign(labelDevicePeer, body)},
	})
	if err != nil {
		return nil, nil, err
	}
	b5, err := encode(&wire.B5{Box: third.Seal(plain)})
	if err != nil {
		return nil, nil, err
	}
	done := third.Done(b5)
	defer done.Clear()
	p.Clear()
	return b5, done.Dialler(), nil
}

// Clear overwrites the secrets.
func (p *PeerInitiator) Clear() {
	clear(p.in.Key[:])
	if p.stage != nil {
		p.stage.Clear()
		p.e.Clear()
	}
	p.state = peerOver
}

// A PeerRun is one caller's handshake. It has the shape of a transport.Handshake.
type PeerRun struct {
	introductions *Introductions
	conn          wire.Hash
	state         peerRunState

	in        Introduction
	challenge []byte
	caller    *wire.DeviceKeys
	device    wire.KeyId // the caller's
	third     *session.Third
	peer      *IntroducedPeer
}

type peerRunState uint8

const (
	peerRunWantsP1 peerRunState = iota
	peerRunWantsB3
	peerRunWantsB5
	peerRunOver
)

// An IntroducedPeer is the user at the other end of a direct conn, and which of his devices:
// what PeerRun.Peer returns.
type IntroducedPeer struct {
	User   string
	Device wire.KeyId
}

// Peer returns the *IntroducedPeer, or nil before the handshake is over.
func (r *PeerRun) Peer() any {
	if r.peer == nil {
		return nil
	}
	return r.peer
}

// String shows who calls, and no secret.
func (r *PeerRun) String() string { return "call of " + r.in.Peer }

// GoString keeps %#v from showing what String hides.
func (r *PeerRun) GoString() string { return r.String() }

// Next takes P1 and returns PeerChallenge, takes PeerB3 and returns B4, then takes B5 and
// returns the secrets. An error is to be answered with silence. The run is over with it only if
// the caller himself has done what he must not.
func (r *PeerRun) Next(now time.Time, msg []byte) (reply []byte, s *session.Secrets, err error) {
	switch r.state {
	case peerRunWantsP1:
		reply, err = r.takeP1(now, msg)
	case peerRunWantsB3:
		reply, err = r.takeB3(msg)
	case peerRunWantsB5:
		s, err = r.takeB5(now, msg)
	default:
		err = errRefused
	}
	return reply, s, err
}

// Clear overwrites the secrets and ends the run.
func (r *PeerRun) Clear() {
	if r.third != nil {
		r.third.Clear()
	}
	r.state = peerRunOver
}

// takeP1 answers who knows the introduction.
func (r *PeerRun) takeP1(now time.Time, msg []byte) ([]byte, error) {
	cfg := &r.introductions.cfg
	in, ok := r.introductions.find(now, msg)
	if !ok {
		return nil, errRefused
	}
	c := wire.PeerChallenge{Device: cfg.Device.Id()}
	if _, err := io.ReadFull(cfg.Random, c.Nonce[:]); err != nil {
		return nil, errRefused
	}
	var err error
	if c.Mac, err = macChallenge(in.Key, in.Peer, in.Self, r.conn, msg, &c); err != nil {
		return nil, err
	}
	if r.challenge, err = encode(&c); err != nil {
		return nil, err
	}
	clear(in.Key[:])
	r.in, r.state = in, peerRunWantsB3
	return r.challenge, nil
}

// takeB3 answers a caller with a device that the log shows. That it is he, B5 proves.
func (r *PeerRun) takeB3(msg []byte) ([]byte, error) {
	cfg := &r.introductions.cfg
	var b3 wire.PeerB3
	if b3.UnmarshalBinary(msg) != nil {
		return nil, errRefused
	}
	start, err := session.StartFrom(cfg.Device.Sealer, &b3.Head.Keys.Ct1)
	if err != nil {
		return nil, errRefused
	}
	defer start.Clear()
	first := start.First(r.conn, r.challenge, cfg.Device.Id(), b3.HeadRaw)
	defer first.Clear()
	claim, err := openClaim(first, b3.Box)
	if err != nil || claim.Kind != wire.LoginKindDevice || keys.Fold(claim.User) != keys.Fold(r.in.Peer) {
		return nil, errRefused
	}
	device, ok := cfg.Devices(keys.Fold(r.in.Peer), claim.Device.Device)
	if !ok {
		return nil, errRefused
	}
	second, ct2, err := first.SecondTo(&b3.Head.Keys.EPk, msg)
	if err != nil {
		return nil, errRefused
	}
	defer second.Clear()
	plain, err := encode(&wire.B4Box{Kind: wire.LoginKindDevice})
	if err != nil {
		return nil, err
	}
	b4, err := encode(&wire.B4{Ct2: ct2, Box: second.Seal(plain)})
	if err != nil {
		return nil, err
	}
	r.caller, r.device, r.third, r.state = device, claim.Device.Device, second.Third(b4), peerRunWantsB5
	return b4, nil
}

// takeB5 checks the caller's signature and uses the introduction up.
func (r *PeerRun) takeB5(now time.Time, msg []byte) (*session.Secrets, error) {
	var b5 wire.B5
	if b5.UnmarshalBinary(msg) != nil {
		return nil, errRefused
	}
	plain, err := r.third.Open(b5.Box)
	if err != nil {
		return nil, errRefused
	}
	defer r.Clear()
	body, err := proof(r.third.T3(), r.device, r.in.Peer)
	if err != nil {
		return nil, err
	}
	var box wire.B5Box
	if box.UnmarshalBinary(plain) != nil || box.Kind != wire.LoginKindDevice || box.TreeSize != 0 ||
		keys.VerifyEd(labelDevicePeer, r.caller.Sign, body, &box.Device.Sig) != nil || !r.introductions.use(now, r.in.Id) {
		return nil, errRefused
	}
	done := r.third.Done(msg)
	defer done.Clear()
	r.peer = &IntroducedPeer{User: r.in.Peer, Device: r.device}
	return done.Dialled(), nil
}
