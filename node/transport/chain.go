package transport

import "sync"

// blockSize is the unit in which streams hold memory.
const blockSize = 4096

type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

// A chain holds the bytes of one direction of a stream from some offset on, in
// pooled blocks, so that an idle stream holds nothing. Bytes may be written with
// gaps; a block exists only where something was written. Whoever uses a chain
// knows which bytes are there.
type chain struct {
	list []*block // nil where nothing was written
	base int64    // offset of list[0], a multiple of blockSize
}

// write copies b to offset off, which must not be below what was discarded.
func (c *chain) write(off int64, b []byte) {
	for len(b) > 0 {
		i := int((off - c.base) / blockSize)
		for i >= len(c.list) {
			c.list = append(c.list, nil)
		}
		if c.list[i] == nil {
			c.list[i] = blocks.Get().(*block)
		}
		n := copy(c.list[i][off%blockSize:], b)
		b, off = b[n:], off+int64(n)
	}
}

// read copies the bytes at off into b.
func (c *chain) read(off int64, b []byte) {
	for len(b) > 0 {
		n := copy(b, c.list[(off-c.base)/blockSize][off%blockSize:])
		b, off = b[n:], off+int64(n)
	}
}

// discard gives up all bytes below off.
func (c *chain) discard(off int64) {
	n := int((off - c.base) / blockSize)
	if n <= 0 {
		return
	}
	gone := min(n, len(c.list))
	for i, b := range c.list[:gone] {
		if b != nil {
			blocks.Put(b)
		}
		c.list[i] = nil
	}
	c.base += int64(n) * blockSize
	if gone == len(c.list) {
		c.list = c.list[:0]
		return
	}
	c.list = c.list[gone:]
}

// clear gives up everything.
func (c *chain) clear() {
	for _, b := range c.list {
		if b != nil {
			blocks.Put(b)
		}
	}
	clear(c.list)
	c.list = c.list[:0]
	if cap(c.list) > 16 {
		c.list = nil
	}
}
