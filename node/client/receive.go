package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sotto/node/client/profile"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// A parcel is a sealed message that came in.
type parcel struct {
	envelope []byte
	stored   bool   // by the server, so it may be weeks old
	via      string // whose conn it came over; "" from the server

	// done is called once, in the order in which the parcels of a stream came:
	// after the message is on our disk, or with the reason why it never will be.
	done func(v verdict)

	// failed is called instead if our disk did not take it: it must come again.
	failed func(why error)
}

// A verdict says what became of a parcel.
type verdict struct {
	id     MessageID
	refuse bool // not acceptable, now or later
	leave  bool // for another device of ours
}

// open verifies and opens a parcel and hands it on to the disk. Its caller is
// the goroutine that reads the stream: it waits here for room, and with it the
// peer.
//
// Nothing that the parcel says is believed before the signature is checked,
// except to find the key to check with.
func (c *Client) open(p parcel) {
	claimed, id, err := c.tier.peek(p.envelope)
	if err != nil {
		c.refuse(p, verdict{refuse: true}, p.via, err)
		return
	}
	if err := c.tier.ready(c.ctx, p.envelope); err != nil {
		c.unable(p, err)
		return
	}
	v := verdict{id: id}
	var from sender
	var now time.Time
	if c.do(c.ctx, func(l *loop) {
		now = l.serverNow()
		if ct := l.contacts[keys.Fold(claimed)]; ct != nil {
			from = sender{ct.name, ct.key}
		}
	}) != nil {
		return
	}
	v.refuse = true
	if from.key == nil {
		c.refuse(p, v, claimed, errors.New("there is no such user"))
		return
	}
	oldest := envelope.DirectAge
	if p.stored {
		oldest = envelope.StoredAge
	}
	msg, err := c.tier.open(c.ctx, from.name, from.key, now, oldest, p.envelope)
	var alarm *DirectoryError
	var later *notNowError
	switch {
	case errors.As(err, &alarm), errors.As(err, &later):
		c.unable(p, err)
		return
	case (errors.Is(err, errElsewhere) || errors.Is(err, errNotSigned)) && !p.stored:
		// Without a receipt he gives it to the server, whose keys we know when we get it there.
		p.failed(err)
		return
	case errors.Is(err, errElsewhere):
		v.refuse, v.leave = false, true
		c.refuse(p, v, claimed, err)
		return
	case err != nil:
		c.refuse(p, v, claimed, err)
		return
	}
	if c.takeRoom() {
		c.write(func() { c.store(p, from.name, msg) })
	}
}

// unable gives a parcel back that cannot be judged now. An alarm ends the
// client.
func (c *Client) unable(p parcel, why error) {
	if alarm := (*DirectoryError)(nil); errors.As(why, &alarm) {
		c.tell(func(l *loop) { l.giveUp(why) })
	}
	p.failed(why)
}

// A sender is who a message says it is from, as we know him.
type sender struct {
	name string
	key  pin
}

