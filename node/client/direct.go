package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"sotto/node/chat"
	"sotto/node/keys"
	"sotto/node/transport"
	"sotto/wire"
)

const (
	// directMax is how many conns with one user are kept: one that each of
	// us dialed, and one that replaces them.
	directMax = 3

	// directWindow is how many messages may be on a direct conn without a
	// receipt.
	directWindow = 64

	// receiptWait is how long a direct conn may go without the receipt of what
	// is on it, besides the time that its bytes take at the slowest. After
	// that the server gets the messages, too.
	receiptWait = 3 * time.Second
)

// A direct is a conn with another user's own socket.
type direct struct {
	conn   *transport.Conn
	device wire.KeyId  // at the other end; zero in the classic tier
	out    chan letter // to the goroutine that writes our messages; room for directWindow
	due    time.Time   // when a receipt must have come; zero if none is awaited
	age    *time.Timer // closes the conn when it is old
	open   int         // messages without a receipt
	size   int         // their bytes
}

// take puts a message on the conn. It reports false if there is no room now.
func (d *direct) take(now time.Time, o *outgoing, key pin) bool {
	select {
	case d.out <- o.letter(key):
	default:
		return false
	}
	o.place = placeDirect
	d.open++
	d.size += o.size
	d.wait(now)
	return true
}

// wait sets when the next receipt must come.
func (d *direct) wait(now time.Time) {
	d.due = now.Add(receiptWait + time.Duration(d.size)*time.Second/slowest)
}

// answered notes a receipt.
func (d *direct) answered(now time.Time, o *outgoing) {
	d.open--
	d.size -= o.size
	if d.wait(now); d.open <= 0 {
		d.open, d.size, d.due = 0, 0, time.Time{}
	}
}

// find looks for a direct conn: the server says where the user is and
// introduces us.
func (c *Client) find(k *link, name string) {
	ctx, cancel := context.WithTimeout(c.ctx, directWait)
	defer cancel()
	reply, err := chat.Ask(ctx, k.conn, &wire.Request{Type: wire.RequestTypeLocate, Locate: wire.LocateRequest{Name: name}})
	if err != nil || reply.Locate.State != wire.OnlineOnline {
		var refused *chat.Refusal
		c.tell(func(l *loop) {
			ct := l.contacts[keys.Fold(name)]
			switch {
			case err == nil:
				ct.out.route.away(l.cfg.Now())
			case errors.As(err, &refused) && refused.Code == wire.RefusedCodeUnknownUser:
				for o := ct.out.next(); o != nil; o = ct.out.next() {
					l.fail(ct, o, refused.Error())
				}
			default:
				ct.out.route.failed(l.cfg.Now())
			}
			l.pump(ct)
		})
		return
	}
	at := reply.Locate.Online
	conn, device, err := c.dial(ctx, name, at)
	c.tell(func(l *loop) {
		ct := l.contacts[keys.Fold(name)]
		if err != nil {
			if ct.direct == nil {
				ct.out.route.failed(l.cfg.Now())
				l.pump(ct)
			}
			return
		}
		l.addDirect(ct, conn, device)
	})
}

// dial makes a conn with a user to whom the server introduced us, and gives the
// device that answered.
func (c *Client) dial(ctx context.Context, name string, at wire.Located) (conn *transport.Conn, device wire.KeyId, err error) {
	hands, err := c.tier.initiate(introduction{at.IntroId, at.IntroKey, name, expires(time.Now(), at.LifeS)})
	if err != nil {
		return nil, device, err
	}
	defer hands.Clear()
	conn, err = c.endpoint.Dial(ctx, chat.AddrPort(&at.Address), initiator{hands})
	_, device, _ = c.tier.partner(hands)
	return conn, device, err
}

// expires is when an introduction ends that lasts for a number of seconds.
func expires(now time.Time, lifeS uint16) time.Time {
	return now.Add(time.Duration(lifeS) * time.Second)
}

// acceptPeers takes the conns of users who dial us.
func (c *Client) acceptPeers() {
	for {
		conn, err := c.endpoint.Accept(c.ctx)
		if err != nil {
			return
		}
		name, device, ok := c.tier.partner(conn.Peer())
		if !ok {
			conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
			continue
		}
		c.tell(func(l *loop) {
			if ct := l.contacts[keys.Fold(name)]; ct != nil {
				l.addDirect(ct, conn, device)
			} else {
				conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
			}
		})
	}
}

// addDirect takes a conn with a user, whoever dialed. The newest one carries
// our messages: it is the one that certainly works. One that dropStrangers would
// take away is not taken.
func (l *loop) addDirect(ct *contact, conn *transport.Conn, device wire.KeyId) {
	if !ct.welcomes(device) {
		conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		if ct.direct == nil {
			ct.out.route.failed(l.cfg.Now())
			l.pump(ct)
		}
		return
	}
	conn.SetKeepAlive(keepAlive)
	d := &direct{conn: conn, device: device, out: make(chan letter, directWindow)}
	d.age = time.AfterFunc(wire.ConnAge*time.Second, func() {
		conn.CloseWithCode(uint64(wire.CloseCodeRenew), "")
	})
	ct.directs = append(ct.directs, d)
	l.busy[ct] = struct{}{}
	if ct.direct == nil || ct.direct.open == 0 {
		ct.direct = d
	}
	if len(ct.directs) > directMax {
		for _, old := range ct.directs {
			if old != ct.direct {
				l.directLost(old, errors.New("too many conns"))
				break
			}
		}
	}
	ct.out.route.connected()
	name := ct.name
	l.goDo(func() { l.readPeer(d, name) })
	l.goDo(func() { l.writePeer(d, name) })
	l.pump(ct)
}

