package server

import (
	"context"
	"errors"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/server/ledger"
	"sotto/wire"
)

// errPassword says that a session was not begun with the password that the account has.
var errPassword = errors.New("the session was not begun with the account's password")

// knowsPassword is nil if the session was begun with the password that the account
// still has. A device alone changes no password: it may have been stolen. And who
// knows a former one must not get the account back by a session that he has kept.
func (m *member) knowsPassword() error {
	a := m.tier.book.Account(m.peer.User)
	if m.peer.Record == nil || a == nil || *m.peer.Record != *a.Record {
		return errPassword
	}
	return nil
}

// passwordStart answers the first message of the registration of another password.
func (m *member) passwordStart(s *session, req *wire.PasswordStart) *wire.Reply {
	now := s.srv.clock()
	if wait := s.allowance().publish(now, &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	if m.knowsPassword() != nil {
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	if wait := m.tier.login.Guess(now, s.conn.PeerAddr(), m.name()); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	response, err := m.tier.respond(m.name(), req.Request)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	return &wire.Reply{Type: wire.ReplyTypePasswordStart, PasswordStart: wire.PasswordStarted{Response: response}}
}

// passwordFinish replaces the password.
func (m *member) passwordFinish(ctx context.Context, s *session, req *wire.PasswordFinish) *wire.Reply {
	now := s.srv.clock()
	record, err := m.tier.registrar.Accept(m.name(), &req.Record, &req.Wrapped, now)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	if err := m.tier.book.SetPassword(ctx, now, record, m.knowsPassword); err != nil {
		return refusal(err)
	}
	s.srv.count(PasswordChanged)
	s.log.Info("password changed")
	return &wire.Reply{Type: wire.ReplyTypePasswordFinish}
}

// rotate replaces the password together with the account's keys.
func (m *member) rotate(ctx context.Context, s *session, req *wire.Rotate) *wire.Reply {
	now, e := s.srv.clock(), &req.Entry.Body
	record, err := m.tier.registrar.Accept(m.name(), &req.Record, &req.Wrapped, now)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	entry, err := req.Entry.MarshalBinary()
	if err != nil || e.Why != wire.EntryWhyRotated || keys.Fold(e.User) != keys.Fold(m.name()) {
		return chat.Refuse(wire.RefusedCodeConflict, 0)
	}
	if wait := s.allowance().publish(now, &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	head, err := m.tier.book.Enter(ctx, now, ledger.Change{Entry: entry, Record: record, Permit: m.knowsPassword})
	if err != nil {
		return refusal(err)
	}
	s.srv.count(Published)
	s.log.Info("keys changed", "entry", e.N, "why", e.Why, "devices", len(e.Devices))
	return &wire.Reply{Type: wire.ReplyTypeRotate, Rotate: wire.Rotated{Head: head}}
}

// respond answers the first message of a registration.
func (t *defaultTier) respond(user string, request [32]byte) (response [64]byte, err error) {
	r, err := t.registrar.Respond(user, &wire.OpaqueRequest{BlindedMessage: request})
	if err != nil {
		return response, err
	}
	b, err := r.MarshalBinary()
	if err != nil {
		return response, err
	}
	return [64]byte(b), nil
}
