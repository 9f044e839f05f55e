package client

import (
	"slices"
	"time"
)

// A place is where an outgoing message is, as far as we know.
type place uint8

const (
	placeHere   place = iota // in our outbox
	placeDirect              // on a direct conn, without a receipt yet
	placeAsking              // in a request to the server, without a reply yet
	placeHeld                // on the server's disk
	placeDone                // delivered or failed
)

// An outgoing is a message of ours whose fate is not known yet.
type outgoing struct {
	id      MessageID
	to      string
	seq     uint64
	place   place
	state   State
	held    bool      // Queued at the server
	said    bool      // its state has been told
	written time.Time // by the server's clock
	size    int       // of the sealed message in bytes; 0 after a restart
	sealed  []byte    // if small; else the profile has it
}

// settled reports whether a client that ends need not wait for the message:
// its fate is known, or the server answers for it because the recipient is
// away.
func (o *outgoing) settled(online bool) bool {
	return o.place == placeDone || o.place == placeHeld && (o.held || !online)
}

// A letter is what leaves the loop of an outgoing message.
type letter struct {
	heading
	to     string
	key    pin    // the recipient's, now that it leaves
	sealed []byte // nil: the profile has it
}

func (o *outgoing) letter(key pin) letter {
	return letter{heading{o.id, o.seq, o.written}, o.to, key, o.sealed}
}

// load reads the sealed message if only the profile has it. What the recipient's devices
// have changed under is sealed anew, so that one that was removed meanwhile can't read it
// and one that was added can. The outbox keeps the text, and what was sealed first: who
// gets both drops the second by its id.
func (m *letter) load(c *Client) (err error) {
	if m.sealed == nil {
		m.sealed, err = c.cfg.Profile.Envelope(c.ctx, m.id)
	}
	if err != nil || c.tier.sealedTo(m.key, m.sealed) {
		return err
	}
	draft, err := c.cfg.Profile.Draft(c.ctx, m.id)
	if err != nil {
		return err
	}
	text, err := c.tier.openDraft(draft)
	if err != nil {
		return err
	}
	m.sealed, err = c.tier.seal(m.to, m.key, m.heading, text)
	return err
}

// A conversation is everything that goes out to one user: the messages in
// their order and the way they take.
type conversation struct {
	to    string // as registered
	route route
	queue []*outgoing // by seq; those that are done are removed
}

// add puts a message into its place, which is the end unless two were sealed
// at once.
func (c *conversation) add(o *outgoing) {
	i := len(c.queue)
	for i > 0 && c.queue[i-1].seq > o.seq {
		i--
	}
	c.queue = slices.Insert(c.queue, i, o)
}

// find gives the message with an id, or nil.
func (c *conversation) find(id MessageID) *outgoing {
	for _, o := range c.queue {
		if o.id == id {
			return o
		}
	}
	return nil
}

// next gives the first message that nobody else has yet, or nil.
func (c *conversation) next() *outgoing {
	for _, o := range c.queue {
		if o.place == placeHere {
			return o
		}
	}
	return nil
}

// asking reports whether a request with a message is under way. One at a time
// keeps the server's mailbox in our order.
func (c *conversation) asking() bool {
	return slices.ContainsFunc(c.queue, func(o *outgoing) bool { return o.place == placeAsking })
}

// broke takes back what was on a direct conn that died without its receipts.
// The recipient drops what he has already by its id.
func (c *conversation) broke() (back int) {
	for _, o := range c.queue {
		if o.place == placeDirect {
			o.place = placeHere
			back++
		}
	}
	return back
}

// done removes a message whose fate is known.
func (c *conversation) done(o *outgoing) {
	o.place = placeDone
	c.queue = slices.DeleteFunc(c.queue, func(x *outgoing) bool { return x == o })
}
