package classic

import (
	"sotto/node/keys"
	"sotto/node/session"
	"sotto/wire"
)

// m4Key is the key that seals message 4: of the client's reply key and message 3, in
// which it travelled.
func m4Key(replyKey [32]byte, m3 wire.Hash) *keys.OnceKey {
	prk := keys.Extract(replyKey[:], m3[:])
	defer clear(prk)
	return keys.ExpandOnceKey(prk, labelM4Key, labelM4Iv)
}

// A schedule is what both sides derive when message 5 is there.
type schedule struct {
	c2s, s2c [32]byte
	id       [16]byte
	m6       *keys.OnceKey
}

func newSchedule(t *wire.Transcript, secret *wire.LoginSecret) (*schedule, error) {
	transcript, err := encode(t)
	if err != nil {
		return nil, err
	}
	ikm, err := encode(secret)
	if err != nil {
		return nil, err
	}
	defer clear(ikm)
	salt := labelTranscript.Hash(transcript)
	prk := keys.Extract(ikm, salt[:])
	defer clear(prk)
	s := &schedule{m6: keys.ExpandOnceKey(prk, labelM6Key, labelM6Iv)}
	labelC2S.Expand(prk, s.c2s[:])
	labelS2C.Expand(prk, s.s2c[:])
	labelSessionID.Expand(prk, s.id[:])
	return s, nil
}

func (s *schedule) client() *session.Secrets { return &session.Secrets{Send: s.c2s, Receive: s.s2c} }
func (s *schedule) server() *session.Secrets { return &session.Secrets{Send: s.s2c, Receive: s.c2s} }

// proof is what the user's key signs.
func proof(server wire.KeyId, user string, c2 *wire.SignedC2, m3, m4 wire.Hash, replyKey2 [32]byte) ([]byte, error) {
	b, err := encode(c2)
	if err != nil {
		return nil, err
	}
	return encode(&wire.LoginProof{
		Server: server, User: user,
		C2: labelC2Hash.Hash(b), M3: m3, M4: m4, ReplyKey2: labelReplyKey2.Hash(replyKey2[:]),
	})
}
