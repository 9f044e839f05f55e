package server

import (
	"context"
	"errors"
	"io"
	"time"

	"sotto/node/chat"
	"sotto/node/store"
	"sotto/node/transport"
	"sotto/wire"
	"sotto/wire/codec"
)

// retryStore is when a client should repeat what the store could not take.
const retryStore = time.Second

// A small request is read at once. A large one waits for its turn, so that all
// sessions together hold no more than Limits.LargeRequests of them, and gets
// time for its bytes: slowRate is a poor link, and less is no link. Visitors have
// nothing large to ask for, and one invitation could take all turns with them.
const (
	smallRequest = 64 << 10 // bytes
	slowRate     = 4 << 10  // bytes a second
)

// request reads the one request of a stream and answers it.
func (s *session) request(ctx context.Context, st *transport.Stream) {
	large := false
	defer func() {
		if large {
			<-s.srv.large
		}
	}()
	st.SetReadDeadline(time.Now().Add(s.srv.limits.Stall))
	req, err := chat.ReadRequest(st, func(size int) error {
		switch {
		case size <= smallRequest:
			return nil
		case !s.begun.Load():
			return chat.ErrFrameTooBig
		}
		s.srv.large <- struct{}{}
		large = true
		patience := time.Duration(size/slowRate) * time.Second
		st.SetReadDeadline(time.Now().Add(s.srv.limits.Stall + patience))
		return nil
	})
	var reply *wire.Reply
	if bad := (*codec.Error)(nil); err == nil {
		reply = s.answer(req)
	} else if errors.As(err, &bad) {
		reply = chat.Refuse(wire.RefusedCodeMalformed, 0)
	} else if errors.Is(err, chat.ErrFrameTooBig) {
		reply = chat.Refuse(wire.RefusedCodeTooBig, 0)
	} else {
		s.srv.count(RequestBroken)
		st.Stop(uint64(wire.CloseCodeProtocolError))
		st.Reset(uint64(wire.CloseCodeProtocolError))
		return
	}
	if reply.Type == wire.ReplyTypeRefused {
		s.srv.countRefused(reply.Refused.Code)
		st.Stop(uint64(wire.CloseCodeDone)) // what was not read of the request is of no use
	}
	out := &steadyWriter{st, s.srv.limits.Stall}
	if err := chat.WriteReply(struct {
		io.Writer
		io.Closer
	}{out, st}, reply); err != nil {
		st.Reset(uint64(wire.CloseCodeDone))
		return
	}
	if reply.Type == wire.ReplyTypeLogout {
		s.end(&ending{code: wire.CloseCodeLogout, reason: "logged out"})
	}
	s.begin(ctx) // if the request was what it took
}

// answer does what a request asks for.
func (s *session) answer(req *wire.Request) *wire.Reply {
	if reply := s.guest.answer(s, req); reply != nil {
		return reply
	}
	if !s.begun.Load() {
		return chat.Refuse(wire.RefusedCodeNotAllowed, 0)
	}
	switch req.Type {
	case wire.RequestTypeList:
		return s.list()
	case wire.RequestTypeLocate:
		return s.locate(&req.Locate)
	case wire.RequestTypeSend:
		return s.send(&req.Send)
	case wire.RequestTypeLogout:
		return &wire.Reply{Type: wire.ReplyTypeLogout}
	}
	return chat.Refuse(wire.RefusedCodeUnknownRequest, 0)
}

func (s *session) list() *wire.Reply {
	if wait := s.account.list(s.srv.clock(), &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	return &wire.Reply{
		Type: wire.ReplyTypeList,
		List: wire.ListReply{Users: s.srv.online.states(&s.srv.accounts)},
	}
}

// send keeps an envelope for its recipient. The answer leaves after the store
// has it on disk.
func (s *session) send(req *wire.SendRequest) *wire.Reply {
	now := s.srv.clock()
	if wait := s.account.send(now, &s.srv.limits, len(req.Envelope)); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	to := s.srv.accounts.find(req.To)
	if to == nil {
		return chat.Refuse(wire.RefusedCodeUnknownUser, 0)
	}
	res, err := s.srv.do(store.Op{Append: &store.Append{
		Mailbox:   to.mailbox,
		Id:        req.Id,
		From:      s.account.name,
		ExpiresMs: unixMs(now.Add(s.srv.limits.Keep)),
		Body:      req.Envelope,
	}})
	switch {
	case errors.Is(err, store.ErrFull):
		return chat.Refuse(wire.RefusedCodeMailboxFull, 0)
	case errors.Is(err, store.ErrTooBig):
		return chat.Refuse(wire.RefusedCodeTooBig, 0)
	case err != nil:
		return chat.Refuse(wire.RefusedCodeUnavailable, retryStore)
	case res.Fresh:
		s.srv.count(EnvelopeStored)
	default:
		s.srv.count(EnvelopeRepeated)
	}
	reply := &wire.Reply{Type: wire.ReplyTypeSend, Send: wire.SendReply{Seq: uint64(res.Seq)}}
	switch {
	case res.Acked:
		reply.Send.State = wire.SendStateDelivered
	case res.Refused:
		reply.Send.State = wire.SendStateRefused
	case s.srv.online.find(to) != nil:
		reply.Send.State = wire.SendStateSent
	default:
		reply.Send.State = wire.SendStateQueued
	}
	return reply
}

// locate introduces this session's user to another: both learn a secret that
// nobody else has, and where the other is.
func (s *session) locate(req *wire.LocateRequest) *wire.Reply {
	if wait := s.account.locate(s.srv.clock(), &s.srv.limits); wait > 0 {
		return chat.Refuse(wire.RefusedCodeRateLimited, wait)
	}
	to := s.srv.accounts.find(req.Name)
	if to == nil {
		return chat.Refuse(wire.RefusedCodeUnknownUser, 0)
	}
	reply := &wire.Reply{Type: wire.ReplyTypeLocate, Locate: wire.LocateReply{Name: to.name}}
	other := s.srv.online.find(to)
	if other == nil || other == s || other.hidden.Load() || s.hidden.Load() {
		return reply // offline, himself, or one who wants no conns: nobody to dial
	}
	life := uint16(s.srv.limits.Introduction / time.Second)
	located := wire.Located{Address: chat.NetAddress(other.conn.PeerAddr()), LifeS: life}
	if err := s.srv.random(located.IntroId[:], located.IntroKey[:]); err != nil {
		return chat.Refuse(wire.RefusedCodeUnavailable, retryStore)
	}
	told := other.tell(&wire.Push{Type: wire.PushTypeIntroduce, Introduce: wire.Introduce{
		IntroId:  located.IntroId,
		IntroKey: located.IntroKey,
		From:     s.account.name,
		Address:  chat.NetAddress(s.conn.PeerAddr()),
		LifeS:    life,
	}})
	if !told { // the callee would not know the caller: let it use the mailbox
		return chat.Refuse(wire.RefusedCodeUnavailable, retryStore)
	}
	s.srv.count(Introduced)
	reply.Locate.State = wire.OnlineOnline
	reply.Locate.Online = located
	return reply
}
