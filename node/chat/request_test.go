package chat

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"sotto/wire"
)

// A pipe is one end of a stream in memory: what is asked, and what will be
// answered.
type pipe struct {
	bytes.Buffer
	reply  io.Reader
	closed bool
}

func (p *pipe) Read(b []byte) (int, error) { return p.reply.Read(b) }
func (p *pipe) Close() error               { p.closed = true; return nil }

func TestAskAndAnswer(t *testing.T) {
	list := &wire.Request{Type: wire.RequestTypeList}
	users := &wire.Reply{Type: wire.ReplyTypeList, List: wire.ListReply{Users: []wire.UserState{{Name: "Bob"}}}}
	later := Refuse(wire.RefusedCodeRateLimited, 1500*time.Millisecond)
	tests := []struct {
		name  string
		reply []byte
		check func(err error) bool
	}{
		{"an answer", framed(t, users), func(err error) bool { return err == nil }},
		{"a refusal", framed(t, later), func(err error) bool {
			var r *Refusal
			return errors.As(err, &r) && r.Code == wire.RefusedCodeRateLimited && r.Retry == 1500*time.Millisecond
		}},
		{"another question's answer", framed(t, &wire.Reply{Type: wire.ReplyTypeLogout}), func(err error) bool {
			return errors.Is(err, ErrWrongReply)
		}},
		{"no answer", nil, func(err error) bool { return err == io.EOF }},
		{"two answers", framed(t, users, users), func(err error) bool { return err != nil }},
	}
	for _, tt := range tests {
		p := &pipe{reply: bytes.NewReader(tt.reply)}
		reply, err := ask(p, list)
		if err == nil {
			_, err = answer(list, reply)
		}
		if !tt.check(err) {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if want := framed(t, list); !p.closed || !bytes.Equal(p.Bytes(), want) {
			t.Errorf("%s: asked %x, closed %v, want %x and closed", tt.name, p.Bytes(), p.closed, want)
		}
	}
}

// "retry_ms: 0 where trying again is no use": a wait of a part of a millisecond
// is not 0.
func TestRefuseRoundsUp(t *testing.T) {
	for in, want := range map[time.Duration]uint32{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 48 * time.Hour: 3_600_000,
	} {
		if got := Refuse(wire.RefusedCodeRateLimited, in).Refused.RetryMs; got != want {
			t.Errorf("Refuse(%v) says %d ms, want %d", in, got, want)
		}
	}
}

// Every code has words of its own.
func TestRefusalsSayWhy(t *testing.T) {
	seen := make(map[string]wire.RefusedCode)
	for c := wire.RefusedCodeMalformed; c <= wire.RefusedCodeUnavailable; c++ {
		text := (&Refusal{Code: c}).Error()
		if other, ok := seen[text]; ok {
			t.Errorf("%v and %v both say %q", other, c, text)
		}
		seen[text] = c
	}
}
