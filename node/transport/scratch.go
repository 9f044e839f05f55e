package transport

import (
	"sync"

	"sotto/wire"
)

// A scratch is where a connection decodes and encodes. It has one only while it reads or
// writes packets: most connections do nothing most of the time.
type scratch struct {
	seg  wire.Segment
	head wire.Packet
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// begin gets a scratch, unless there is one already, and reports whether it did.
func (c *state) begin() bool {
	if c.work != nil {
		return false
	}
	c.work = scratches.Get().(*scratch)
	return true
}

// finish gives it back, if begin got it.
func (c *state) finish(got bool) {
	if got {
		scratches.Put(c.work)
		c.work = nil
	}
}
