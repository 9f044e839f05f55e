package transport

import (
	"net/netip"
	"sync"

	"sotto/wire"
)

// handshakePacket gives a handshake packet to its connection, and returns the
// connection if it may have something to send.
func (c *Conn) handshakePacket(now instant, from netip.AddrPort, size int, p *wire.Packet, k *wire.KexSegment) *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.st.hs
	known := c.st.peer == p.Hello.Source || c.st.initiator && h != nil && h.step == 0
	if h == nil || c.st.phase > phaseOpen || from != c.st.path.to || !known {
		c.end.count.stale.Add(1)
		return nil
	}
	c.st.path.in += size
	ours := p.Type == wire.PacketTypeAccept
	if c.st.initiator {
		ours = ours || p.Type == wire.PacketTypeRetry
	} else {
		ours = ours || p.Type == wire.PacketTypeHello
	}
	switch {
	case !ours:
		c.end.count.stale.Add(1)
		return nil
	case p.Type == wire.PacketTypeRetry:
		c.onRetry(now, p, k)
	case k.Step < h.expect:
		if k.Offset == 0 {
			h.again(now) // the peer hasn't got our answer
		}
	default:
		if c.st.initiator && !h.answered {
			c.heard(now)
		}
		message, ok := h.receive(k)
		if !ok {
			c.end.count.stale.Add(1)
		}
		if message != nil {
			if !c.st.initiator && h.message != nil && h.tries == 1 {
				h.rtt = now.sub(h.sentAt)
			}
			h.inbox = append(h.inbox, kexMessage{step: k.Step, bytes: message, peer: p.Hello.Source})
			c.deliver()
		}
	}
	return c
}

// onRetry keeps a RETRY for the one who dials. Several may be kept: the first
// need not be the genuine one.
func (c *Conn) onRetry(now instant, p *wire.Packet, k *wire.KexSegment) {
	h := c.st.hs
	whole := k.Step == 1 && k.Offset == 0 && int(k.Total) == len(k.Bytes)
	if h.step != 0 || h.message == nil || !whole || len(p.Hello.Token) == 0 || p.Hello.Source == 0 || len(h.inbox) >= maxInbox {
		c.end.count.stale.Add(1)
		return
	}
	c.heard(now)
	h.inbox = append(h.inbox, kexMessage{
		step: 1, retry: true, peer: p.Hello.Source,
		bytes: append([]byte(nil), k.Bytes...), token: append([]byte(nil), p.Hello.Token...),
	})
	notify(c.handshake)
}

// heard takes note of the first answer. Its delay is a round trip if nothing was
// sent twice.
func (c *Conn) heard(now instant) {
	h := c.st.hs
	if !h.answered && h.tries == 1 {
		h.rtt = now.sub(h.sentAt)
	}
	h.answered = true
}

// deliver gives a whole message to whoever works on it.
func (c *Conn) deliver() {
	if c.st.initiator {
		notify(c.handshake)
		return
	}
	c.st.hs.working = true
	if !c.end.workers.submit(c) {
		// No room: the peer will repeat the message.
		c.st.hs.working = false
		c.st.hs.inbox = nil
		c.end.count.full.Add(1)
	}
}

// respond works on a responder's message. It runs in a worker.
func (c *Conn) respond() {
	c.mu.Lock()
	h := c.st.hs
	if c.st.phase != phaseHandshake || h == nil || len(h.inbox) == 0 {
		c.mu.Unlock()
		return
	}
	m := h.inbox[0]
	h.inbox = nil
	run, e := c.run, c.end
	c.run = nil
	from, conn := c.st.path.to, connHash(c.st.peer, c.st.local, c.first)
	c.mu.Unlock()

	if run == nil {
		run = e.cfg.Responder.Begin(e.clock.wall(e.clock.now()), from, conn)
	}
	reply, secrets, err := run.Next(e.clock.wall(e.clock.now()), m.bytes)
	whole, link := false, 0
	if secrets != nil {
		whole, link = e.pathSizes(from)
	}

	c.mu.Lock()
	defer c.flush()
	c.st.whole, c.st.link = whole, link
	if c.st.phase != phaseHandshake { // it was closed meanwhile
		if secrets != nil {
			secrets.Clear()
		}
		giveUp(run)
		return
	}
	c.run = run
	now := e.clock.now()
	if err == nil && secrets != nil {
		err = c.st.install(now, secrets)
		secrets.Clear()
	}
	if err != nil {
		e.count.failed.Add(1)
		c.st.err = err
		c.st.end(now)
		return
	}
	c.st.advance(now, &m, reply, false)
	if secrets == nil {
		return
	}
	c.peer, c.run = run.Peer(), nil
	if reply == nil {
		// The message that gave us the keys is proof that the peer has them.
		early := c.st.hs.early
		c.st.confirm(now)
		c.offer()
		c.open(early)
		return
	}
	c.early()
}

// giveUp clears a run that will not end well, if there is one.
func giveUp(run Handshake) {
	if r, ok := run.(Clearer); ok {
		r.Clear()
	}
}

// workers run responders' handshakes: a bounded number at a time, for a bounded
// number of waiting messages, in goroutines that exist only while there is work. Those
// who have proven their address and those who haven't wait in lines of their own, which
// are served in turn: neither can crowd the other out.
type workers struct {
	limit int

	mu      sync.Mutex
	running int
	lines   [2][]*Conn // with a token, and without
	turn    int
}

// submit queues a connection's message. It is called with the connection's lock, and
// reports false if too many wait.
func (w *workers) submit(c *Conn) bool {
	line := 0
	if h := c.stranger; h != nil && !h.proven {
		line = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines[line]) >= maxJobs {
		return false
	}
	if w.running < w.limit {
		if !c.end.enter() {
			return false
		}
		w.running++
		go w.run(c)
		return true
	}
	w.lines[line] = append(w.lines[line], c)
	return true
}

// next is the connection whose turn it is; nil if none waits. It is called with the lock.
func (w *workers) next() *Conn {
	for range w.lines {
		w.turn = (w.turn + 1) % len(w.lines)
		if line := &w.lines[w.turn]; len(*line) > 0 {
			c := (*line)[0]
			(*line)[0] = nil
			*line = (*line)[1:]
			return c
		}
	}
	return nil
}

func (w *workers) run(c *Conn) {
	defer c.end.wg.Done()
	for {
		c.respond()
		w.mu.Lock()
		if c = w.next(); c == nil {
			w.running--
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
	}
}
