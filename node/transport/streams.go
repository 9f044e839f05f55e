package transport

import "errors"

var (
	errStreamLimit   = errors.New("stream beyond the number granted")
	errStreamUnknown = errors.New("segment for a stream that was never opened")
)

// smallUnsent is how much a stream may have to say and still go before the
// others: a chat message doesn't wait for a file.
const smallUnsent = 4096

type queueKind uint8

const (
	queueNone queueKind = iota
	queueUrgent
	queueBulk
	queueStarved // waits for the connection's credit
	queueKinds
)

// A streamQueue is a list of streams, linked through the streams themselves.
type streamQueue struct{ head, tail *Stream }

// streamTable is all streams of a connection: the open ones by number, those that
// wait for Accept, and those that have something to send.
type streamTable struct {
	side     uint64 // the lowest bit of the streams that we open
	byID     map[uint64]*Stream
	nextOwn  uint64 // how many we have opened
	nextPeer uint64 // how many the peer has
	allowed  uint64 // how many we may open
	granted  uint64 // how many the peer may open
	retired  uint64 // how many of the peer's are over
	announce bool   // the peer has to be told of granted

	backlog []*Stream
	queues  [queueKinds]streamQueue

	news []*Stream // whose readers have to be woken

	acceptWake, openWake, datagramWake chan struct{}
}

func (t *streamTable) init(initiator bool) {
	if !initiator {
		t.side = 1
	}
	t.allowed, t.granted = maxStreams, maxStreams
}

// open makes a stream of ours, or returns nil if the peer allows no more.
func (t *streamTable) open(c *state) *Stream {
	if t.nextOwn >= t.allowed {
		return nil
	}
	s := t.make(t.nextOwn<<1 | t.side)
	t.nextOwn++
	s.open = true
	t.schedule(s)
	return s
}

func (t *streamTable) make(id uint64) *Stream {
	s := &Stream{id: id}
	s.send.limit.limit = streamWindow
	s.receive.window = newReceiveWindow(streamWindow, maxStreamWindow)
	s.receive.final = -1
	if t.byID == nil {
		t.byID = make(map[uint64]*Stream)
	}
	t.byID[id] = s
	return s
}

// find is the stream that a segment is about, nil if it is over. A number of the
// peer's that is new opens the stream.
func (t *streamTable) find(c *state, id uint64) (*Stream, error) {
	if s := t.byID[id]; s != nil {
		return s, nil
	}
	if id&1 == t.side {
		if id>>1 >= t.nextOwn {
			return nil, errStreamUnknown
		}
		return nil, nil
	}
	if id>>1 < t.nextPeer {
		return nil, nil
	}
	if id>>1 >= t.granted {
		return nil, errStreamLimit
	}
	// The first segments of earlier streams may have been overtaken: a stream opens
	// all before it.
	var s *Stream
	for t.nextPeer <= id>>1 {
		s = t.make(t.nextPeer<<1 | t.side ^ 1)
		s.conn, s.waiting = c.shell, true
		t.nextPeer++
		t.backlog = append(t.backlog, s)
	}
	notify(t.acceptWake)
	return s, nil
}

// raise takes the peer's new limit of streams.
func (t *streamTable) raise(limit uint64) {
	if limit > t.allowed {
		t.allowed = limit
		notify(t.openWake)
	}
}

// hasNews takes note that something came for a stream.
func (t *streamTable) hasNews(s *Stream) {
	if s.readWake != nil && !s.news {
		s.news = true
		t.news = append(t.news, s)
	}
}

// tell wakes those who wait for what came. It is called after a whole run of packets:
// who is woken wants the connection's lock. It reports whether there is anybody.
func (t *streamTable) tell() bool {
	woken := len(t.news) > 0
	for i, s := range t.news {
		s.news, t.news[i] = false, nil
		notify(s.readWake)
	}
	t.news = t.news[:0]
	return woken
}

// retire forgets a stream that is over in both directions, and lets the peer open
// another instead of its own.
func (t *streamTable) retire(c *state, s *Stream) {
	if s.retired || !s.send.done() || !s.receive.done() {
		return
	}
	if s.waiting {
		return // or a peer that stops and resets its streams at once could pile them up
	}
	s.retired = true
	t.unschedule(s)
	s.send.bytes.clear()
	s.receive.bytes.clear()
	delete(t.byID, s.id)
	if s.id&1 == t.side {
		return
	}
	t.retired++
	if limit := t.retired + maxStreams; limit-t.granted >= maxStreams/4 {
		t.granted, t.announce = limit, true
	}
}

// schedule queues a stream that may have something to send.
func (t *streamTable) schedule(s *Stream) {
	if s.queue == queueStarved && s.pending(0) {
		// What it has to say needs no credit: a retransmission, or credit for the peer.
		t.unschedule(s)
	}
	if s.queue != queueNone || s.retired {
		return
	}
	if s.send.unsent() <= smallUnsent {
		t.push(queueUrgent, s)
	} else {
		t.push(queueBulk, s)
	}
}

func (t *streamTable) unschedule(s *Stream) {
	if s.queue == queueNone {
		return
	}
	q := &t.queues[s.queue]
	if s.before != nil {
		s.before.after = s.after
	} else {
		q.head = s.after
	}
	if s.after != nil {
		s.after.before = s.before
	} else {
		q.tail = s.before
	}
	s.before, s.after, s.queue = nil, nil, queueNone
}

func (t *streamTable) push(k queueKind, s *Stream) {
	q := &t.queues[k]
	s.queue, s.before, s.after = k, q.tail, nil
	if q.tail != nil {
		q.tail.after = s
	} else {
		q.head = s
	}
	q.tail = s
}

// first is the stream whose turn it is; nil if none has anything to send.
func (t *streamTable) first() *Stream {
	if s := t.queues[queueUrgent].head; s != nil {
		return s
	}
	return t.queues[queueBulk].head
}

// busy reports whether a stream has something to send.
func (t *streamTable) busy() bool { return t.first() != nil }

// rotate puts a stream that filled a packet behind the others.
func (t *streamTable) rotate(s *Stream) {
	t.unschedule(s)
	t.push(queueBulk, s)
}

// starve puts aside a stream that waits for the connection's credit.
func (t *streamTable) starve(s *Stream) {
	t.unschedule(s)
	t.push(queueStarved, s)
}

// unblock queues the streams that waited for credit.
func (t *streamTable) unblock() {
	for s := t.queues[queueStarved].head; s != nil; s = t.queues[queueStarved].head {
		t.unschedule(s)
		t.schedule(s)
	}
}

// release gives back the memory of all streams and wakes everybody: the
// connection is over.
func (t *streamTable) release() {
	for _, s := range t.byID {
		s.send.bytes.clear()
		// What has arrived in full may still be read.
		notify(s.readWake)
		notify(s.writeWake)
	}
	t.queues = [queueKinds]streamQueue{}
	notify(t.acceptWake)
	notify(t.openWake)
	notify(t.datagramWake)
}

// notify leaves a token for whoever waits on a channel, or will.
func notify(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
