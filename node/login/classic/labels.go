package classic

import (
	"encoding"
	"errors"

	"sotto/node/keys"
	"sotto/node/login/puzzle"
	"sotto/wire"
)

// Labels of the login, each used in one place. See spec/classic/login.wire.
const (
	labelM1 keys.Label = "m1"
	labelC1 keys.Label = "c1"
	labelM3 keys.Label = "m3"
	labelC2 keys.Label = "c2"
	labelM4 keys.Label = "m4"
	labelM5 keys.Label = "m5"
	labelM6 keys.Label = "m6"

	labelLogin      keys.Label = "login"
	labelC2Hash     keys.Label = "c2 hash"
	labelReplyKey2  keys.Label = "reply key 2"
	labelTranscript keys.Label = "transcript"
	labelMark       keys.Label = "mark"
	labelPow        keys.Label = "pow"

	labelM4Key     keys.Label = "m4 key"
	labelM4Iv      keys.Label = "m4 iv"
	labelM6Key     keys.Label = "m6 key"
	labelM6Iv      keys.Label = "m6 iv"
	labelC2S       keys.Label = "session c2s"
	labelS2C       keys.Label = "session s2c"
	labelSessionID keys.Label = "session id"

	labelPasswordKey    keys.Label = "password key"
	labelPasswordCommit keys.Label = "password commit"
	labelDecoyName      keys.Label = "decoy name"
	labelDecoy          keys.Label = "decoy"

	labelP1             keys.Label = "p1"
	labelP2             keys.Label = "p2"
	labelP1Hash         keys.Label = "p1 hash"
	labelP2Hash         keys.Label = "p2 hash"
	labelPeerTranscript keys.Label = "peer transcript"
	labelPeerCaller     keys.Label = "peer caller"
	labelPeerCallee     keys.Label = "peer callee"
)

// errWire says that a struct of ours doesn't fit its own layout.
var errWire = errors.New("login: a message of ours can't be encoded")

// encode encodes a message of ours. Its parts were checked when they were put in,
// so a failure is a broken invariant; it ends the run and not the program.
func encode(m encoding.BinaryMarshaler) ([]byte, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, errWire
	}
	return b, nil
}

// newPuzzle ties a C1 to one user, connection and request.
func newPuzzle(c1 *wire.C1, bind *wire.PuzzleBind) (*puzzle.Puzzle, error) {
	b, err := encode(bind)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return puzzle.New(c1, labelPow.Hash(b)), nil
}
