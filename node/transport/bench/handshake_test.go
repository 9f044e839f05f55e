package bench

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"

	"sotto/node/session"
	"sotto/node/transport"
)

// The handshake is as dear as TLS 1.3 with X25519MLKEM768 and one signature: a cookie, the
// initiator's key shares, then the responder's with its signature over all of it. It is here
// to be measured; the real ones are in node/login.

var serverSeed = sha256.Sum256([]byte("sotto bench"))
var serverKey = ed25519.NewKeyFromSeed(serverSeed[:])

const dhSize = 32

// An initiator is one run of the side that dials.
type initiator struct {
	conn   [32]byte
	dh     *ecdh.PrivateKey
	kem    *mlkem.DecapsulationKey768
	shares []byte
}

func (h *initiator) Bind(conn [32]byte)     { h.conn = conn }
func (h *initiator) First() ([]byte, error) { return []byte("hello"), nil }

func (h *initiator) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	if h.dh == nil {
		var err error
		if h.dh, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
			return nil, nil, err
		}
		if h.kem, err = mlkem.GenerateKey768(); err != nil {
			return nil, nil, err
		}
		h.shares = append(h.dh.PublicKey().Bytes(), h.kem.EncapsulationKey().Bytes()...)
		return h.shares, nil, nil
	}
	if len(msg) != dhSize+mlkem.CiphertextSize768+ed25519.SignatureSize {
		return nil, nil, transport.ErrDrop
	}
	shares, signature := msg[:dhSize+mlkem.CiphertextSize768], msg[dhSize+mlkem.CiphertextSize768:]
	said := transcript(h.conn[:], h.shares, shares)
	if !ed25519.Verify(serverKey.Public().(ed25519.PublicKey), said, signature) {
		return nil, nil, transport.ErrDrop
	}
	secret, err := agree(h.dh, shares[:dhSize])
	if err != nil {
		return nil, nil, err
	}
	k, err := h.kem.Decapsulate(shares[dhSize:])
	if err != nil {
		return nil, nil, err
	}
	s, err := secrets(append(secret, k...), said, true)
	return nil, s, err
}

func agree(own *ecdh.PrivateKey, peer []byte) ([]byte, error) {
	p, err := ecdh.X25519().NewPublicKey(peer)
	if err != nil {
		return nil, err
	}
	return own.ECDH(p)
}

// transcript is a hash of parts of fixed length.
func transcript(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func secrets(secret, transcript []byte, initiator bool) (*session.Secrets, error) {
	both, err := hkdf.Key(sha256.New, secret, transcript, "sotto bench", 64)
	if err != nil {
		return nil, err
	}
	s := session.Secrets{Send: [32]byte(both[:32]), Receive: [32]byte(both[32:])}
	if !initiator {
		s.Send, s.Receive = s.Receive, s.Send
	}
	return &s, nil
}

// A responder asks strangers for a cookie and then runs the other side.
type responder struct{}

func (responder) First(time.Time, netip.AddrPort, []byte) (transport.Verdict, []byte) {
	return transport.Retry, []byte("again")
}

func (responder) Begin(_ time.Time, _ netip.AddrPort, conn [32]byte) transport.Handshake {
	return run{conn}
}

type run struct{ conn [32]byte }

func (run) Peer() any { return nil }

func (r run) Next(_ time.Time, msg []byte) ([]byte, *session.Secrets, error) {
	if len(msg) != dhSize+mlkem.EncapsulationKeySize768 {
		return nil, nil, errors.New("bench: key shares of the wrong length")
	}
	dh, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	secret, err := agree(dh, msg[:dhSize])
	if err != nil {
		return nil, nil, err
	}
	kem, err := mlkem.NewEncapsulationKey768(msg[dhSize:])
	if err != nil {
		return nil, nil, err
	}
	k, ciphertext := kem.Encapsulate()
	shares := append(dh.PublicKey().Bytes(), ciphertext...)
	said := transcript(r.conn[:], msg, shares)
	s, err := secrets(append(secret, k...), said, false)
	return append(shares, ed25519.Sign(serverKey, said)...), s, err
}
