package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sotto/node/transport"
	"sotto/wire"
)

// A Refusal is the server's answer to a request that it did not do.
type Refusal struct {
	Code  wire.RefusedCode
	Retry time.Duration // when to try again; 0 where that is no use
}

func (r *Refusal) Error() string {
	switch r.Code {
	case wire.RefusedCodeMalformed:
		return "the server did not understand the request"
	case wire.RefusedCodeUnknownRequest:
		return "the server does not know this kind of request"
	case wire.RefusedCodeUnknownUser:
		return "no such user on this server"
	case wire.RefusedCodeMailboxFull:
		return "the recipient's mailbox is full"
	case wire.RefusedCodeTooBig:
		return "the message is too big"
	case wire.RefusedCodeRateLimited:
		return fmt.Sprintf("too many requests; try again in %v", r.Retry)
	case wire.RefusedCodeUnavailable:
		return "the server could not store it now"
	}
	return fmt.Sprintf("refused by the server with code %d", r.Code)
}

// ErrWrongReply says that the server answered another question.
var ErrWrongReply = errors.New("chat: the reply is not of the request's type")

// Ask makes a request on a stream of its own and waits for the reply. The
// error is a *Refusal if the server did not do it.
func Ask(ctx context.Context, c *transport.Conn, req *wire.Request) (*wire.Reply, error) {
	s, err := c.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	// Waiting ends with ctx: a past deadline wakes what sleeps in the stream.
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	reply, err := ask(s, req)
	if err != nil {
		s.Reset(uint64(wire.CloseCodeDone))
		s.Stop(uint64(wire.CloseCodeDone))
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return answer(req, reply)
}

// ask carries req and its reply over s.
func ask(s io.ReadWriteCloser, req *wire.Request) (*wire.Reply, error) {
	if err := NewWriter(s).Item(req); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	r := NewReader(s, MaxReply)
	var reply wire.Reply
	if err := r.Item(&reply); err != nil {
		return nil, err
	}
	return &reply, r.end()
}

// answer tells a reply to req from a refusal of it.
func answer(req *wire.Request, reply *wire.Reply) (*wire.Reply, error) {
	switch {
	case reply.Type == wire.ReplyTypeRefused:
		return nil, &Refusal{
			Code:  reply.Refused.Code,
			Retry: time.Duration(reply.Refused.RetryMs) * time.Millisecond,
		}
	case uint8(reply.Type) != uint8(req.Type):
		return nil, ErrWrongReply
	}
	return reply, nil
}

// ReadRequest reads the one request of a stream that the peer opened. admit is
// called with the number of its bytes before they are read and any memory is
// taken for them, and may wait, or return an error that is returned then. A *codec.Error says that the request does not
// decode, ErrFrameTooBig that it is too long; any other error is the stream's.
func ReadRequest(s io.Reader, admit func(size int) error) (*wire.Request, error) {
	r := NewReader(s, MaxRequest)
	r.admit = admit
	var req wire.Request
	if err := r.Item(&req); err != nil {
		return nil, err
	}
	return &req, r.end()
}

// WriteReply answers a request and closes our half of its stream.
func WriteReply(s io.WriteCloser, reply *wire.Reply) error {
	if err := NewWriter(s).Item(reply); err != nil {
		return err
	}
	return s.Close()
}

// Refuse returns the reply that refuses a request. The time to try again is
// rounded up: 0 means never.
func Refuse(code wire.RefusedCode, retry time.Duration) *wire.Reply {
	ms := (min(retry, time.Hour) + time.Millisecond - 1).Milliseconds()
	return &wire.Reply{
		Type:    wire.ReplyTypeRefused,
		Refused: wire.Refused{Code: code, RetryMs: uint32(ms)},
	}
}
