package transport

// sendHalf is the outgoing direction of a stream.
//
//	0 ......... base ........... next ........... end
//	  discarded      on its way        not sent yet
//
// Of what is on its way, acked is settled and lost has to go out again.
type sendHalf struct {
	bytes chain
	base  int64 // everything below is acknowledged
	next  int64 // the lowest offset never sent
	end   int64 // what was written
	acked ranges
	lost  ranges
	limit sendLimit // the peer's credit for this stream; used is next

	fin       bool // end is final
	finSent   bool
	finLost   bool
	finAcked  bool
	reset     bool // given up: see code
	resetSent bool // the RESET is on its way or acknowledged
	resetDone bool
	code      uint64
	stopped   bool // the peer asked for the reset
}

// unsent is how much waits for its first transmission.
func (h *sendHalf) unsent() int64 { return h.end - h.next }

// write appends to the stream.
func (h *sendHalf) write(b []byte) {
	h.bytes.write(h.end, b)
	h.end += int64(len(b))
}

// pending reports whether there is something to put into a packet now, given
// the connection's credit for new bytes.
func (h *sendHalf) pending(credit int64) bool {
	if h.reset {
		return !h.resetSent
	}
	return len(h.lost) > 0 || h.finLost || h.next < h.end && credit > 0 && h.limit.left() > 0 || h.fin && !h.finSent && h.next == h.end
}

// blocked reports whether the stream has new bytes which only credit holds back.
func (h *sendHalf) blocked() bool { return !h.reset && h.next < h.end }

// upcoming is the offset that take will choose.
func (h *sendHalf) upcoming() int64 {
	if len(h.lost) > 0 {
		return h.lost[0].start
	}
	return h.next
}

// take chooses the bytes for a segment of up to room bytes: lost ones first, then
// new ones as far as credit allows. It returns where they are, whether they end
// the stream, and how many of them are new.
func (h *sendHalf) take(room int, credit int64) (offset int64, size int, fin bool, fresh int64) {
	if len(h.lost) > 0 {
		s := h.lost[0]
		s.end = min(s.end, s.start+int64(room))
		h.lost.remove(s.start, s.end)
		offset, size = s.start, int(s.size())
	} else {
		fresh = max(0, min(h.end-h.next, int64(room), credit, h.limit.left()))
		if h.finLost && fresh == 0 {
			offset = h.end
		} else {
			offset, size = h.next, int(fresh)
		}
		h.next += fresh
		h.limit.used = h.next
	}
	if h.fin && offset+int64(size) == h.end {
		fin = true
		h.finSent, h.finLost = true, false
	}
	return offset, size, fin, fresh
}

// onAcked settles bytes. It reports whether there is room for more to be written.
func (h *sendHalf) onAcked(offset int64, size int64, fin bool) {
	if fin {
		h.finAcked = true
		h.finLost = false
	}
	if h.reset {
		return
	}
	h.lost.remove(offset, offset+size)
	start, end := max(offset, h.base), offset+size
	if start >= end {
		return
	}
	if start > h.base || len(h.acked) > 0 {
		h.acked.add(start, end)
		if h.acked[0].start > h.base {
			return
		}
		end = h.acked[0].end
		h.acked = h.acked[:copy(h.acked, h.acked[1:])]
	}
	h.base = end
	h.bytes.discard(h.base)
	if h.base == h.end {
		h.bytes.clear()
		h.bytes.base = h.base / blockSize * blockSize
	}
}

// onLost queues bytes for another transmission, but what has arrived meanwhile
// by another packet.
func (h *sendHalf) onLost(offset int64, size int64, fin bool) {
	if h.reset {
		return
	}
	if fin && !h.finAcked {
		h.finLost = true
	}
	start, end := max(offset, h.base), offset+size
	if start >= end {
		return
	}
	h.lost.add(start, end)
	for _, s := range h.acked {
		h.lost.remove(s.start, s.end)
	}
}

// giveUp resets the stream: what the peer hasn't got yet it never will.
func (h *sendHalf) giveUp(code uint64) {
	if h.reset || h.done() {
		return
	}
	h.reset, h.code = true, code
	h.bytes.clear()
	h.lost, h.acked = nil, nil
	h.end = h.next
}

// done reports whether the peer has everything it will ever get.
func (h *sendHalf) done() bool {
	if h.reset {
		return h.resetDone
	}
	return h.finAcked && h.base == h.end
}
