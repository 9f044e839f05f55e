package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sotto/node/chat"
	"sotto/node/client/profile"
	"sotto/node/envelope"
	"sotto/node/keys"
	"sotto/wire"
)

// Send seals a text for a user and puts it into the outbox. When it returns
// without an error the message is on disk, and StateChanged events say what
// becomes of it. The errors are *UnknownUserError, *KeyChangedError (the text
// is kept as a draft for Trust), ErrTooLong, ErrNotText and those of the
// profile.
func (c *Client) Send(ctx context.Context, to, text string) (MessageID, error) {
	if err := checkText(text); err != nil {
		return MessageID{}, err
	}
	var ct *contact
	var recipient string
	var key pin
	var now time.Time
	var failed error
	err := c.do(ctx, func(l *loop) {
		ct, failed = l.contact(to)
		switch {
		case failed != nil:
		case ct.changed != nil:
			failed = &KeyChangedError{User: ct.name, Fingerprint: keys.Fingerprint(ct.changed.id())}
		default:
			recipient, key, now = ct.name, ct.key, l.serverNow()
		}
	})
	if err := errors.Join(err, failed); err != nil {
		if changed := (*KeyChangedError)(nil); errors.As(err, &changed) {
			err = errors.Join(err, c.keepDraft(changed.User, text))
		}
		return MessageID{}, err
	}
	var sealed []byte
	out, err := c.cfg.Profile.Send(ctx, recipient, now.UnixMilli(), func(seq uint64) (s profile.Sealed, err error) {
		if _, err = io.ReadFull(c.cfg.Random, s.ID[:]); err != nil {
			return s, err
		}
		if s.Envelope, err = c.tier.seal(recipient, key, heading{s.ID, seq, now}, text); err != nil {
			return s, err
		}
		sealed = s.Envelope
		s.Draft, err = c.tier.sealDraft(text)
		return s, err
	})
	if err != nil {
		return MessageID{}, err
	}
	o := &outgoing{id: out.ID, to: recipient, seq: out.Seq, state: Queued, written: now, size: len(sealed)}
	if len(sealed) <= keepSealed {
		o.sealed = sealed
	}
	return o.id, c.do(context.WithoutCancel(ctx), func(l *loop) {
		ct := l.contacts[keys.Fold(recipient)]
		l.add(ct, o)
		l.pump(ct)
		if l.link == nil && ct.direct == nil {
			l.sayQueued(ct)
		}
	})
}

// refusedWhy is the reason of a failure that a recipient's client has decided.
// It does not say more: the recipient has been shown why.
const refusedWhy = "'s client does not accept it"

// directLife is how old a message may be to go directly: recipients take older
// ones from the server only. The limit is envelope.DirectAge, less an ample
// time for the way.
const directLife = envelope.DirectAge - 4*time.Hour

// keepSealed is the largest sealed message that is kept in memory besides on
// disk until it has left.
const keepSealed = 16 << 10

// add puts a message into the conversation with a user.
func (l *loop) add(ct *contact, o *outgoing) {
	ct.out.add(o)
	l.busy[ct] = struct{}{}
}

// pumpAll sends on to everybody.
func (l *loop) pumpAll() {
	for ct := range l.busy {
		l.pump(ct)
	}
}

// pump sends to one user what can be sent now, in order. What was sealed as the
// news of his changed key came, or lay in the outbox then, is not.
func (l *loop) pump(ct *contact) {
	if ct.changed != nil {
		l.stop(ct)
		return
	}
	now := l.cfg.Now()
	for o := ct.out.next(); o != nil; o = ct.out.next() {
		next := ct.out.route.way(now)
		if l.cfg.Relay || ct.name == l.user || l.serverNow().Sub(o.written) > directLife {
			next = wayRelay
		}
		switch next {
		case wayFind:
			if l.link == nil {
				return
			}
			ct.out.route.finding(now)
			k := l.link
			name := ct.name
			l.goDo(func() { l.find(k, name) })
			return
		case wayWait:
			return
		case wayDirect:
			if !ct.direct.take(now, o, ct.key) {
				return
			}
		case wayRelay:
			if l.link == nil || now.Before(ct.retryAt) || ct.out.asking() {
				return
			}
			o.place = placeAsking
			k, m := l.link, o.letter(ct.key)
			l.goDo(func() { l.relay(k, o, m) })
			return
		}
	}
}

// relay gives a message to the server. o belongs to the loop; what of it is
// needed here is in m.
func (c *Client) relay(k *link, o *outgoing, m letter) {
	if err := m.load(c); err != nil {
		c.tell(func(l *loop) { l.fail(l.contacts[keys.Fold(o.to)], o, "cannot read it from the outbox: "+err.Error()) })
		return
	}
	reply, err := c.ask(c.ctx, k, &wire.Request{
		Type: wire.RequestTypeSend,
		Send: wire.SendRequest{To: m.to, Id: wire.MessageId(m.id), Envelope: m.sealed},
	})
	c.tell(func(l *loop) { l.relayed(o, reply, err) })
}

