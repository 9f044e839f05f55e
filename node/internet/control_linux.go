package internet

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A control holds the control messages of one message to or from the kernel: how long the
// datagrams of a run are, and the mark in their IP headers.
type control struct {
	_   [0]unix.Cmsghdr // for its alignment
	raw [64]byte
	n   int
}

// room is what a control has for the kernel to write into.
const controlRoom = len(control{}.raw)

func (c *control) clear() { c.n = 0 }

// add appends a control message and returns the place of its value.
func (c *control) add(level, kind int32, size int) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c.raw[c.n]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	at := c.n + unix.CmsgLen(0)
	c.n += unix.CmsgSpace(size)
	return c.raw[at : at+size]
}

// cut tells the kernel where to cut a run.
func (c *control) cut(seg int) {
	binary.NativeEndian.PutUint16(c.add(unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2), uint16(seg))
}

// mark sets the mark of the datagrams.
func (c *control) mark(m Mark, v4 bool) {
	level, kind := int32(unix.IPPROTO_IPV6), int32(unix.IPV6_TCLASS)
	if v4 {
		level, kind = unix.IPPROTO_IP, unix.IP_TOS
	}
	binary.NativeEndian.PutUint32(c.add(level, kind, 4), uint32(m))
}

// received reads what the kernel wrote: how long the datagrams are that it merged, 0 if it
// received a single one, and their mark.
func (c *control) received(h *unix.Msghdr) (seg int, m Mark) {
	n := min(int(h.Controllen), len(c.raw))
	for at := 0; at+unix.CmsgLen(0) <= n; {
		head := (*unix.Cmsghdr)(unsafe.Pointer(&c.raw[at]))
		size := int(head.Len) - unix.CmsgLen(0)
		start := at + unix.CmsgLen(0)
		if size < 0 || start+size > n {
			break
		}
		v := c.raw[start : start+size]
		switch {
		case head.Level == unix.IPPROTO_UDP && head.Type == unix.UDP_GRO && size >= 4:
			seg = int(int32(binary.NativeEndian.Uint32(v)))
		case head.Level == unix.IPPROTO_IP && head.Type == unix.IP_TOS && size >= 1:
			m = Mark(v[0] & markMask)
		case head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_TCLASS && size >= 4:
			m = Mark(binary.NativeEndian.Uint32(v) & markMask)
		}
		at += unix.CmsgSpace(size)
	}
	return seg, m
}
