package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"sotto/node/directory/manifest"
	"sotto/node/keys"
	"sotto/node/login/classic"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
)

// classicTier is the classic tier: users log in with a password and their
// keys are in a manifest, which everybody gets. Users are read once.
type classicTier struct {
	engine   store.Engine
	source   io.Reader
	clock    func() time.Time
	log      *slog.Logger
	tellAll  func(*wire.Push)
	identity *keys.Identity
	login    *classic.Server

	entries  []wire.ManifestEntry // by folded name
	manifest atomic.Pointer[manifest.Manifest]
}

// newClassic reads the users into the server's accounts and signs the manifest
// if it must.
func newClassic(ctx context.Context, s *Server, file *keys.ServerFile, work uint8) (*classicTier, error) {
	t := &classicTier{
		engine: s.engine, source: s.source, clock: s.clock, log: s.log,
		tellAll: s.online.tellAll, identity: file.Identity,
	}
	for u, err := range s.engine.Users(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the users: %w", err)
		}
		var rec wire.Record
		if err := rec.UnmarshalBinary(u.Record); err != nil {
			return nil, fmt.Errorf("read the record of user %s: %w", u.Name, err)
		}
		t.entries = append(t.entries, wire.ManifestEntry{User: u.Name, Key: rec.Key, SinceMs: rec.SinceMs})
		s.accounts.add(&account{name: u.Name, mailbox: u.Mailbox})
	}
	m, err := t.currentManifest(ctx, s.clock())
	if err != nil {
		return nil, err
	}
	t.manifest.Store(m)
	t.login, err = classic.NewServer(classic.ServerConfig{
		Random:   s.source,
		Identity: file.Identity,
		Secret:   file.Secret,
		Users:    records{s.engine},
		Marks:    marks{s.engine},
		Count:    func(r classic.Reason) { s.countLogin(uint8(r)) },
		BaseK:    work,
	})
	return t, err
}

func (t *classicTier) fingerprint() string { return t.identity.Public().Fingerprint() }

func (t *classicTier) reason(n uint8) string { return classic.Reason(n).String() }

// First and Begin let the transport ask the login.
func (t *classicTier) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	switch verdict, reply := t.login.First(now, from, msg); verdict {
	case classic.Retry:
		return transport.Retry, reply
	case classic.Proceed:
		return transport.Proceed, reply
	default:
		return transport.Drop, nil
	}
}

func (t *classicTier) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return t.login.Begin(now, from, conn)
}

func (t *classicTier) admit(peer any) guest {
	p, ok := peer.(*classic.Peer)
	if !ok {
		return nil
	}
	return &classicGuest{t, p}
}

// A classicGuest is a user who has logged in with his password.
type classicGuest struct {
	tier *classicTier
	peer *classic.Peer
}

func (g *classicGuest) name() string { return g.peer.User }

// visitor is asked of nobody: in this tier everybody who logs in has an account.
func (g *classicGuest) visitor() *allowance { return new(allowance) }

func (g *classicGuest) full() bool { return true }

// welcome returns M6.
func (g *classicGuest) welcome(now time.Time) ([]byte, error) {
	return g.peer.SealM6(now, g.tier.manifest.Load().Signed())
}

func (g *classicGuest) answer(*session, *wire.Request) *wire.Reply { return nil }

// records reads the login's records from the store.
type records struct {
	engine store.Engine
}

func (r records) Record(folded string) (*wire.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	u, err := r.engine.User(ctx, folded)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var rec wire.Record
	if err := rec.UnmarshalBinary(u.Record); err != nil {
		return nil, err
	}
	return &rec, nil
}
