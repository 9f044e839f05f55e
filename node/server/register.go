package server

import (
	"context"
	"sync"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/server/ledger"
	"sotto/wire"
)

// labelInvitationMark names the mark of a used invitation.
const labelInvitationMark keys.Label = "invitation mark"

// A registration is where a session with an invitation stands.
type registration struct {
	mu      sync.Mutex
	started string // folded name of the account that is being made
}

// registerStart answers the first message of the registration of a password. Of a
// name that is taken there is no answer: it would be worth a guess at the password.
func (m *member) registerStart(s *session, req *wire.RegisterStart) *wire.Reply {
	now := s.srv.clock()
	if wait := s.allowance().publish(now, &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	switch {
	case keys.CheckName(req.User) != nil:
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	case m.tier.book.Account(req.User) != nil:
		return chat.Refuse(wire.RefusedCodeNameTaken, 0)
	}
	if wait := m.tier.login.Guess(now, s.conn.PeerAddr(), req.User); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	response, err := m.tier.respond(req.User, req.Request)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	m.registration.mu.Lock()
	defer m.registration.mu.Unlock()
	m.started = keys.Fold(req.User)
	return &wire.Reply{Type: wire.ReplyTypeRegisterStart, RegisterStart: wire.RegisterStarted{Response: response}}
}

// registerFinish makes the account. The invitation is used up with it, both or neither;
// the session that has used it may try the same again.
func (m *member) registerFinish(ctx context.Context, s *session, req *wire.RegisterFinish) *wire.Reply {
	now, e := s.srv.clock(), &req.Entry.Body
	record, err := m.tier.registrar.Accept(e.User, &req.Record, &req.Wrapped, now)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	entry, err := req.Entry.MarshalBinary()
	if err != nil || e.Why != wire.EntryWhyCreated || len(e.Devices) != 1 {
		return chat.Refuse(wire.RefusedCodeConflict, 0)
	}
	m.registration.mu.Lock()
	defer m.registration.mu.Unlock()
	if m.started != keys.Fold(e.User) {
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	mark, err := invitationMark(m.peer.Invitation)
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	head, err := m.tier.book.Enter(ctx, now, ledger.Change{Entry: entry, Record: record, Once: &mark})
	if err != nil {
		return refusal(err)
	}
	s.srv.count(Registered)
	s.log.Info("account made", "user", e.User)
	return &wire.Reply{Type: wire.ReplyTypeRegisterFinish, RegisterFinish: wire.RegisterFinished{Head: head}}
}

// invitationMark is under what the store knows a used invitation.
func invitationMark(in *wire.Invitation) ([32]byte, error) {
	b, err := in.MarshalBinary()
	if err != nil {
		return [32]byte{}, err
	}
	return labelInvitationMark.Hash(b), nil
}

// spent reports whether an invitation has made an account.
func (t *defaultTier) spent(in *wire.Invitation) (bool, error) {
	mark, err := invitationMark(in)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), doTimeout)
	defer cancel()
	return t.srv.engine.Marked(ctx, mark)
}
