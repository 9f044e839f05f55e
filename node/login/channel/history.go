package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sotto/node/session"
	"sotto/wire"
)

// ErrHistoryShown ends the dial of a HistoryAsk that has its answer.
var ErrHistoryShown = errors.New("login: the server has shown its keys")

// A HistoryAsk asks a server for its keys, from the first to the present one. It has the shape of a
// transport.Initiator and is dialled with until it is Done: each time one part comes.
// Nothing proves the answer: keys.Follow does, or a person compares the fingerprint.
type HistoryAsk struct {
	random io.Reader
	ask    wire.HistoryAsk
	parts  int // 0: not known yet
	bytes  []byte
}

// NewHistoryAsk makes a question.
func NewHistoryAsk(random io.Reader) *HistoryAsk { return &HistoryAsk{random: random} }

// First returns the question for the next part.
func (h *HistoryAsk) First() ([]byte, error) {
	if _, err := io.ReadFull(h.random, h.ask.ClientNonce[:]); err != nil {
		return nil, fmt.Errorf("ask for the server's keys: %w", err)
	}
	return encode(&h.ask)
}

// Bind does nothing: there will be no session.
func (h *HistoryAsk) Bind([32]byte) {}

// Next takes the answer and returns ErrHistoryShown, or ErrDrop for anything else.
func (h *HistoryAsk) Next(_ context.Context, msg []byte) ([]byte, *session.Secrets, error) {
	var show wire.HistoryShow
	if h.Done() || show.UnmarshalBinary(msg) != nil || show.ClientNonce != h.ask.ClientNonce || show.Part != h.ask.Part ||
		show.Part >= show.Parts || h.parts != 0 && int(show.Parts) != h.parts {
		return nil, nil, ErrDrop
	}
	h.parts = int(show.Parts)
	h.bytes = append(h.bytes, show.Bytes...)
	h.ask.Part++
	return nil, nil, ErrHistoryShown
}

// Done reports whether all parts are there.
func (h *HistoryAsk) Done() bool { return h.parts != 0 && int(h.ask.Part) == h.parts }

// History returns the keys. When the server has rotated them meanwhile, or somebody else
// has answered, the parts may not fit together: then the thing to do is to ask again.
func (h *HistoryAsk) History() (*wire.ServerHistory, error) {
	history := new(wire.ServerHistory)
	if !h.Done() || history.UnmarshalBinary(h.bytes) != nil {
		return nil, errors.New("login: what the server has shown are not its keys")
	}
	return history, nil
}

// historyParts cuts a history into what one answer holds.
func historyParts(h *wire.ServerHistory) ([][]byte, error) {
	b, err := encode(h)
	if err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(b, wire.HistoryPart)), nil
}

// showHistory answers a question for the server's keys. The answer is shorter than the
// question's datagram and costs nothing.
func (s *Server) showHistory(msg []byte) (Verdict, []byte) {
	var ask wire.HistoryAsk
	if ask.UnmarshalBinary(msg) != nil || int(ask.Part) >= len(s.history) {
		s.count(ReasonNotB1)
		return Drop, nil
	}
	b, err := encode(&wire.HistoryShow{
		ClientNonce: ask.ClientNonce, Part: ask.Part, Parts: uint8(len(s.history)), Bytes: s.history[ask.Part],
	})
	if err != nil {
		s.count(ReasonUnavailable)
		return Drop, nil
	}
	s.count(ReasonHistoryShown)
	return Retry, b
}
