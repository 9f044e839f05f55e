package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/transport"
	"sotto/wire"
)

// askWait is how long the server may take to answer a request before the
// session counts as lost. A long message may take longer: what a link carries
// at the least is slowest, in bytes a second.
const (
	askWait = 5 * time.Second
	slowest = 32 << 10
)

// A link is a session with the server while there is contact.
type link struct {
	conn *transport.Conn
	wake chan struct{} // for the goroutine that writes signals

	// Owned by the loop.
	refused  []uint64 // positions of our mailbox to refuse
	left     []uint64 // and to leave for another device of ours
	leaves   int      // how many were left
	stored   uint64   // the last position that was pushed in this session and is on our disk
	caughtUp bool     // what waited in our mailbox has been taken
}

// linked takes a new session.
func (l *loop) linked(in *login) {
	again := l.met
	l.met = true
	l.link = &link{conn: in.conn, wake: make(chan struct{}, 1)}
	l.loginAt, l.serverAt = in.at, in.serverAt
	l.retry.reset()
	l.retryAt = time.Time{}
	l.emit(Connected{User: in.user, Server: in.conn.PeerAddr(), Again: again})
	if !again {
		l.sayHeld()
	}
	l.takeRoster(in.roster)
	for _, ct := range l.contacts {
		ct.out.route.forget()
		ct.retryAt = time.Time{}
	}
	k := l.link
	l.goDo(func() {
		if !again {
			l.replay()
		}
		l.readControl(k, in.reader)
	})
	l.goDo(func() { l.writeSignals(k, in.control) })
	l.goDo(func() { l.askPresence(k) })
	l.pumpAll()
}

// sayHeld tells of messages of earlier runs that are still on their way.
func (l *loop) sayHeld() {
	for ct := range l.busy {
		n := 0
		for _, o := range ct.out.queue {
			if o.place == placeHeld {
				n++
			}
		}
		if n > 0 {
			l.emit(Held{To: ct.name, Messages: n})
		}
	}
}

// lost says that a session is gone.
func (l *loop) lost(k *link, why error) {
	if l.link != k || l.over != nil {
		return
	}
	l.link = nil
	k.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
	var closed *transport.PeerClosed
	if errors.As(why, &closed) {
		switch wire.CloseCode(closed.Code) {
		case wire.CloseCodeReplaced:
			l.giveUp(ErrReplaced)
			return
		case wire.CloseCodeRemoved:
			l.giveUp(ErrRemoved)
			return
		}
	}
	l.tryLater(why)
}

// tryLater sets when to log in again.
func (l *loop) tryLater(why error) {
	wait := l.retry.next(rand.Float64())
	l.retryAt = l.cfg.Now().Add(wait)
	l.emit(Lost{Why: why, Waiting: l.waiting(), Retry: wait})
	for ct := range l.busy {
		l.sayQueued(ct)
	}
}

// waiting counts the messages that nobody but us has.
func (l *loop) waiting() (n int) {
	for ct := range l.busy {
		for _, o := range ct.out.queue {
			if o.place != placeHeld {
				n++
			}
		}
	}
	return n
}

// relink logs in again, beside the loop.
func (l *loop) relink() {
	l.retryAt = time.Time{}
	l.goDo(func() {
		in, err := l.login(l.ctx, l.server, l.cfg.Patience)
		l.tell(func(l *loop) {
			switch {
			case err == nil:
				l.linked(in)
			case l.ctx.Err() != nil:
			case final(err):
				l.giveUp(err)
			default:
				l.tryLater(err)
			}
		})
	})
}

// readControl reads what the server tells us until the session ends.
func (c *Client) readControl(k *link, r *chat.Reader) {
	why := c.readPushes(k, r)
	if why == nil || errors.Is(why, io.EOF) {
		<-k.conn.Done()
	}
	if err := k.conn.Err(); err != nil {
		why = err
	}
	c.tell(func(l *loop) { l.lost(k, why) })
}

func (c *Client) readPushes(k *link, r *chat.Reader) error {
	for {
		var p wire.Push
		if err := r.Item(&p); err != nil {
			return err
		}
		switch p.Type {
		case wire.PushTypeDeliver:
			seq := p.Deliver.Seq
			c.open(parcel{
				envelope: p.Deliver.Envelope,
				stored:   true,
				done:     func(v verdict) { c.tell(func(l *loop) { l.ack(k, seq, v) }) },
				failed:   func(why error) { c.tell(func(l *loop) { l.lost(k, why) }) },
			})
		case wire.PushTypeReceipt:
			c.receipt(k, p.Receipt)
		case wire.PushTypeIntroduce:
			c.introduced(p.Introduce)
		case wire.PushTypePresence:
			c.tell(func(l *loop) { l.presence(p.Presence.Name, p.Presence.Online == wire.OnlineOnline) })
		case wire.PushTypeManifest, wire.PushTypeTree:
			c.news(&p)
		case wire.PushTypeCaughtUp:
			c.write(func() { c.tell(func(*loop) { k.caughtUp = true }) })
		case wire.PushTypeReplaced:
			c.tell(func(l *loop) { l.giveUp(ErrReplaced) })
			return nil
		}
	}
}