// dropStrangers takes the conns away that are not with a device of the user any
// more. Whoever has it could not read what we send, but keep it from him and say
// that he has it.
func (l *loop) dropStrangers(ct *contact) {
	for _, d := range slices.Clone(ct.directs) {
		if !ct.welcomes(d.device) {
			l.directLost(d, errStranger)
		}
	}
}

var errStranger = errors.New("the device is not the user's any more")

// welcomes reports whether there may be a conn with a device.
func (ct *contact) welcomes(device wire.KeyId) bool { return ct.changed == nil && ct.key.at(device) }

// directLost takes a conn away. What was on it without a receipt goes by the
// server; the recipient drops what he has already.
func (l *loop) directLost(d *direct, why error) {
	for ct := range l.busy {
		at := -1
		for i, x := range ct.directs {
			if x == d {
				at = i
			}
		}
		if at < 0 {
			continue
		}
		ct.directs = append(ct.directs[:at], ct.directs[at+1:]...)
		d.age.Stop()
		d.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
		if ct.direct != d {
			return
		}
		ct.direct = nil
		if ct.out.broke() > 0 {
			ct.out.route.failed(l.cfg.Now())
		} else {
			ct.out.route = route{}
		}
		if len(ct.directs) > 0 {
			ct.direct = ct.directs[len(ct.directs)-1]
			ct.out.route.connected()
		}
		l.pump(ct)
		return
	}
}

// writePeer writes our messages to a conn, over one stream so that they stay
// in order. The stream is opened with the first message.
func (c *Client) writePeer(d *direct, name string) {
	var w *chat.Writer
	for {
		var m letter
		select {
		case m = <-d.out:
		case <-d.conn.Done():
			return
		case <-c.ctx.Done():
			return
		}
		if w == nil {
			s, err := d.conn.OpenStream(c.ctx)
			if err != nil {
				return // readPeer sees the conn end
			}
			w = chat.NewWriter(s)
			c.goDo(func() { c.readReceipts(d, s, name) })
		}
		if m.load(c) != nil {
			continue // delivered or failed meanwhile
		}
		item := &wire.PeerItem{Type: wire.PeerItemTypeEnvelope, Envelope: wire.PeerEnvelope{Envelope: m.sealed}}
		if err := w.Item(item); err != nil {
			d.conn.CloseWithCode(uint64(wire.CloseCodeDone), "")
			return
		}
	}
}

// readReceipts reads what a user answers to our messages.
func (c *Client) readReceipts(d *direct, s *transport.Stream, name string) {
	r := chat.NewReader(s, chat.MaxSignal)
	for {
		var item wire.PeerItem
		if err := r.Item(&item); err != nil {
			d.conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
			return
		}
		if item.Type == wire.PeerItemTypeReceipt {
			c.tell(func(l *loop) { l.peerReceipt(d, name, item.Receipt) })
		}
	}
}

// peerReceipt takes a recipient's word for a message. He can speak only of
// those that went to him.
func (l *loop) peerReceipt(d *direct, name string, r wire.PeerReceipt) {
	ct := l.contacts[keys.Fold(name)]
	o := ct.out.find(MessageID(r.Id))
	if o == nil {
		return
	}
	if o.place == placeDirect && ct.direct == d {
		d.answered(l.cfg.Now(), o)
	}
	if r.Verdict == wire.PeerVerdictStored {
		l.delivered(ct, o, true)
	} else {
		l.fail(ct, o, ct.name+refusedWhy)
	}
	l.pump(ct)
}

// readPeer takes the one stream on which a user sends, until his conn ends.
func (c *Client) readPeer(d *direct, name string) {
	for opened := false; ; opened = true {
		s, err := d.conn.AcceptStream(c.ctx)
		if err != nil {
			break
		}
		if opened {
			d.conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "a second stream")
			break
		}
		c.goDo(func() { c.readEnvelopes(d, s, name) })
	}
	c.tell(func(l *loop) { l.directLost(d, d.conn.Err()) })
}

// readEnvelopes reads a user's messages and answers each after it is on our
// disk. He never ends the stream but with the conn.
func (c *Client) readEnvelopes(d *direct, s *transport.Stream, name string) {
	receipts := make(chan verdict, 2*directWindow)
	c.goDo(func() { c.writeReceipts(d, s, receipts) })
	r := chat.NewReader(s, chat.MaxPeerItem)
	for {
		var item wire.PeerItem
		if err := r.Item(&item); err != nil {
			d.conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
			return
		}
		if item.Type != wire.PeerItemTypeEnvelope {
			continue
		}
		c.open(parcel{
			envelope: item.Envelope.Envelope,
			via:      name,
			done: func(v verdict) {
				select {
				case receipts <- v:
				default: // he does not read his receipts
					d.conn.CloseWithCode(uint64(wire.CloseCodeTooSlow), "")
				}
			},
			failed: func(error) {}, // without a receipt he gives it to the server
		})
	}
}

// writeReceipts answers a user's messages until his conn ends.
func (c *Client) writeReceipts(d *direct, s *transport.Stream, receipts <-chan verdict) {
	w := chat.NewWriter(s)
	for {
		var v verdict
		select {
		case v = <-receipts:
		case <-d.conn.Done():
			return
		case <-c.ctx.Done():
			return
		}
		said := wire.PeerVerdictStored
		if v.refuse {
			said = wire.PeerVerdictRefused
		}
		err := w.Item(&wire.PeerItem{Type: wire.PeerItemTypeReceipt, Receipt: wire.PeerReceipt{
			Id: wire.MessageId(v.id), Verdict: said, TimeMs: uint64(c.cfg.Now().UnixMilli()),
		}})
		if err != nil {
			d.conn.CloseWithCode(uint64(wire.CloseCodeProtocolError), "")
			return
		}
	}
}