// takeRoom waits until there is room for one more message, or refusal of one,
// that is not shown yet. It reports false if the client ends first.
func (c *Client) takeRoom() bool {
	select {
	case c.room <- struct{}{}:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// store puts a verified message on our disk, unless it was here before, and
// then into the order of its sender's messages. It runs where the disk is
// written, so the window and the order see the messages in the same order.
func (c *Client) store(p parcel, from string, msg *opened) {
	var gaps []envelope.Gap
	var in *profile.Incoming
	err := c.cfg.Profile.Receive(context.WithoutCancel(c.ctx), profile.Sender{Name: from, Key: msg.key}, func(old []byte) ([]byte, *profile.Incoming, error) {
		var w envelope.Window
		if err := w.UnmarshalBinary(old); err != nil {
			return nil, nil, err
		}
		var err error
		if gaps, err = w.Accept(msg.seq, msg.id); err != nil {
			return nil, nil, err
		}
		next, err := w.MarshalBinary()
		in = &profile.Incoming{ID: msg.id, From: from, Time: c.cfg.Now().UnixMilli(), Body: p.envelope}
		return next, in, err
	})
	switch {
	case err == nil:
		c.tell(func(l *loop) {
			ct := l.contacts[keys.Fold(from)]
			a := arrival{seq: msg.seq, msg: message(ct, msg, in.Pos)}
			l.show(ct, ct.from(msg.key).arrive(l.cfg.Now(), a, gaps))
		})
		p.done(verdict{id: msg.id})
	case errors.Is(err, envelope.ErrRepeated):
		<-c.room
		p.done(verdict{id: msg.id})
	case errors.Is(err, envelope.ErrSeqReused), errors.Is(err, envelope.ErrTooLate), errors.Is(err, envelope.ErrSeq):
		c.tell(func(l *loop) { l.emit(Unreadable{From: from, Why: err}) })
		p.done(verdict{id: msg.id, refuse: true})
	default:
		<-c.room
		err = fmt.Errorf("cannot store a message from %s: %w", from, err)
		c.tell(func(l *loop) { l.emit(Notice{err.Error()}) })
		p.failed(err)
	}
}

func message(ct *contact, m *opened, place int64) Message {
	return Message{
		place:    place,
		ID:       m.id,
		From:     ct.name,
		Text:     m.text,
		Sent:     m.sent,
		Verified: ct.verified,
	}
}

// refuse says why a parcel is not accepted here, in the order of its stream.
func (c *Client) refuse(p parcel, v verdict, from string, why error) {
	if keys.CheckName(from) != nil {
		from = "" // nothing of what is not verified reaches a screen unchecked
	}
	if c.takeRoom() {
		c.tell(func(l *loop) { l.emit(Unreadable{From: from, Why: why}) })
		c.write(func() { p.done(v) })
	}
}

// show emits what is in order now.
func (l *loop) show(ct *contact, ready []inOrder) {
	if ct.holding() {
		l.busy[ct] = struct{}{}
	}
	for _, r := range ready {
		if r.missing > 0 {
			l.emit(Gap{From: ct.name, Missing: r.missing})
		}
		l.emit(r.msg)
	}
}

// Shown says that messages have been shown to the person. Until then they are
// on disk and come again in the next run.
func (c *Client) Shown(ctx context.Context, messages ...Message) error {
	places := make([]int64, len(messages))
	for i, m := range messages {
		places[i] = m.place
	}
	return c.cfg.Profile.Shown(ctx, places...)
}

// unshownPage is how many messages of an earlier run are read at a time.
const unshownPage = 32

// replay emits the messages that an earlier run stored and did not show. They
// were verified then, with the key that counted then; they are opened again
// because only the sealed form lies on disk.
func (c *Client) replay() {
	for after := int64(math.MinInt64); ; {
		page, err := c.cfg.Profile.Unshown(c.ctx, after, unshownPage)
		if err != nil {
			if c.ctx.Err() == nil {
				c.tell(func(l *loop) { l.emit(Notice{"cannot read the messages that wait: " + err.Error()}) })
			}
			return
		}
		for _, in := range page {
			c.replayOne(in)
			after = in.Pos
		}
		if len(page) < unshownPage {
			return
		}
	}
}

func (c *Client) replayOne(in profile.Incoming) {
	var from sender
	var now time.Time
	if c.do(c.ctx, func(l *loop) {
		now = l.serverNow()
		if ct := l.contacts[keys.Fold(in.From)]; ct != nil {
			from = sender{ct.name, ct.key}
		}
	}) != nil {
		return
	}
	err := errors.New("there is no such user any more")
	var msg *opened
	if from.key != nil {
		msg, err = c.tier.reopen(from.name, from.key, now, in.Body)
	}
	if !c.takeRoom() {
		return
	}
	if err != nil {
		c.tell(func(l *loop) { l.emit(Unreadable{From: in.From, Why: err}) })
		return
	}
	c.tell(func(l *loop) { l.emit(message(l.contacts[keys.Fold(from.name)], msg, in.Pos)) })
}

// introduced takes the news that somebody will dial us.
func (c *Client) introduced(in wire.Introduce) {
	if c.cfg.Relay {
		return // he will give up and go by the server
	}
	now := time.Now()                                                                          // as the transport, which will ask for it
	c.tier.expect(now, introduction{in.IntroId, in.IntroKey, in.From, expires(now, in.LifeS)}) // full: he goes by the server
}