// ack notes that everything in our mailbox up to seq is on our disk, or that
// what is at seq never will be, and says so to the server. It does neither for
// a session that is over, maybe because our disk did not take something before
// seq: that comes again in the next.
func (l *loop) ack(k *link, seq uint64, v verdict) {
	if l.link != k {
		return
	}
	switch {
	case v.leave && k.leaves < wire.MailboxLeaveMax:
		k.left = append(k.left, seq)
		k.leaves++
	case v.refuse, v.leave:
		k.refused = append(k.refused, seq)
	}
	k.stored = max(k.stored, seq)
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// writeSignals writes refusals and acknowledgements on the control stream;
// acknowledgements that come while one is written become one. A position is
// refused before it is acknowledged: the server tells the sender of a message
// that it was delivered otherwise.
func (c *Client) writeSignals(k *link, control *transport.Stream) {
	w := chat.NewWriter(control)
	for {
		select {
		case <-k.wake:
		case <-k.conn.Done():
			return
		case <-c.ctx.Done():
			return
		}
		var refused, left []uint64
		var upTo uint64
		if c.do(c.ctx, func(*loop) {
			refused, left, upTo = k.refused, k.left, k.stored
			k.refused, k.left = nil, nil
		}) != nil {
			return
		}
		for _, seq := range left {
			if w.Item(&wire.Signal{Type: wire.SignalTypeLeave, Leave: wire.MailboxLeave{Seq: seq}}) != nil {
				return
			}
		}
		for _, seq := range refused {
			if w.Item(&wire.Signal{Type: wire.SignalTypeRefuse, Refuse: wire.MailboxRefuse{Seq: seq}}) != nil {
				return
			}
		}
		if w.Item(&wire.Signal{Type: wire.SignalTypeAck, Ack: wire.MailboxAck{UpTo: upTo}}) != nil {
			return
		}
	}
}

// news takes what the server says of the directory during the session.
func (c *Client) news(p *wire.Push) {
	var now time.Time
	if c.do(c.ctx, func(l *loop) { now = l.serverNow() }) != nil {
		return
	}
	roster, err := c.tier.news(c.ctx, p, now)
	c.tell(func(l *loop) {
		switch {
		case final(err):
			l.giveUp(err)
		case err != nil:
			l.emit(Notice{"cannot take the new list of keys: " + err.Error()})
		case roster != nil:
			l.takeRoster(roster)
		}
	})
}

// serverNow is the time by the server's clock, the only one that counts. Ours
// only says how long ago the login was, so it may be set while we run.
func (l *loop) serverNow() time.Time { return l.serverAt.Add(l.cfg.Now().Sub(l.loginAt)) }

// took takes what a tier learned of the directory by itself.
func (c *Client) took(r *roster) error {
	return c.do(c.ctx, func(l *loop) { l.takeRoster(r) })
}

// request makes a request in the present session.
func (c *Client) request(ctx context.Context, req *wire.Request) (*wire.Reply, error) {
	k, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, k, req)
}

// ask makes a request of the server. A server that does not answer has lost
// the session.
func (c *Client) ask(ctx context.Context, k *link, req *wire.Request) (*wire.Reply, error) {
	wait := askWait + time.Duration(len(req.Send.Envelope))*time.Second/slowest
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	reply, err := chat.Ask(waiting, k.conn, req)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		c.tell(func(l *loop) { l.lost(k, &NoAnswerError{Server: c.server, After: wait}) })
	}
	return reply, err
}

// askPresence learns who is online as a session begins; later changes are
// pushed.
func (c *Client) askPresence(k *link) {
	reply, err := c.ask(c.ctx, k, &wire.Request{Type: wire.RequestTypeList})
	if err != nil {
		return
	}
	c.tell(func(l *loop) { l.takeList(reply) })
}

func (l *loop) takeList(reply *wire.Reply) {
	for _, u := range reply.List.Users {
		if ct := l.contacts[keys.Fold(u.Name)]; ct != nil {
			ct.online = u.Online == wire.OnlineOnline
		}
	}
}

// presence takes the news that somebody came or went.
func (l *loop) presence(name string, online bool) {
	ct := l.contacts[keys.Fold(name)]
	if ct == nil || ct.online == online {
		return
	}
	ct.online = online
	ct.out.route.forget()
	l.emit(PresenceChanged{User: ct.name, Online: online})
	l.pump(ct)
}

// logout says goodbye to the server, if it is there.
func (c *Client) logout() {
	ctx, cancel := context.WithTimeout(c.ctx, time.Second)
	defer cancel()
	var k *link
	if c.do(ctx, func(l *loop) {
		k, l.link = l.link, nil
		l.retryAt = time.Time{}
	}) != nil || k == nil {
		return
	}
	chat.Ask(ctx, k.conn, &wire.Request{Type: wire.RequestTypeLogout}) // it ends either way
	k.conn.CloseWithCode(uint64(wire.CloseCodeLogout), "")
}
