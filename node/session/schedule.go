package session

import (
	"encoding"

	"sotto/node/keys"
	"sotto/wire"
)

// Labels of the channel's key schedule, each used in one place. See spec/channel.wire.
const (
	labelFirstSecret   keys.Label = "channel first"
	labelSecondSecret  keys.Label = "channel second"
	labelChannelSecret keys.Label = "channel secret"

	labelChallenge keys.Label = "channel b2"
	labelHead      keys.Label = "channel b3 head"
	labelB3Hash    keys.Label = "channel b3"
	labelB4Hash    keys.Label = "channel b4"
	labelB5Hash    keys.Label = "channel b5"

	labelT1 keys.Label = "channel t1"
	labelT2 keys.Label = "channel t2"
	labelT3 keys.Label = "channel t3"
	labelT4 keys.Label = "channel t4"

	labelB3    keys.Label = "b3"
	labelB3Key keys.Label = "b3 key"
	labelB3IV  keys.Label = "b3 iv"
	labelB4    keys.Label = "b4"
	labelB4Key keys.Label = "b4 key"
	labelB4IV  keys.Label = "b4 iv"
	labelB5    keys.Label = "b5"
	labelB5Key keys.Label = "b5 key"
	labelB5IV  keys.Label = "b5 iv"

	labelC2S keys.Label = "channel c2s"
	labelS2C keys.Label = "channel s2c"
	labelID  keys.Label = "channel id"
)

// A Start is where a channel begins: a secret between one who has drawn it and one who
// holds the key to which it was sealed. Only what follows names both sides.
type Start struct{ ss1 [32]byte }

// StartTo draws the secret for the holder of a key, and seals it to him.
func StartTo(to *wire.SealingKey) (*Start, wire.Encapsulation, error) {
	ct1, ss1, err := keys.Encapsulate(to, labelFirstSecret)
	if err != nil {
		return nil, ct1, err
	}
	return &Start{ss1}, ct1, nil
}

// StartFrom finds the secret in what was sealed to us. If it wasn't sealed to us or was
// changed, the first box won't open.
func StartFrom(own *keys.Sealer, ct1 *wire.Encapsulation) (*Start, error) {
	ss1, err := own.Decapsulate(labelFirstSecret, ct1)
	if err != nil {
		return nil, err
	}
	return &Start{ss1}, nil
}

// First binds the secret to the connection, the bytes of the challenge, the key to which the
// secret was sealed, and the bytes of B3's head.
func (s *Start) First(conn wire.Hash, challenge []byte, server wire.KeyId, head []byte) *First {
	f := &First{ss1: s.ss1}
	f.t1 = transcript(labelT1, &wire.ChannelT1{
		Conn: conn, Challenge: labelChallenge.Hash(challenge), Server: server, Head: labelHead.Hash(head),
	})
	prk := keys.Extract(f.ss1[:], f.t1[:])
	defer clear(prk)
	f.box = newBox(prk, labelB3, labelB3Key, labelB3IV)
	return f
}

// Clear overwrites the secret.
func (s *Start) Clear() { *s = Start{} }

// String shows nothing.
func (s *Start) String() string { return "start of a channel" }

// GoString keeps %#v from showing what String hides.
func (s *Start) GoString() string { return s.String() }

// A First is the stage in which B3 is made. Only the one who dials is sure of whom he
// talks to.
type First struct {
	ss1 [32]byte
	t1  wire.Hash
	box
}

// SecondTo is for the one who was dialled: it draws the second secret for the one who
// dialled, and seals it to the key that came with b3.
func (f *First) SecondTo(e *wire.SealingKey, b3 []byte) (*Second, wire.Encapsulation, error) {
	ct2, ss2, err := keys.Encapsulate(e, labelSecondSecret)
	if err != nil {
		return nil, ct2, err
	}
	defer clear(ss2[:])
	return f.second(&ss2, b3, &ct2), ct2, nil
}

// SecondFrom is for the one who dials: it finds the second secret in B4's ct2. If it
// wasn't sealed to e or was changed, the box of B4 won't open.
func (f *First) SecondFrom(e *keys.Sealer, b3 []byte, ct2 *wire.Encapsulation) (*Second, error) {
	ss2, err := e.Decapsulate(labelSecondSecret, ct2)
	if err != nil {
		return nil, err
	}
	defer clear(ss2[:])
	return f.second(&ss2, b3, ct2), nil
}

func (f *First) second(ss2 *[32]byte, b3 []byte, ct2 *wire.Encapsulation) *Second {
	s := &Second{t2: transcript(labelT2, &wire.ChannelT2{T1: f.t1, B3: labelB3Hash.Hash(b3), Ct2: *ct2})}
	var both [64]byte
	defer clear(both[:])
	copy(both[:32], f.ss1[:])
	copy(both[32:], ss2[:])
	prk := keys.Extract(both[:], s.t2[:])
	defer clear(prk)
	s.box = newBox(prk, labelB4, labelB4Key, labelB4IV)
	labelChannelSecret.Expand(prk, s.secret[:])
	return s
}

