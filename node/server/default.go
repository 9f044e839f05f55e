package server

import (
	"context"
	"net/netip"
	"time"

	"sotto/node/keys"
	"sotto/node/login/channel"
	"sotto/node/server/ledger"
	"sotto/node/transport"
	"sotto/wire"
)

// defaultTier is the default tier: users log in with the key of a device, or to
// make one known with a password that nobody here learns, and what the keys of
// everybody are stands in the log.
type defaultTier struct {
	srv       *Server
	host      *keys.Host
	book      *ledger.Ledger
	login     *channel.Server
	registrar *channel.Registrar
	visitors  visitors
}

// newDefault reads the log, and with it the users into the server's accounts.
func newDefault(ctx context.Context, s *Server, host *keys.Host, work uint8) (*defaultTier, error) {
	t := &defaultTier{srv: s, host: host, visitors: visitors{most: s.limits.Visits}}
	var err error
	if t.registrar, err = channel.NewRegistrar(host); err != nil {
		return nil, err
	}
	if t.book, err = ledger.Open(ctx, s.engine, host, t.grown); err != nil {
		return nil, err
	}
	t.login, err = channel.NewServer(channel.ServerConfig{
		Random:   s.source,
		Host:     host,
		Accounts: t,
		Count:    func(r channel.Reason) { s.countLogin(uint8(r)) },
		BaseK:    work,
		Spent:    t.spent,
	})
	return t, err
}

func (t *defaultTier) fingerprint() string { return keys.Fingerprint(t.host.Id()) }

func (t *defaultTier) reason(n uint8) string { return channel.Reason(n).String() }

func (t *defaultTier) keepHouse(context.Context) {}

// First and Begin let the transport ask the login.
func (t *defaultTier) First(now time.Time, from netip.AddrPort, msg []byte) (transport.Verdict, []byte) {
	switch verdict, reply := t.login.First(now, from, msg); verdict {
	case channel.Retry:
		return transport.Retry, reply
	case channel.Proceed:
		return transport.Proceed, reply
	default:
		return transport.Drop, nil
	}
}

func (t *defaultTier) Begin(now time.Time, from netip.AddrPort, conn [32]byte) transport.Handshake {
	return t.login.Begin(now, from, conn)
}

// Account tells the login what it needs to know of a user.
func (t *defaultTier) Account(folded string) (*channel.Account, error) {
	a := t.book.Account(folded)
	if a == nil {
		return nil, nil
	}
	return &channel.Account{Record: a.Record, Sign: a.Sign, Devices: a.Devices}, nil
}

// grown makes newcomers known, ends the sessions of devices that are no more,
// and tells everybody of the new head.
func (t *defaultTier) grown(head *wire.TreeHead, changed []*ledger.Account) {
	for _, a := range changed {
		acc := t.srv.accounts.find(a.Name)
		if acc == nil {
			t.srv.accounts.add(&account{name: a.Name, mailbox: a.Mailbox})
			continue
		}
		if s := t.srv.online.find(acc); s != nil && !s.guest.full() {
			s.end(errRemoved)
		}
	}
	t.srv.online.tellAll(&wire.Push{Type: wire.PushTypeTree, Tree: wire.TreePush{Head: *head}})
}

func (t *defaultTier) admit(peer any) guest {
	p, ok := peer.(*channel.Peer)
	if !ok {
		return nil
	}
	return &member{tier: t, peer: p}
}

// A member is who has logged in to the default tier: with a device, with a
// password and a device that is to be made known, or with an invitation.
type member struct {
	tier *defaultTier
	peer *channel.Peer
	registration
}

// name is empty for somebody with an invitation.
func (m *member) name() string { return m.peer.User }

// visitor is the allowance of the invitation, however often it logs in.
func (m *member) visitor() *allowance { return m.tier.visitors.allowance(*m.peer.Invitation) }

// full reports whether the log shows the device now.
func (m *member) full() bool {
	a := m.tier.book.Account(m.peer.User)
	if a == nil {
		return false
	}
	_, shown := a.Devices[m.peer.Device]
	return shown
}

// scope is what the session may do now.
func (m *member) scope() wire.SessionScope {
	switch {
	case m.peer.Invitation != nil:
		return wire.SessionScopeRegister
	case m.full():
		return wire.SessionScopeFull
	}
	return wire.SessionScopeEnrol
}

// welcome returns B6.
func (m *member) welcome(now time.Time) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), doTimeout)
	defer cancel()
	head, proof, err := m.tier.book.Proof(ctx, m.peer.TreeSize)
	if err != nil {
		return nil, err
	}
	return m.peer.B6(now, &head, &proof)
}
