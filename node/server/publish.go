package server

import (
	"context"
	"errors"
	"slices"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/server/ledger"
	"sotto/node/store"
	"sotto/wire"
)

// answer does the requests that only the default tier knows, as far as the scope of
// the session allows them.
func (m *member) answer(s *session, req *wire.Request) *wire.Reply {
	scope := m.scope()
	allowed, ok := scopes[req.Type]
	switch {
	case !ok:
		return nil
	case !slices.Contains(allowed, scope):
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	ctx, cancel := context.WithTimeout(context.Background(), doTimeout)
	defer cancel()
	switch req.Type {
	case wire.RequestTypeLeaves:
		return m.leaves(ctx, s, &req.Leaves)
	case wire.RequestTypePublish:
		return m.publish(ctx, s, &req.Publish)
	case wire.RequestTypeInvite:
		return m.invite(s)
	case wire.RequestTypeRegisterStart:
		return m.registerStart(s, &req.RegisterStart)
	case wire.RequestTypeRegisterFinish:
		return m.registerFinish(ctx, s, &req.RegisterFinish)
	case wire.RequestTypePasswordStart:
		return m.passwordStart(s, &req.PasswordStart)
	case wire.RequestTypePasswordFinish:
		return m.passwordFinish(ctx, s, &req.PasswordFinish)
	default:
		return m.rotate(ctx, s, &req.Rotate)
	}
}

// scopes says in which scopes a request of the default tier is allowed.
var scopes = map[wire.RequestType][]wire.SessionScope{
	wire.RequestTypeLeaves:         {wire.SessionScopeFull, wire.SessionScopeEnrol, wire.SessionScopeRegister},
	wire.RequestTypePublish:        {wire.SessionScopeFull, wire.SessionScopeEnrol},
	wire.RequestTypeInvite:         {wire.SessionScopeFull},
	wire.RequestTypeRegisterStart:  {wire.SessionScopeRegister},
	wire.RequestTypeRegisterFinish: {wire.SessionScopeRegister},
	wire.RequestTypePasswordStart:  {wire.SessionScopeFull},
	wire.RequestTypePasswordFinish: {wire.SessionScopeFull},
	wire.RequestTypeRotate:         {wire.SessionScopeFull},
}

// leaves shows a part of the log.
func (m *member) leaves(ctx context.Context, s *session, req *wire.LeavesRequest) *wire.Reply {
	if wait := s.allowance().leaf(s.srv.clock(), &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	reply, err := m.tier.book.Leaves(ctx, req.From)
	if err != nil {
		return refusal(err)
	}
	return &wire.Reply{Type: wire.ReplyTypeLeaves, Leaves: *reply}
}

// publish lets the log grow by the next entry of the session's own account, which
// adds or removes devices. What is created is created by a registration, what is
// rotated comes with what the password unlocks from then on, and only the operator of
// the server resets an account.
func (m *member) publish(ctx context.Context, s *session, req *wire.PublishRequest) *wire.Reply {
	e := &req.Entry.Body
	switch {
	case keys.Fold(e.User) != keys.Fold(m.name()):
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	case e.Why != wire.EntryWhyDevice:
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	case m.scope() == wire.SessionScopeEnrol && (!shows(e, m.peer.Device) || m.knowsPassword() != nil):
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	now := s.srv.clock()
	if wait := s.allowance().publish(now, &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	entry, err := req.Entry.MarshalBinary()
	if err != nil {
		return chat.Refuse(wire.RefusedCodeMalformed, 0)
	}
	head, err := m.tier.book.Enter(ctx, now, ledger.Change{Entry: entry})
	if err != nil {
		return refusal(err)
	}
	s.srv.count(Published)
	s.log.Info("keys changed", "entry", e.N, "why", e.Why, "devices", len(e.Devices))
	return &wire.Reply{Type: wire.ReplyTypePublish, Publish: wire.PublishReply{Head: head}}
}

// shows reports whether a device is among those of an entry.
func shows(e *wire.Entry, device wire.KeyId) bool {
	return slices.ContainsFunc(e.Devices, func(d wire.Device) bool { return keys.DeviceId(&d.Keys) == device })
}

// invite makes an invitation. The server keeps nothing of it.
func (m *member) invite(s *session) *wire.Reply {
	now := s.srv.clock()
	if wait := s.allowance().invite(now, &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	in, err := m.tier.host.Invite(s.srv.source, now.Add(s.srv.limits.Invitation))
	if err != nil {
		return chat.Refuse(wire.RefusedCodeUnavailable, retryStore)
	}
	return &wire.Reply{Type: wire.ReplyTypeInvite, Invite: wire.InviteReply{Invitation: in}}
}

// refusal is the answer to a request that failed so.
func refusal(err error) *wire.Reply {
	switch {
	case errors.Is(err, ledger.ErrTaken):
		return chat.Refuse(wire.RefusedCodeNameTaken, 0)
	case errors.Is(err, ledger.ErrConflict):
		return chat.Refuse(wire.RefusedCodeConflict, 0)
	case errors.Is(err, store.ErrTooBig):
		return chat.Refuse(wire.RefusedCodeTooBig, 0)
	case errors.Is(err, store.ErrUsed), errors.Is(err, errPassword):
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	return chat.Refuse(wire.RefusedCodeUnavailable, retryStore)
}