// Clear overwrites the secrets.
func (f *First) Clear() {
	clear(f.ss1[:])
	f.box.clear()
}

// String shows nothing.
func (f *First) String() string { return "first stage of a channel" }

// GoString keeps %#v from showing what String hides.
func (f *First) GoString() string { return f.String() }

// A Second is the stage in which B4 is made: its box opens only for the one who dialled,
// and only the one who was dialled can make it.
type Second struct {
	t2     wire.Hash
	secret [32]byte
	box
}

// T2 is what both sides have seen so far.
func (s *Second) T2() wire.Hash { return s.t2 }

// Third goes on when B4 is made or opened.
func (s *Second) Third(b4 []byte) *Third {
	t := &Third{t3: transcript(labelT3, &wire.ChannelT3{T2: s.t2, B4: labelB4Hash.Hash(b4)})}
	prk := keys.Extract(s.secret[:], t.t3[:])
	defer clear(prk)
	t.box = newBox(prk, labelB5, labelB5Key, labelB5IV)
	labelChannelSecret.Expand(prk, t.secret[:])
	return t
}

// Clear overwrites the secrets.
func (s *Second) Clear() {
	clear(s.secret[:])
	s.box.clear()
}

// String shows nothing.
func (s *Second) String() string { return "second stage of a channel" }

// GoString keeps %#v from showing what String hides.
func (s *Second) GoString() string { return s.String() }

// A Third is the stage in which B5 is made, by which the one who dialled proves who he is.
type Third struct {
	t3     wire.Hash
	secret [32]byte
	box
}

// T3 is what both sides have seen so far, and what proofs sign.
func (t *Third) T3() wire.Hash { return t.t3 }

// Done ends the handshake when B5 is made or opened.
func (t *Third) Done(b5 []byte) *Done {
	t4 := transcript(labelT4, &wire.ChannelT4{T3: t.t3, B5: labelB5Hash.Hash(b5)})
	prk := keys.Extract(t.secret[:], t4[:])
	defer clear(prk)
	d := new(Done)
	labelC2S.Expand(prk, d.c2s[:])
	labelS2C.Expand(prk, d.s2c[:])
	labelID.Expand(prk, d.id[:])
	return d
}

// Clear overwrites the secrets.
func (t *Third) Clear() {
	clear(t.secret[:])
	t.box.clear()
}

// String shows nothing.
func (t *Third) String() string { return "third stage of a channel" }

// GoString keeps %#v from showing what String hides.
func (t *Third) GoString() string { return t.String() }

// A Done is what a handshake ends with.
type Done struct {
	c2s, s2c [32]byte
	id       [16]byte
}

// Dialler returns the traffic secrets for the one who dialled.
func (d *Done) Dialler() *Secrets { return &Secrets{Send: d.c2s, Receive: d.s2c} }

// Dialled returns the traffic secrets for the one who was dialled.
func (d *Done) Dialled() *Secrets { return &Secrets{Send: d.s2c, Receive: d.c2s} }

// ID names the session. It is no secret between the two.
func (d *Done) ID() [16]byte { return d.id }

// Clear overwrites the secrets.
func (d *Done) Clear() {
	clear(d.c2s[:])
	clear(d.s2c[:])
}

// String shows nothing.
func (d *Done) String() string { return "keys of a channel" }

// GoString keeps %#v from showing what String hides.
func (d *Done) GoString() string { return d.String() }

// transcript hashes what stands at one stage.
func transcript(l keys.Label, m encoding.BinaryMarshaler) wire.Hash {
	b, err := m.MarshalBinary()
	if err != nil {
		panic("session: " + err.Error()) // nothing in it has bounds to break
	}
	return l.Hash(b)
}

// A box is the one sealed message of a stage. Its key seals once; it may open whatever
// arrives until something does.
type box struct {
	once   *keys.OnceKey
	label  keys.Label
	sealed bool
}

func newBox(prk []byte, l, key, iv keys.Label) box {
	return box{once: keys.ExpandOnceKey(prk, key, iv), label: l}
}

// Seal seals the stage's message.
func (b *box) Seal(plain []byte) []byte {
	if b.sealed {
		panic("session: the key of a box would serve twice")
	}
	b.sealed = true
	return b.once.Seal(b.label.Bytes(), plain)
}

// Open opens the stage's message, or returns keys.ErrSealed.
func (b *box) Open(ct []byte) ([]byte, error) { return b.once.Open(b.label.Bytes(), ct) }

func (b *box) clear() { b.once.Clear() }