// relayed takes the server's answer for a message.
func (l *loop) relayed(o *outgoing, reply *wire.Reply, err error) {
	ct := l.contacts[keys.Fold(o.to)]
	if o.place != placeAsking { // the recipient's receipt came first
		l.pump(ct)
		return
	}
	var refused *chat.Refusal
	switch {
	case errors.As(err, &refused):
		switch refused.Code {
		case wire.RefusedCodeRateLimited, wire.RefusedCodeUnavailable:
			o.place = placeHere
			ct.retryAt = l.cfg.Now().Add(max(refused.Retry, backoffFirst))
			if refused.Code == wire.RefusedCodeRateLimited {
				l.emit(RateLimited{To: ct.name, Retry: refused.Retry})
			}
		default:
			l.fail(ct, o, refused.Error())
		}
	case err != nil: // the outcome is unknown: the same again when there is contact
		o.place = placeHere
		ct.retryAt = l.cfg.Now().Add(backoffFirst)
	case reply.Send.State == wire.SendStateDelivered:
		l.delivered(ct, o, false)
	case reply.Send.State == wire.SendStateRefused:
		l.fail(ct, o, ct.name+refusedWhy)
	default:
		o.place, o.sealed = placeHeld, nil
		if reply.Send.State == wire.SendStateQueued {
			l.news(o, StateChanged{State: Queued, Held: true})
		} else {
			l.news(o, StateChanged{State: Sent})
		}
	}
	l.pump(ct)
}

// receipt takes the server's word of what became of a message that it kept.
// It is acknowledged only once the outbox knows it.
func (c *Client) receipt(k *link, r wire.Receipt) {
	state, why := profile.Delivered, ""
	switch r.State {
	case wire.ReceiptStateDelivered:
	case wire.ReceiptStateRefused:
		state, why = profile.Failed, r.By+refusedWhy
	default:
		state, why = profile.Failed, r.By+" did not come for it in time; the server dropped it"
	}
	c.write(func() {
		err := c.setState(MessageID(r.Id), state, why)
		c.tell(func(l *loop) {
			if err != nil {
				l.lost(k, fmt.Errorf("cannot write to the profile: %w", err))
				return
			}
			if ct := l.contacts[keys.Fold(r.By)]; ct != nil {
				if o := ct.out.find(MessageID(r.Id)); o != nil && state == profile.Delivered {
					l.delivered(ct, o, false)
				} else if o != nil {
					l.fail(ct, o, why)
				}
			}
			l.ack(k, r.Seq, verdict{})
		})
	})
}

// delivered notes that the recipient has a message.
func (l *loop) delivered(ct *contact, o *outgoing, direct bool) {
	if o.place == placeDone {
		return
	}
	if !o.said {
		l.news(o, StateChanged{State: Sent})
	}
	ct.out.done(o)
	l.news(o, StateChanged{State: Delivered, Direct: direct})
}

// fail notes that a message will not arrive. ct is nil if the user is gone.
func (l *loop) fail(ct *contact, o *outgoing, why string) {
	if o.place == placeDone {
		return
	}
	if ct != nil {
		ct.out.done(o)
	}
	o.place = placeDone
	l.news(o, StateChanged{State: Failed, Why: why})
}

// withdraw notes that a message will not arrive, and makes a draft of it.
func (l *loop) withdraw(ct *contact, o *outgoing, why string) {
	l.fail(ct, o, why)
	l.unsaved.withdraw(o.id)
}

// news says and records a message's state.
func (l *loop) news(o *outgoing, e StateChanged) {
	o.state, o.held, o.said = e.State, e.Held, true
	e.ID, e.To, e.At = o.id, o.to, l.cfg.Now()
	l.emit(e)
	switch {
	case e.Held: // in the outbox it counts as sent: it needs no sending any more
		l.unsaved.set(o.id, Sent, "")
	case e.State != Queued: // the outbox says that from the beginning
		l.unsaved.set(o.id, e.State, e.Why)
	}
}

// sayQueued says of messages that cannot leave now that they are kept.
func (l *loop) sayQueued(ct *contact) {
	for _, o := range ct.out.queue {
		if !o.said && o.place != placeHeld {
			l.news(o, StateChanged{State: Queued})
		}
	}
}

// An Unsettled is a message whose fate is not known when a Drain ends.
type Unsettled struct {
	ID    MessageID
	To    string
	State State
	Held  bool // the server answers for it
}

// Drain waits until the fate of every message is said: delivered, failed, or
// kept by the server for somebody who is offline; and until what waited for us
// at the login has come. If ctx ends before, it gives the messages that are still open.
// Events must be read meanwhile.
func (c *Client) Drain(ctx context.Context) ([]Unsettled, error) {
	settled := make(chan struct{})
	// Also for a ctx that has ended: what is open must be told.
	if err := c.do(context.WithoutCancel(ctx), func(l *loop) { l.drains = append(l.drains, settled) }); err != nil {
		return nil, err
	}
	select {
	case <-settled:
		return nil, nil
	case <-c.ended:
		return nil, ErrClosed
	case <-ctx.Done():
	}
	var open []Unsettled
	err := c.do(context.WithoutCancel(ctx), func(l *loop) {
		l.drains = slices.DeleteFunc(l.drains, func(s chan struct{}) bool { return s == settled })
		for ct := range l.busy {
			for _, o := range ct.out.queue {
				if !o.settled(ct.online) {
					open = append(open, Unsettled{o.id, o.to, o.state, o.place == placeHeld})
				}
			}
		}
	})
	return open, err
}

// checkDrains wakes those who wait in Drain, once nothing is open and all of
// it has been read and written.
func (l *loop) checkDrains() {
	if len(l.drains) == 0 || l.link != nil && !l.link.caughtUp || len(l.pending) > 0 || !l.unsaved.empty() || l.recording {
		return
	}
	for ct := range l.busy {
		for _, o := range ct.out.queue {
			if !o.settled(ct.online) {
				return
			}
		}
	}
	for _, d := range l.drains {
		close(d)
	}
	l.drains = nil
}
