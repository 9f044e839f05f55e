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
	list []*block // nil where nothing was written; those before head are gone
	head int
	base int64 // offset of list[head], a multiple of blockSize
}

// write copies b to offset off, which must not be below what was discarded.
func (c *chain) write(off int64, b []byte) {
	for len(b) > 0 {
		i := c.head + int((off-c.base)/blockSize)
		if i >= len(c.list) {
			i = c.grow(i)
		}
		if c.list[i] == nil {
			c.list[i] = blocks.Get().(*block)
		}
		n := copy(c.list[i][off%blockSize:], b)
		b, off = b[n:], off+int64(n)
	}
}

// grow makes place i of the list, and returns where it is then: once half the list is
// gone, the rest moves to its front, so that a long stream needs no new one.
func (c *chain) grow(i int) int {
	if c.head > 0 && c.head >= len(c.list)/2 {
		n := copy(c.list, c.list[c.head:])
		clear(c.list[n:])
		c.list = c.list[:n]
		i -= c.head
		c.head = 0
	}
	for i >= len(c.list) {
		c.list = append(c.list, nil)
	}
	return i
}

// read copies the bytes at off into b.
func (c *chain) read(off int64, b []byte) {
	for len(b) > 0 {
		n := copy(b, c.list[c.head+int((off-c.base)/blockSize)][off%blockSize:])
		b, off = b[n:], off+int64(n)
	}
}

// discard gives up all bytes below off.
func (c *chain) discard(off int64) {
	n := int((off - c.base) / blockSize)
	if n <= 0 {
		return
	}
	c.base += int64(n) * blockSize
	end := min(c.head+n, len(c.list))
	c.drop(end)
	if end == len(c.list) {
		c.list, c.head = c.list[:0], 0
	}
}

// drop gives back the blocks up to place end of the list.
func (c *chain) drop(end int) {
	for i, b := range c.list[c.head:end] {
		if b != nil {
			blocks.Put(b)
			c.list[c.head+i] = nil
		}
	}
	c.head = end
}

// clear gives up everything. The list stays, for what comes next.
func (c *chain) clear() {
	c.drop(len(c.list))
	c.list, c.head = c.list[:0], 0
}

// rest gives up the list as well, if nothing is in it.
func (c *chain) rest() {
	if len(c.list) == 0 {
		c.list = nil
	}
}
